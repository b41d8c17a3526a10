//! One line of text that is being typed.

/// A line and where in it one is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    before: String,
    after: String,
}

/// The longest line, in bytes: nothing that is typed here is longer.
const MOST: usize = 1024;

impl Line {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { before: text.into(), after: String::new() }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// What is before the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    /// What is behind it.
    pub(crate) fn after(&self) -> &str {
        &self.after
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Types a character; what would be no text, as a line feed in what is pasted, is left out.
    pub(crate) fn insert(&mut self, c: char) {
        if !c.is_control() && self.before.len() + self.after.len() + c.len_utf8() <= MOST {
            self.before.push(c);
        }
    }

    pub(crate) fn backspace(&mut self) {
        self.before.pop();
    }

    pub(crate) fn delete(&mut self) {
        let mut after = self.after.chars();
        after.next();
        self.after = after.collect();
    }

    pub(crate) fn left(&mut self) {
        if let Some(c) = self.before.pop() {
            self.after.insert(0, c);
        }
    }

    pub(crate) fn right(&mut self) {
        if !self.after.is_empty() {
            self.before.push(self.after.remove(0));
        }
    }

    pub(crate) fn home(&mut self) {
        self.after = self.text();
        self.before.clear();
    }

    pub(crate) fn end(&mut self) {
        self.before = self.text();
        self.after.clear();
    }

    /// Forgets what is before the cursor.
    pub(crate) fn clear_before(&mut self) {
        self.before.clear();
    }

    /// Forgets the word before the cursor.
    pub(crate) fn clear_word(&mut self) {
        let kept = self.before.trim_end().rfind(' ').map_or(0, |at| at + 1);
        self.before.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_where_its_cursor_is() {
        let mut line = Line::new("ab é");
        line.left();
        line.insert('x');
        line.insert('\n');
        assert_eq!((line.before(), line.after()), ("ab x", "é"));
        line.delete();
        line.clear_word();
        assert_eq!(line.text(), "ab ");
        line.home();
        line.right();
        line.backspace();
        assert_eq!(line.text(), "b ");
        line.end();
        line.clear_before();
        assert!(line.is_empty());
    }

    #[test]
    fn a_line_does_not_grow_for_ever() {
        let mut line = Line::default();
        (0..5000).for_each(|_| line.insert('é'));
        assert_eq!(line.text().len(), MOST);
    }
}
