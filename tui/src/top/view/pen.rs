//! The one way in which text gets on the screen.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use super::theme::{Role, Theme};
use crate::output::{ascii, plain};

/// Writes into one line of the screen, from left to right. What does not fit is cut off, and what a
/// terminal would obey is written out: names come from the log, and anybody may have written it.
pub(crate) struct Pen<'a> {
    buffer: &'a mut Buffer,
    pub(crate) theme: Theme,
    area: Rect,
    x: u16,
    y: u16,
}

impl<'a> Pen<'a> {
    /// A pen at the beginning of an area.
    pub(crate) fn new(buffer: &'a mut Buffer, area: Rect, theme: Theme) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, theme, area, x: area.x, y: area.y }
    }

    /// Goes to the beginning of a line of the area, from 0 on. Whether it is in the area.
    pub(crate) fn line(&mut self, line: usize) -> bool {
        let Some(y) = u16::try_from(line).ok().and_then(|line| self.area.y.checked_add(line))
        else {
            return false;
        };
        (self.x, self.y) = (self.area.x, y);
        y < self.area.bottom()
    }

    /// Goes to a column of the line, from 0 on.
    pub(crate) fn column(&mut self, column: u16) -> &mut Self {
        self.x = self.area.x.saturating_add(column).min(self.area.right());
        self
    }

    pub(crate) fn area(&self) -> Rect {
        self.area
    }

