//! Where everything is on a screen of that size.

use ratatui::layout::{Position, Rect};

use super::{banner, load_map};
use crate::top::model::{Model, View, Wire};

/// How much of the screen there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Everything.
    Full,
    /// A list of nodes, states and keys.
    List,
    /// A few words.
    Tiny,
}

/// The parts of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Areas {
    pub(crate) shape: Shape,
    pub(crate) header: Rect,
    pub(crate) banner: Rect,
    pub(crate) tabs: Rect,
    /// The list, its headings included.
    pub(crate) body: Rect,
    /// The load map, below the list of nodes.
    pub(crate) map: Rect,
    pub(crate) details: Option<Rect>,
    pub(crate) bottom: Rect,
    pub(crate) footer: Rect,
}

/// From so many columns on there is a pane for details, and so wide it is.
const WIDE_ENOUGH: u16 = 110;
const DETAILS: u16 = 46;

impl Areas {
    pub(crate) fn of(model: &Model) -> Self {
        let (columns, rows) = model.size;
        let whole = Rect::new(0, 0, columns, rows);
        if columns < 30 || rows < 6 {
            return Self::tiny(whole);
        }
        if columns < 60 || rows < 12 {
            return Self::list(whole);
        }
        Self::full(model, whole)
    }

    fn tiny(whole: Rect) -> Self {
        let none = Rect::new(0, 0, 0, 0);
        Self {
            shape: Shape::Tiny,
            header: none,
            banner: none,
            tabs: none,
            body: whole,
            map: none,
            details: None,
            bottom: none,
            footer: none,
        }
    }

    fn list(whole: Rect) -> Self {
        let (top, rest) = split(whole, 1);
        let (body, footer) = split(rest, rest.height.saturating_sub(1));
        Self { shape: Shape::List, header: top, footer, body, ..Self::tiny(whole) }
    }

    fn full(model: &Model, whole: Rect) -> Self {
        let rows = whole.height;
        let header = match rows {
            30.. => 3,
            20.. => 2,
            _ => 1,
        };
        let (header, rest) = split(whole, header);
        let most = if rows >= 20 { 4 } else { 1 };
        let lines = u16::try_from(banner::lines(model).len()).unwrap_or(most);
        let (banner, rest) = split(rest, lines.min(most));
        let (tabs, rest) = split(rest, 1);
        let (rest, footer) = split(rest, rest.height.saturating_sub(1));
        let bottom = match rows {
            _ if model.view == View::Events => 0,
            16.. if model.settings.tall_events => rows / 2,
            36.. => 10,
            28.. => 7,
            20.. => 5,
            16.. => 3,
            _ => 0,
        };
        let bottom = bottom.min(rest.height.saturating_sub(4));
        let (middle, bottom) = split(rest, rest.height - bottom);
        let is_open = !matches!(model.wire, Wire::Connecting | Wire::NotOpen(_));
        let has_details = model.settings.details
            && is_open
            && whole.width >= WIDE_ENOUGH
            && !matches!(model.view, View::Events | View::Groups);
        let (body, details) = if has_details {
            let body = Rect { width: middle.width - DETAILS, ..middle };
            let details = Rect { x: body.right() + 1, width: DETAILS - 1, ..middle };
            (body, Some(details))
        } else {
            (middle, None)
        };
        let (body, map) = split(body, body.height - load_map::rows(model, body));
        Self { shape: Shape::Full, header, banner, tabs, body, map, details, bottom, footer }
    }

    /// How many rows of the list there is room for.
    pub(crate) fn rows(&self) -> u16 {
        let headings = u16::from(self.shape == Shape::Full);
        self.body.height.saturating_sub(headings)
    }

    /// The row of the list at that place of the screen, from 0 on.
    pub(crate) fn row_at(&self, column: u16, row: u16) -> Option<usize> {
        let headings = u16::from(self.shape == Shape::Full);
        let first = self.body.y + headings;
        let inside = self.body.contains(Position::new(column, row)) && row >= first;
        inside.then(|| usize::from(row - first))
    }
}

/// The first rows of an area, and the rest.
fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let first = Rect { height: rows, ..area };
    (first, Rect { y: area.y + rows, height: area.height - rows, ..area })
}
