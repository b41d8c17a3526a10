//! The names of the views, and how the one that is shown is filtered and sorted.

use super::pen::Pen;
use super::theme::Role;
use super::words::short;
use crate::output::age;
use crate::top::model::{Known, Model, View, columns};

/// Draws them.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    pen.line(0);
    for view in View::ALL {
        let number = view.index() + 1;
        let narrow = pen.area().width < 72;
        let count = if narrow { String::new() } else { count(model, view) };
        let name = if narrow && view != model.view {
            format!(" {number} {}", &view.as_str()[..3])
        } else {
            format!(" {number} {}{count}", view.as_str())
        };
        if view == model.view {
            pen.put(format!("[{}]", &name[1..]), Role::Strong);
        } else {
            pen.put(format!("{name} "), Role::Dim);
        }
    }
    let filter = model.filter_text();
    if !filter.is_empty() {
        pen.put("  /", Role::Late).put(filter, Role::Late);
    }
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
    pen.at_end(format!("by {title} "), Role::Dim);
}

fn count(model: &Model, view: View) -> String {
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
