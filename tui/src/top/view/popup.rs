//! Boxes over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::theme::Theme;

/// With fewer columns or rows beside it, a box takes them, too: a sliver of the screen shows nothing.
const SLIVER: (u16, u16) = (8, 3);

/// With fewer rows a box takes the line of the keys, too.
const LOW: u16 = 16;

/// Draws a closed box in the middle of a screen that is dimmed, at least that large where there is
/// room. Gives what is inside of it.
pub(super) fn open(
    buffer: &mut Buffer,
    screen: Rect,
    (width, height): (u16, u16),
    theme: Theme,
    title: &str,
) -> Rect {
    let behind = above_the_keys(screen);
    let outer = place(behind, width, height);
    Pen::new(buffer, behind, theme).dim();
    let mut pen = Pen::new(buffer, outer, theme);
    pen.blank();
    pen.frame(title);
    inside(outer)
}

/// The last line has the keys of the box itself, unless every line is needed.
fn above_the_keys(screen: Rect) -> Rect {
    let keys = u16::from(screen.height >= LOW);
    Rect { height: screen.height - keys, ..screen }
}

/// How much there is room for inside the largest box.
pub(super) fn room(screen: Rect) -> (u16, u16) {
    let inner = inside(above_the_keys(screen));
    (inner.width, inner.height)
}

fn place(screen: Rect, width: u16, height: u16) -> Rect {
    let fit = |wanted: u16, all: u16, sliver: u16| {
        if wanted.saturating_add(sliver) > all { all } else { wanted }
    };
    let width = fit(width.saturating_add(4), screen.width, SLIVER.0);
    let height = fit(height.saturating_add(2), screen.height, SLIVER.1);
    let x = screen.x + (screen.width - width) / 2;
    let y = screen.y + (screen.height - height) / 2;
    Rect { x, y, width, height }
}

fn inside(outer: Rect) -> Rect {
    Rect {
        x: outer.x + 2.min(outer.width),
        y: outer.y + 1.min(outer.height),
        width: outer.width.saturating_sub(4),
        height: outer.height.saturating_sub(2),
    }
}