    /// A pen for another area of the same screen.
    pub(crate) fn within(&mut self, area: Rect) -> Pen<'_> {
        Pen::new(self.buffer, area, self.theme)
    }

    /// How many columns are left in the line.
    pub(crate) fn left(&self) -> u16 {
        self.area.right().saturating_sub(self.x)
    }

    /// Writes, and goes on behind it.
    pub(crate) fn put(&mut self, text: impl AsRef<str>, role: Role) -> &mut Self {
        let style = self.theme.style(role);
        self.put_styled(text.as_ref(), style)
    }

    pub(crate) fn put_styled(&mut self, text: &str, style: Style) -> &mut Self {
        let width = self.left();
        self.put_within(text, width, style)
    }

    /// Writes into so many columns, and goes on behind them.
    pub(crate) fn cell(&mut self, text: impl AsRef<str>, width: u16, role: Role) -> &mut Self {
        let (style, start) = (self.theme.style(role), self.x);
        self.put_within(text.as_ref(), width, style);
        self.x = start.saturating_add(width).min(self.area.right());
        self
    }

    /// Writes into so many columns, and goes on behind them. Of what does not fit, the end is kept.
    pub(crate) fn end_in(&mut self, text: &str, width: u16, role: Role) -> &mut Self {
        let text = plain(text);
        let mut from = 0;
        while Span::raw(&text[from..]).width() > usize::from(width) {
            // The sign of the cut takes the place of one more.
            let cut = text[from..].chars().next().map_or(1, char::len_utf8);
            from += cut;
        }
        if from == 0 {
            return self.cell(text, width, role);
        }
        let next = text[from..].chars().next().map_or(0, char::len_utf8);
        let cut = self.theme.sign("…", "~");
        self.cell(format!("{cut}{}", &text[from + next..]), width, role)
    }

    /// Writes at the end of so many columns, and goes on behind them.
    pub(crate) fn number(&mut self, text: impl AsRef<str>, width: u16, role: Role) -> &mut Self {
        let text = text.as_ref();
        let taken = u16::try_from(Span::raw(plain(text)).width()).unwrap_or(u16::MAX);
        let start = self.x;
        self.x = start.saturating_add(width.saturating_sub(taken)).min(self.area.right());
        self.put_within(text, taken.min(width), self.theme.style(role));
        self.x = start.saturating_add(width).min(self.area.right());
        self
    }

    /// Leaves columns empty.
    pub(crate) fn skip(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.saturating_add(columns).min(self.area.right());
        self
    }

    /// Writes so that it ends where the line ends, if there is room.
    pub(crate) fn at_end(&mut self, text: impl AsRef<str>, role: Role) {
        let width = u16::try_from(Span::raw(plain(text.as_ref())).width()).unwrap_or(u16::MAX);
        if width < self.left() {
            self.x = self.area.right() - width;
            self.put(text, role);
        }
    }

    /// Writes words so that they end where the line ends: those of the end that there is room for.
    pub(crate) fn words_at_end(&mut self, words: &[(String, Role)]) {
        let width = |word: &(String, Role)| {
            u16::try_from(Span::raw(plain(&word.0)).width()).unwrap_or(u16::MAX)
        };
        let mut first = words.len();
        let mut taken = 0_u16;
        while first > 0 && taken.saturating_add(width(&words[first - 1])) < self.left() {
            first -= 1;
            taken += width(&words[first]);
        }
        self.x = self.area.right() - taken;
        for (text, role) in &words[first..] {
            self.put(text, *role);
        }
    }

    /// Fills the line with a sign.
    pub(crate) fn rule(&mut self, role: Role) {
        let sign = self.theme.sign("─", "-");
        let line = sign.repeat(usize::from(self.left()));
        self.put(line, role);
    }

    /// Fills the line with a sign up to a text at its end, if there is room for that.
    pub(crate) fn rule_before(&mut self, text: &str, role: Role) {
        let width = u16::try_from(Span::raw(plain(text)).width()).unwrap_or(u16::MAX);
        let sign = self.theme.sign("─", "-");
        if let Some(free) = self.left().checked_sub(width) {
            self.put(sign.repeat(usize::from(free)), role).put(text, role);
        }
    }

    /// Joins the rule that ends here to one that goes through that place.
    pub(crate) fn join(&mut self, at: (u16, u16), utf8: &'static str) {
        let (rule, joint) = (self.theme.sign("─", "-"), self.theme.sign(utf8, "+"));
        if let Some(cell) = self.buffer.cell_mut(at).filter(|cell| cell.symbol() == rule) {
            cell.set_symbol(joint);
        }
    }

    /// Turns the line round: it is selected. Without its colours, which would be as many backgrounds.
    pub(crate) fn reverse(&mut self) {
        let line = Rect { y: self.y, height: 1, ..self.area };
        let selected = Style::new()
            .fg(Color::Reset)
            .bg(Color::Reset)
            .remove_modifier(Modifier::DIM | Modifier::UNDERLINED)
            .add_modifier(Modifier::REVERSED);
        self.buffer.set_style(line, selected);
    }

    /// Makes everything in the area faint: what is there is not what counts now.
    pub(crate) fn dim(&mut self) {
        let faint = Style::new()
            .fg(Color::Reset)
            .bg(Color::Reset)
            .remove_modifier(Modifier::BOLD | Modifier::REVERSED | Modifier::UNDERLINED)
            .add_modifier(Modifier::DIM);
        self.buffer.set_style(self.area, faint);
    }

    /// A box around the area, with a title.
    pub(crate) fn frame(&mut self, title: &str) {
        let sign = |utf8, ascii| self.theme.sign(utf8, ascii);
        let (side, flat) = (sign("│", "|"), sign("─", "-"));
        let corners = [sign("┌", "+"), sign("┐", "+"), sign("└", "+"), sign("┘", "+")];
        let wide = usize::from(self.area.width.saturating_sub(2));
        let last = usize::from(self.area.height.saturating_sub(1));
        for (line, left, right) in [(0, corners[0], corners[1]), (last, corners[2], corners[3])] {
            self.line(line);
            self.put(format!("{left}{}{right}", flat.repeat(wide)), Role::Plain);
        }
        let right = self.area.width.saturating_sub(1);
        for line in 1..last {
            self.line(line);
            self.put(side, Role::Plain).column(right).put(side, Role::Plain);
        }
        self.line(0);
        let (style, width) = (self.theme.style(Role::Strong), self.area.width.saturating_sub(4));
        self.skip(2).put_within(&format!(" {title} "), width, style);
    }

    /// A word on a ground of its own, where it must not be missed.
    pub(crate) fn chip(&mut self, text: impl AsRef<str>, role: Role) -> &mut Self {
        let style = self.theme.style(role);
        let style = match role {
            Role::Late | Role::Lost => style.add_modifier(Modifier::REVERSED),
            _ => style,
        };
        self.put_styled(&format!(" {} ", text.as_ref()), style)
    }

    /// Makes the area blank.
    pub(crate) fn blank(&mut self) {
        for position in self.area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    fn put_within(&mut self, text: &str, width: u16, style: Style) -> &mut Self {
        let width = width.min(self.left());
        if width == 0 || self.y >= self.area.bottom() {
            return self;
        }
        let text = if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) {
            Cow::Borrowed(text)
        } else if self.theme.ascii {
            Cow::Owned(ascii(text))
        } else {
            Cow::Owned(plain(text))
        };
        let fits = Span::raw(&*text).width() <= usize::from(width);
        let (end, _) = if fits {
            self.buffer.set_stringn(self.x, self.y, &text, usize::from(width), style)
        } else {
            let (x, y) =
                self.buffer.set_stringn(self.x, self.y, &text, usize::from(width - 1), style);
            let cut = self.theme.sign("…", "~");
            self.buffer.set_stringn(x, y, cut, 1, style)
        };
        self.x = end;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::model::settings::Settings;

    fn written(text: &str, width: u16, ascii: bool) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        let settings = Settings { ascii, ..Settings::default() };
        let area = buffer.area;
        Pen::new(&mut buffer, area, Theme::of(&settings)).put(text, Role::Plain);
        buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_written() {
        assert_eq!(written("a\u{1b}[2Jb", 20, false), "a\\u{1b}[2Jb         ");
        assert_eq!(written("a\u{202e}b\u{9b}c", 20, false), "a\\u{202e}b\\u{9b}c   ");
        assert_eq!(written("é\n", 20, true), "\\u{e9}\\n            ");
    }

    #[test]
    fn of_a_name_that_does_not_fit_the_end_is_kept() {
        let end = |text: &str, width| -> String {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
            let area = buffer.area;
            let theme = Theme::of(&Settings::default());
            Pen::new(&mut buffer, area, theme)
                .end_in(text, width, Role::Plain)
                .put("|", Role::Plain);
            buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect()
        };
        assert_eq!(end("abcdef", 6), "abcdef| ");
        assert_eq!(end("abcdefg", 6), "…cdefg| ");
        assert_eq!(end("éabcdefg", 4), "…efg|   ");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        assert_eq!(written("abcdef", 6, false), "abcdef");
        assert_eq!(written("abcdefg", 6, false), "abcde…");
        assert_eq!(written("abcdefg", 6, true), "abcde~");
        assert_eq!(written("abc", 1, true), "~");
    }
}
