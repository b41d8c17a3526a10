//! A list on the screen: what is in it, where one is in it, and what is marked.

use std::collections::BTreeSet;

use super::filter::Filter;
use super::sort::Sort;

/// A list of things that are known by name. The selection follows the thing, not the row.
#[derive(Debug, Clone)]
pub(crate) struct Table<I> {
    ids: Vec<I>,
    selected: Option<I>,
    at: usize,
    offset: usize,
    pub(crate) marks: BTreeSet<I>,
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    /// What is in the list is not what it should be: it has to be worked out again.
    pub(crate) stale: bool,
}

impl<I: Clone + Ord> Table<I> {
    pub(crate) fn new(sort: Sort) -> Self {
        Self {
            ids: Vec::new(),
            selected: None,
            at: 0,
            offset: 0,
            marks: BTreeSet::new(),
            filter: Filter::default(),
            sort,
            stale: true,
        }
    }

    /// What is in the list, in its order.
    pub(crate) fn ids(&self) -> &[I] {
        &self.ids
    }

    /// The selected thing.
    pub(crate) fn selected(&self) -> Option<&I> {
        self.selected.as_ref()
    }

    /// The row of the selection.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The first row that is shown.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Puts other things into the list. The selection stays on its thing; where that is gone, it
    /// goes to what is in its row now.
    pub(crate) fn set(&mut self, ids: Vec<I>) {
        self.ids = ids;
        self.stale = false;
        let selected = self.selected.as_ref();
        if selected.is_none() || self.ids.get(self.at) != selected {
            let found = selected.and_then(|id| self.ids.iter().position(|i| i == id));
            self.go_to(found.unwrap_or(self.at));
        }
    }

    /// Selects a row, or the last where there are fewer.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.ids.len().saturating_sub(1));
        self.selected = self.ids.get(self.at).cloned();
    }

    /// Selects a thing, if it is there.
    pub(crate) fn select(&mut self, id: &I) -> bool {
        let found = self.ids.iter().position(|i| i == id);
        if let Some(at) = found {
            self.go_to(at);
        }
        found.is_some()
    }

    /// Goes up or down by so many rows.
    pub(crate) fn move_by(&mut self, rows: isize) {
        self.go_to(self.at.saturating_add_signed(rows));
    }

    /// Scrolls so that the selection is among the rows that are shown.
    pub(crate) fn scroll_to(&mut self, rows: usize) {
        let rows = rows.max(1);
        let first = (self.at + 1).saturating_sub(rows);
        let last = self.ids.len().saturating_sub(rows);
        self.offset = self.offset.clamp(first, self.at.max(first)).min(last.max(first));
    }

    /// Marks the selection, or takes its mark off, and goes on to the next.
    pub(crate) fn toggle_mark(&mut self) {
        if let Some(id) = self.selected.clone() {
            if !self.marks.remove(&id) {
                self.marks.insert(id);
            }
            self.move_by(1);
        }
    }

    /// Marks everything from the nearest mark above to the selection.
    pub(crate) fn mark_range(&mut self) {
        let above = self.ids.iter().take(self.at).rposition(|id| self.marks.contains(id));
        let range = above.unwrap_or(self.at)..(self.at + 1).min(self.ids.len());
        self.marks.extend(self.ids[range].iter().cloned());
    }

    /// What an action is for: what is marked, else what is selected.
    pub(crate) fn meant(&self) -> Vec<I> {
        if self.marks.is_empty() {
            self.selected.iter().cloned().collect()
        } else {
            self.marks.iter().cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ids: &[u32]) -> Table<u32> {
        let mut table = Table::new(Sort::by(0));
        table.set(ids.to_vec());
        table
    }

    #[test]
    fn the_selection_follows_its_thing() {
        let mut table = table(&[1, 2, 3, 4]);
        table.go_to(2);
        table.set(vec![3, 9, 1]);
        assert_eq!((table.selected(), table.at()), (Some(&3), 0));
        table.set(vec![9, 1]);
        assert_eq!((table.selected(), table.at()), (Some(&9), 0));
        table.set(Vec::new());
        assert_eq!((table.selected(), table.at()), (None, 0));
        table.move_by(5);
        assert_eq!(table.selected(), None);
        table.set(vec![7]);
        assert_eq!(table.selected(), Some(&7));
    }

    #[test]
    fn the_selection_is_always_on_the_screen() {
        let mut table = table(&(0..100).collect::<Vec<_>>());
        for (to, rows, offset) in [
            (0, 10, 0),
            (9, 10, 0),
            (10, 10, 1),
            (99, 10, 90),
            (95, 10, 90),
            (50, 10, 50),
            (50, 1, 50),
            (99, 200, 0),
        ] {
            table.go_to(to);
            table.scroll_to(rows);
            assert_eq!(table.offset(), offset, "{to} in {rows}");
        }
    }

    #[test]
    fn marks_are_meant_before_the_selection() {
        let mut table = table(&[1, 2, 3, 4, 5]);
        assert_eq!(table.meant(), [1]);
        table.toggle_mark();
        assert_eq!((table.meant(), table.at()), (vec![1], 1));
        table.go_to(3);
        table.mark_range();
        assert_eq!(table.meant(), [1, 2, 3, 4]);
        table.go_to(1);
        table.toggle_mark();
        assert_eq!(table.meant(), [1, 3, 4]);
    }
}
