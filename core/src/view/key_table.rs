//! A map by keys of a view.

use super::keys::KeyIx;

/// A map from some keys of a view, which have small numbers. A look-up costs two array accesses. A
/// key without a value costs four bytes. The order is arbitrary, but the same after the same
/// changes.
#[derive(Debug)]
pub struct KeyTable<T> {
    /// The index of each key's value in `values`, or [`NOWHERE`].
    places: Vec<u32>,
    values: Vec<(KeyIx, T)>,
}

/// The index of a key without a value.
const NOWHERE: u32 = u32::MAX;

impl<T> Default for KeyTable<T> {
    fn default() -> Self {
        Self { places: Vec::new(), values: Vec::new() }
    }
}

impl<T> KeyTable<T> {
    fn place(&self, ix: KeyIx) -> Option<usize> {
        let place = *self.places.get(ix.index())?;
        (place != NOWHERE).then_some(place as usize)
    }

    /// The key's value.
    pub fn get(&self, ix: KeyIx) -> Option<&T> {
        self.place(ix).map(|place| &self.values[place].1)
    }

    /// The key's value, to change it.
    pub fn get_mut(&mut self, ix: KeyIx) -> Option<&mut T> {
        self.place(ix).map(|place| &mut self.values[place].1)
    }

    /// Whether the key has a value.
    pub fn contains(&self, ix: KeyIx) -> bool {
        self.place(ix).is_some()
    }

    /// Sets the value of the key. Returns the previous value.
    ///
    /// # Panics
    /// Never: there are fewer keys than 2^32 - 1.
    pub fn insert(&mut self, ix: KeyIx, value: T) -> Option<T> {
        if let Some(held) = self.get_mut(ix) {
            return Some(std::mem::replace(held, value));
        }
        if self.places.len() <= ix.index() {
            self.places.resize(ix.index() + 1, NOWHERE);
        }
        self.places[ix.index()] = u32::try_from(self.values.len()).expect("fewer than keys");
        self.values.push((ix, value));
        None
    }

    /// Removes the value of the key, and returns it.
    ///
    /// # Panics
    /// Never: a place that is moved to was a place before.
    pub fn remove(&mut self, ix: KeyIx) -> Option<T> {
        let place = self.place(ix)?;
        self.places[ix.index()] = NOWHERE;
        let (_, value) = self.values.swap_remove(place);
        if let Some((moved, _)) = self.values.get(place) {
            self.places[moved.index()] = u32::try_from(place).expect("it was a place before");
        }
        Some(value)
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The first key with a value after this one. With `None`, the first key with a value.
    ///
    /// Passes over four bytes for each key in between.
    pub fn next_after(&self, ix: Option<KeyIx>) -> Option<KeyIx> {
        let from = ix.map_or(0, |ix| ix.index() + 1);
        let place = self.places.get(from..)?.iter().find(|place| **place != NOWHERE)?;
        Some(self.values[*place as usize].0)
    }

    /// The keys with a value, in the order of their numbers.
    pub fn keys(&self) -> Vec<KeyIx> {
        let mut keys: Vec<_> = self.values.iter().map(|(ix, _)| *ix).collect();
        keys.sort_unstable();
        keys
    }

    /// The keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (KeyIx, &T)> {
        self.values.iter().map(|(ix, value)| (*ix, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_table_is_a_map(steps in proptest::collection::vec((0u32..20, any::<Option<u8>>()), 0..200)) {
            let (mut table, mut map) = (KeyTable::default(), BTreeMap::new());
            for (at, value) in steps {
                let ix = KeyIx::from_index(at);
                let (before, expected) = if let Some(value) = value {
                    (table.insert(ix, value), map.insert(ix, value))
                } else {
                    (table.remove(ix), map.remove(&ix))
                };
                prop_assert_eq!(before, expected);
                let in_order: BTreeMap<_, _> = table.iter().map(|(ix, value)| (ix, *value)).collect();
                prop_assert_eq!(&in_order, &map);
                for at in 0..21 {
                    let ix = KeyIx::from_index(at);
                    prop_assert_eq!(table.get(ix), map.get(&ix));
                    prop_assert_eq!(table.contains(ix), map.contains_key(&ix));
                }
                prop_assert_eq!(table.is_empty(), map.is_empty());
                prop_assert_eq!(table.keys(), map.keys().copied().collect::<Vec<_>>());
                let mut walk = std::iter::successors(table.next_after(None), |ix| table.next_after(Some(*ix)));
                prop_assert!(walk.by_ref().eq(map.keys().copied()));
            }
        }
    }
}
