//! Where everything is on a screen of that size.

use ratatui::layout::{Position, Rect};

use super::{banner, graph, load_map, problems};
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
    pub(crate) problems: Rect,
    pub(crate) banner: Rect,
    pub(crate) tabs: Rect,
    /// The list, its headings included.
    pub(crate) body: Rect,
    /// The load map, below the list of nodes.
    pub(crate) map: Rect,
    /// The graphs, where the list leaves room.
    pub(crate) graphs: Rect,
    pub(crate) details: Option<Rect>,
    pub(crate) bottom: Rect,
    pub(crate) footer: Rect,
}

/// How wide the pane for details is on a screen of so many columns.
fn details_width(columns: u16) -> Option<u16> {
    match columns {
        180.. => Some(70),
        140.. => Some(56),
        110.. => Some(46),
        _ => None,
    }
}

impl Areas {
    pub(crate) fn of(model: &Model) -> Self {
        let (columns, rows) = model.size;
        let whole = Rect::new(0, 0, columns, rows);
        if columns < 30 || rows < 6 {
            return Self::tiny(whole);
        }
        if columns < 60 || rows < 12 {
            return Self::list(model, whole);
        }
        Self::full(model, whole)
    }

    fn tiny(whole: Rect) -> Self {
        let none = Rect::new(0, 0, 0, 0);
        Self {
            shape: Shape::Tiny,
            header: none,
            problems: none,
            banner: none,
            tabs: none,
            body: whole,
            map: none,
            graphs: none,
            details: None,
            bottom: none,
            footer: none,
        }
    }

    fn list(model: &Model, whole: Rect) -> Self {
        let (header, rest) = split(whole, if whole.height >= 8 { 2 } else { 1 });
        let (problems, rest) = split(rest, problems::rows(model, whole.height));
        let lines = u16::try_from(banner::lines(model).len()).unwrap_or(1);
        let (banner, rest) = split(rest, lines.min(u16::from(whole.height >= 9)));
        let (body, footer) = split(rest, rest.height.saturating_sub(1));
        let shape = Shape::List;
        Self { shape, header, problems, banner, body, footer, ..Self::tiny(whole) }
    }

    fn full(model: &Model, whole: Rect) -> Self {
        let rows = whole.height;
        let (header, rest) = split(whole, if rows >= 30 { 3 } else { 2 });
        let (problems, rest) = split(rest, problems::rows(model, rows));
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
        let (body, details) = beside(model, middle);
        let (body, map) = split(body, body.height - load_map::rows(model, body));
        let rows = if model.view == View::Moves {
            model.moves.ids().len()
        } else {
            model.nodes.ids().len()
        };
        let list = u16::try_from(rows + 2).unwrap_or(u16::MAX).max(5);
        let graphs = graph::rows(model, body.height.saturating_sub(list));
        let (body, graphs) = split(body, body.height - graphs);
        let shape = Shape::Full;
        Self { shape, header, problems, banner, tabs, body, map, graphs, details, bottom, footer }
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

/// The list, and the pane for details where there is one.
fn beside(model: &Model, middle: Rect) -> (Rect, Option<Rect>) {
    let is_open = !matches!(model.wire, Wire::Connecting | Wire::Choosing | Wire::NotOpen(_));
    let has_details =
        model.settings.details && is_open && !matches!(model.view, View::Events | View::Groups);
    match details_width(middle.width).filter(|_| has_details) {
        Some(width) => {
            let body = Rect { width: middle.width - width, ..middle };
            (body, Some(Rect { x: body.right() + 1, width: width - 1, ..middle }))
        }
        None => (middle, None),
    }
}

/// The first rows of an area, and the rest.
fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let first = Rect { height: rows, ..area };
    (first, Rect { y: area.y + rows, height: area.height - rows, ..area })
}
