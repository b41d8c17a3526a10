//! The last line: what is typed, a word to whoever sits there, or the keys that help most.

use ratatui::layout::{Position, Rect};

use super::layout::{Areas, Shape};
use super::pen::Pen;
use super::theme::{Role, severity_role};
use crate::top::model::{Model, Overlay, TypedFor, View};
use crate::top::update::action::{Action, binding};
use crate::top::update::suggestions;

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    if let Some(typing) = &model.typing {
        let sign = match typing.what {
            TypedFor::Filter => "/",
            TypedFor::Command => ":",
        };
        pen.put(sign, Role::Strong).put(typing.line.text(), Role::Plain);
        if typing.what == TypedFor::Command {
            let best = suggestions(&typing.line.text());
            let best: Vec<&str> = best.into_iter().take(6).collect();
            pen.put(format!("   {}", best.join("  ")), Role::Dim);
        }
        return;
    }
    if let Some(note) = &model.note {
        pen.put(" ", Role::Plain).put(&note.text, severity_role(note.severity));
        return;
    }
    for action in hints(model) {
        let binding = binding(*action);
        let keys = binding.chords.first().map(|chord| chord.label()).unwrap_or_default();
        let needed = keys.len() + binding.name.len() + 3;
        if usize::from(pen.left()) < needed {
            break;
        }
        pen.put(format!(" {keys}"), Role::Strong).put(format!(" {} ", binding.name), Role::Dim);
    }
}

fn hints(model: &Model) -> &'static [Action] {
    const OVER: &[Action] = &[Action::Back, Action::Down, Action::Up, Action::Open];
    const NODES: &[Action] = &[
        Action::Help,
        Action::Filter,
        Action::Palette,
        Action::Open,
        Action::Menu,
        Action::Mark,
        Action::Drain,
        Action::Cordon,
        Action::Undo,
        Action::Trouble,
        Action::PauseScreen,
        Action::Quit,
    ];
    const OTHERS: &[Action] = &[
        Action::Help,
        Action::Filter,
        Action::Palette,
        Action::Open,
        Action::SortRight,
        Action::Trouble,
        Action::PauseScreen,
        Action::Copy,
        Action::Export,
        Action::Quit,
    ];
    match (&model.overlay, model.view) {
        (Overlay::None, View::Nodes) => NODES,
        (Overlay::None, _) => OTHERS,
        _ => OVER,
    }
}

/// Where the terminal's own cursor goes: to what is typed, or to the row that is selected, so that
/// a screen reader follows it.
pub(super) fn cursor(model: &Model, area: Rect) -> Option<Position> {
    let areas = Areas::of(model);
    let inside = |position: Position| area.contains(position).then_some(position);
    if areas.shape == Shape::Tiny {
        return None;
    }
    if let Some(typing) = &model.typing {
        let before = ratatui::text::Span::raw(typing.line.before()).width();
        let x = u16::try_from(before + 1).unwrap_or(u16::MAX);
        return inside(Position::new(x.min(area.width.saturating_sub(1)), areas.footer.y));
    }
    if !matches!(model.overlay, Overlay::None) {
        return None;
    }
    let (at, offset) = match model.view {
        View::Nodes => (model.nodes.at(), model.nodes.offset()),
        View::Keys => (model.keys.at(), model.keys.offset()),
        View::Moves => (model.moves.at(), model.moves.offset()),
        View::Events => (model.events.at(), model.events.offset()),
        View::Groups => (model.groups.at(), model.groups.offset()),
    };
    let row = u16::try_from(at.saturating_sub(offset)).ok().filter(|row| *row < areas.rows())?;
    let headings = areas.body.height - areas.rows();
    inside(Position::new(areas.body.x, areas.body.y + headings + row))
}
