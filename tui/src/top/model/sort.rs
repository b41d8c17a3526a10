//! The order of a list.

use std::cmp::Ordering;

/// By which of a view's columns a list is sorted, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) column: usize,
    pub(crate) reverse: bool,
}

impl Sort {
    pub(crate) const fn by(column: usize) -> Self {
        Self { column, reverse: false }
    }

    /// Goes to the next column, of so many, or to the one before.
    pub(crate) fn step(&mut self, by: isize, columns: usize) {
        let columns = columns.max(1);
        let step = by.rem_euclid(isize::try_from(columns).unwrap_or(1)).unsigned_abs();
        *self = Self::by((self.column + step) % columns);
    }

    /// The order, turned round if it is to be.
    pub(crate) fn turn(self, order: Ordering) -> Ordering {
        if self.reverse { order.reverse() } else { order }
    }
}
