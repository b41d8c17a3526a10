//! A map by sessions of a view.

use super::owners::OwnerIx;

/// A map from sessions, which are few and have small numbers. A look-up costs one array access.
#[derive(Debug, Clone)]
pub struct OwnerMap<T>(Vec<Option<T>>);

impl<T> Default for OwnerMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> OwnerMap<T> {
    /// The value of the session.
    pub fn get(&self, owner: OwnerIx) -> Option<&T> {
        self.0.get(owner.index())?.as_ref()
    }

    /// The value of the session, to change it.
    pub fn get_mut(&mut self, owner: OwnerIx) -> Option<&mut T> {
        self.0.get_mut(owner.index())?.as_mut()
    }

    /// Whether the session has a value.
    pub fn contains(&self, owner: OwnerIx) -> bool {
        self.get(owner).is_some()
    }

    /// The value of the session, created if it is missing. `owner` must not be [`OwnerIx::NONE`].
    pub fn entry(&mut self, owner: OwnerIx) -> &mut T
    where
        T: Default,
    {
        debug_assert!(owner.is_some());
        if self.0.len() <= owner.index() {
            self.0.resize_with(owner.index() + 1, || None);
        }
        self.0[owner.index()].get_or_insert_default()
    }

    /// Sets the value of the session.
    pub fn insert(&mut self, owner: OwnerIx, value: T)
    where
        T: Default,
    {
        *self.entry(owner) = value;
    }

    /// Removes the value of the session.
    pub fn remove(&mut self, owner: OwnerIx) {
        if let Some(slot) = self.0.get_mut(owner.index()) {
            *slot = None;
        }
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the values of the sessions for which the condition holds.
    pub fn retain(&mut self, keep: impl Fn(OwnerIx) -> bool) {
        for (at, slot) in (0u32..).zip(&mut self.0) {
            slot.take_if(|_| !keep(OwnerIx::from_index(at)));
        }
    }

    /// The sessions with their values, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OwnerIx, &T)> {
        (0u32..)
            .zip(&self.0)
            .filter_map(|(at, value)| Some((OwnerIx::from_index(at), value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_map_is_a_map() {
        let owner = OwnerIx::from_index;
        let mut map = OwnerMap::default();
        for at in [5, 1, 3] {
            map.insert(owner(at), at);
        }
        map.insert(owner(3), 30);
        *map.entry(owner(5)) += 1;
        let all =
            |map: &OwnerMap<u32>| map.iter().map(|(at, value)| (at, *value)).collect::<Vec<_>>();
        assert_eq!(all(&map), [(owner(1), 1), (owner(3), 30), (owner(5), 6)]);
        assert!(map.contains(owner(1)) && !map.contains(owner(2)) && !map.contains(owner(9)));
        assert_eq!((map.get(owner(0)), map.get(OwnerIx::NONE)), (None, None));
        map.remove(owner(1));
        map.remove(owner(9));
        map.retain(|at| at != owner(5));
        assert_eq!(all(&map), [(owner(3), 30)]);
        map.clear();
        assert_eq!(all(&map), []);
    }
}
