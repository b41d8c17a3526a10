//! The last line: what is typed, a word to whoever sits there, or the keys that help most.

use ratatui::layout::{Position, Rect};

use super::layout::{Areas, Shape};
use super::pen::Pen;
use super::theme::{Role, severity_role};
use crate::top::model::dialog::{Dialog, Value};
use crate::top::model::{Model, Overlay, TypedFor, Typing, View};
use crate::top::update::action::Action;
use crate::top::update::binding::binding;
use crate::top::update::suggestions;

/// Draws it.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    if let Some(typing) = &model.typing {
        draw_typing(model, typing, pen);
        return;
    }
    if let Some(note) = &model.note {
        pen.put(" ", Role::Plain).put(&note.text, severity_role(note.severity));
        return;
    }
    for (keys, name) in hints(model) {
        let needed = keys.chars().count() + name.chars().count() + 3;
        if usize::from(pen.left()) < needed {
            break;
        }
        pen.put(format!(" {keys}"), Role::Strong).put(format!(" {name} "), Role::Dim);
    }
}

fn draw_typing(model: &Model, typing: &Typing, pen: &mut Pen<'_>) {
    pen.put(sign(typing.what), Role::Strong).put(typing.line.text(), Role::Plain);
    match typing.what {
        TypedFor::Filter => match model.filter().error() {
            Some(error) => _ = pen.put(format!("   {error}"), Role::Late),
            None => pen.at_end("enter keeps it, esc undoes it ", Role::Dim),
        },
        TypedFor::Command => {
            let best = suggestions(&typing.line.text());
            let best: Vec<&str> = best.into_iter().take(6).collect();
            pen.put(format!("   {}", best.join("  ")), Role::Dim);
        }
        TypedFor::Export => pen.at_end("enter writes it, esc cancels ", Role::Dim),
    }
}

const fn sign(what: TypedFor) -> &'static str {
    match what {
        TypedFor::Filter => "/",
        TypedFor::Command => ":",
        TypedFor::Export => "write to ",
    }
}

/// A key, and what it does.
type Hint = (String, &'static str);

fn hints(model: &Model) -> Vec<Hint> {
    let of = |keys: &str, name: &'static str| (keys.to_owned(), name);
    match &model.overlay {
        Overlay::None => main_hints(model),
        Overlay::Dialog(dialog) => dialog_hints(dialog),
        Overlay::Help(_) | Overlay::Problems(_) => vec![of("j/k", "scroll"), of("esc", "back")],
        Overlay::Menu(_) => vec![of("j/k", "choose"), of("enter", "do it"), of("esc", "back")],
        Overlay::Contexts(..) => {
            vec![of("j/k", "choose"), of("enter", "switch"), of("esc", "back")]
        }
        Overlay::Card(_) => {
            let mut hints = vec![of("esc", "back"), of("j/k", "scroll")];
            if model.selected_node().is_some() {
                hints.push(of("enter", "its keys"));
            }
            hints.extend(possible(model, CHANGES));
            hints
        }
    }
}

fn dialog_hints(dialog: &Dialog) -> Vec<Hint> {
    let of = |keys: &str, name: &'static str| (keys.to_owned(), name);
    if dialog.busy {
        return vec![of("esc", "close; the request goes on")];
    }
    let mut hints = vec![of("tab", "next")];
    match dialog.fields.get(dialog.focus).map(|field| &field.value) {
        Some(Value::Choice { .. }) => hints.push(of("space", "other choice")),
        Some(Value::Text(_)) => {}
        None => hints.push(of("enter", "press")),
    }
    hints.extend([of("pgdn", "more of the plan"), of("esc", "cancel")]);
    hints
}

const CHANGES: &[Action] =
    &[Action::Drain, Action::Cordon, Action::Undo, Action::PauseDrain, Action::Affinity];

/// The keys that help most where one is; what would be refused is left out.
fn main_hints(model: &Model) -> Vec<Hint> {
    if Areas::of(model).shape == Shape::List {
        // There is no line of the names of the views, and no room for more.
        let mut hints = vec![hint(Action::Help), hint(Action::Menu)];
        hints.push(("tab".to_owned(), "view"));
        hints.push(hint(Action::Filter));
        return hints;
    }
    let before = [Action::Help, Action::Filter, Action::Palette, Action::Open];
    let after: &[Action] = match model.view {
        View::Nodes => &[Action::Menu, Action::Mark, Action::Trouble],
        View::Keys | View::Moves => &[Action::SortRight, Action::Trouble, Action::Copy],
        View::Events | View::Groups => &[Action::Copy],
    };
    let mut hints: Vec<Hint> = before.iter().map(|action| hint(*action)).collect();
    if !model.filter_text().is_empty() {
        hints.push(("esc".to_owned(), "clear filter"));
    }
    hints.extend(possible(model, CHANGES));
    hints.extend(possible(model, &[Action::Rebalance]));
    hints.extend(after.iter().map(|action| hint(*action)));
    hints.extend([Action::PauseScreen, Action::Export, Action::Quit].map(hint));
    hints
}

fn hint(action: Action) -> Hint {
    let binding = binding(action);
    (binding.key(), binding.name)
}

/// Those of the actions that are not refused now.
fn possible(model: &Model, actions: &'static [Action]) -> impl Iterator<Item = Hint> {
    actions.iter().filter(|action| model.why_not(**action).is_none()).map(|action| hint(*action))
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
        let x = u16::try_from(before + sign(typing.what).len()).unwrap_or(u16::MAX);
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
