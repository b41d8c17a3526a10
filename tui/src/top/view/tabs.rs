//! The names of the views, and how the one that is shown is filtered and sorted.

use super::pen::Pen;
use super::theme::Role;
use super::words::{grouped, short};
use crate::output::age;
use crate::top::model::{Known, Model, View, Wire, columns};

/// The names as they are written, from left to right.
fn names(model: &Model, width: u16) -> Vec<(View, String)> {
    let narrow = width < 72;
    let name = |view: View| {
        let number = view.index() + 1;
        if narrow && view != model.view {
            return format!(" {number} {} ", &view.as_str()[..3]);
        }
        let count = if narrow { String::new() } else { count(model, view) };
        let name = format!("{number} {}{count}", view.as_str());
        if view == model.view { format!("[{name}]") } else { format!(" {name} ") }
    };
    View::ALL.into_iter().map(|view| (view, name(view))).collect()
}

/// The view whose name is at that column.
pub(crate) fn view_at(model: &Model, width: u16, column: u16) -> Option<View> {
    let mut end = 0;
    names(model, width).into_iter().find_map(|(view, name)| {
        end += name.chars().count();
        (usize::from(column) < end).then_some(view)
    })
}

/// Draws them.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    for (view, name) in names(model, pen.area().width) {
        pen.put(name, if view == model.view { Role::Strong } else { Role::Dim });
    }
    draw_filter(model, pen);
    if model.settings.trouble {
        pen.put("  only trouble", Role::Late);
    }
    if !model.nodes.marks.is_empty() && model.view == View::Nodes {
        pen.put(format!("  {} marked", model.nodes.marks.len()), Role::Strong);
    }
    if let Some((median, longest)) =
        model.data.history.spans().filter(|_| model.view == View::Moves)
    {
        let text = format!("  stops seen: median {}, 99 % within {}", age(median), age(longest));
        pen.put(text, Role::Dim);
    }
    let own = columns(model.view);
    let sort = match model.view {
        View::Nodes => model.nodes.sort,
        View::Keys => model.keys.sort,
        View::Moves => model.moves.sort,
        View::Events => model.events.sort,
        View::Groups => model.groups.sort,
    };
    let title = own.get(sort.column).map_or("", |column| column.title);
    pen.put(" ", Role::Dim);
    pen.rule_before(&format!(" by {title} "), Role::Dim);
}

/// The filter, and how much of the list it shows.
fn draw_filter(model: &Model, pen: &mut Pen<'_>) {
    let filter = model.filter();
    if filter.text().is_empty() && !model.settings.trouble {
        return;
    }
    if !filter.text().is_empty() {
        let role = if filter.error().is_some() { Role::Lost } else { Role::Late };
        pen.put(format!("  /{}", filter.text()), role);
    }
    let (shown, all) = match model.view {
        View::Nodes => (model.nodes.ids().len(), model.snapshot().nodes().len()),
        View::Keys => {
            let all = usize::try_from(model.snapshot().counts().all()).unwrap_or(usize::MAX);
            (model.keys.ids().len(), all)
        }
        View::Moves => (model.moves.ids().len(), model.data.moving.len()),
        View::Events => (model.events.ids().len(), model.data.history.events.iter().len()),
        View::Groups => (model.groups.ids().len(), model.known_groups.len()),
    };
    pen.put(format!("  {} of {}", grouped(shown as u64), grouped(all as u64)), Role::Strong);
}

fn count(model: &Model, view: View) -> String {
    let is_open = !matches!(model.wire, Wire::Connecting | Wire::Choosing | Wire::NotOpen(_));
    if !is_open && view != View::Groups {
        // Nothing is known, which is not the same as nothing.
        return String::new();
    }
    let snapshot = model.snapshot();
    let count = match view {
        View::Nodes => snapshot.nodes().len() as u64,
        View::Keys => snapshot.counts().all(),
        View::Moves => model.data.moving.len() as u64,
        View::Events => model.data.history.events.count(),
        View::Groups => match &model.known_groups {
            Known::Groups(rows) => rows.len() as u64,
            _ => return String::new(),
        },
    };
    format!(" {}", short(count))
}
