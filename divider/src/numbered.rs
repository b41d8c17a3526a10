//! Values by consecutive numbers, for what begins in order and mostly ends in order.

use std::collections::VecDeque;

/// A table whose numbers are its own: 0, 1, 2 and so on. An operation takes constant time. The table
/// takes as much memory as there are numbers from the oldest value to the newest.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Option<T>>,
    len: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { first: 0, slots: VecDeque::new(), len: 0 }
    }
}

impl<T> Numbered<T> {
    /// Adds a value and returns its number.
    pub(crate) fn push(&mut self, value: T) -> u64 {
        let number = self.first + self.slots.len() as u64;
        self.slots.push_back(Some(value));
        self.len += 1;
        number
    }

    /// Removes the value with this number, if it is there.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let value = self.slots.get_mut(at)?.take()?;
        self.len -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        Some(value)
    }

    /// Removes the values for which `is_wanted` holds, oldest first.
    pub(crate) fn extract(&mut self, mut is_wanted: impl FnMut(&T) -> bool) -> Vec<(u64, T)> {
        let wanted: Vec<u64> =
            self.iter().filter(|(_, value)| is_wanted(value)).map(|(number, _)| number).collect();
        wanted.into_iter().filter_map(|number| Some((number, self.remove(number)?))).collect()
    }

    /// The values with their numbers, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        (self.first..).zip(&self.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_twice() {
        let mut table = Numbered::default();
        assert_eq!([table.push('a'), table.push('b'), table.push('c')], [0, 1, 2]);
        assert_eq!((table.remove(0), table.remove(2)), (Some('a'), Some('c')));
        assert_eq!((table.remove(0), table.remove(2), table.remove(9)), (None, None, None));
        assert_eq!((table.len(), table.push('d')), (1, 3));
        assert_eq!(table.iter().collect::<Vec<_>>(), [(1, &'b'), (3, &'d')]);
        assert_eq!((table.remove(3), table.remove(1)), (Some('d'), Some('b')));
        assert_eq!((table.len(), table.push('e')), (0, 4));
    }

    #[test]
    fn what_is_extracted_comes_in_order() {
        let mut table = Numbered::default();
        for value in [5, 2, 7, 4] {
            table.push(value);
        }
        assert_eq!(table.extract(|value| value % 2 == 1), [(0, 5), (2, 7)]);
        assert_eq!(table.extract(|_| true), [(1, 2), (3, 4)]);
        assert_eq!(table.len(), 0);
    }
}
