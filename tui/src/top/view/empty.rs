//! What is said where there is no list to show.

use super::theme::Role;
use super::words::wrapped;
use super::{Words, said};
use crate::output::count;
use crate::top::model::{Cause, Known, Model, NotOpen, View, Wire};

/// What is said instead of the list, if there is none.
pub(super) fn lines(model: &Model) -> Option<Vec<Words>> {
    let lines = whole_lines(model)?;
    Some(lines.into_iter().flat_map(|line| folded(line, usize::from(model.size.0))).collect())
}

/// A sentence in as many lines as it takes. What is indented further is code, and stays whole.
fn folded(line: Words, columns: usize) -> Vec<Words> {
    let [(text, role)] = &line[..] else { return vec![line] };
    let is_code = text.starts_with("    ");
    if is_code || crate::output::width(text) <= columns {
        return vec![line];
    }
    let texts = wrapped(text.trim_start(), columns.saturating_sub(3));
    texts.into_iter().map(|text| said(format!("  {text}"), *role)).collect()
}

fn whole_lines(model: &Model) -> Option<Vec<Words>> {
    let blank = || said("", Role::Plain);
    if model.view == View::Groups {
        return groups(model);
    }
    let snapshot = model.snapshot();
    let empty = snapshot.nodes().len() == 0 && snapshot.counts().all() == 0;
    match &model.wire {
        Wire::Connecting => Some(vec![blank(), said(connecting(model), Role::Plain)]),
        Wire::Choosing => {
            let text = "  There are several groups: 5 lists them, enter opens one.";
            Some(vec![blank(), said(text, Role::Plain)])
        }
        Wire::NotOpen(not_open) => Some(not_open_lines(model, not_open)),
        Wire::Reading { .. } if empty => {
            Some(vec![blank(), said("  reading the group", Role::Plain)])
        }
        _ if empty && model.view != View::Events => Some(first_run(model)),
        _ => of_view(model),
    }
}

fn connecting(model: &Model) -> String {
    let place = &model.place;
    let context =
        place.context.as_ref().map_or("no context".to_owned(), |c| format!("context {c}"));
    format!("  connecting to {} ({context}, login: {})", place.server, place.login)
}

fn not_open_lines(model: &Model, not_open: &NotOpen) -> Vec<Words> {
    let place = &model.place;
    let head = match (not_open.cause, &not_open.group) {
        (Cause::NoGroup, None) => "There are no groups in this account.".to_owned(),
        (Cause::NoGroup, Some(group)) => format!("Group {group} does not exist yet."),
        (Cause::Denied, _) => "The server rejects the credentials.".to_owned(),
        (Cause::Other, _) => "The group cannot be opened.".to_owned(),
    };
    let name = not_open.group.as_ref().map_or("NAME", |group| group.as_str());
    let what = match not_open.cause {
        Cause::NoGroup => format!(
            "It appears when it is created, by `divider init -g {name}` or by a service. 5 shows the other groups."
        ),
        Cause::Denied => {
            "Check the credentials with `divider context info`, or switch context with :ctx."
                .to_owned()
        }
        Cause::Other => "Retrying. :ctx switches context, q quits.".to_owned(),
    };
    let context = place.context.as_deref().unwrap_or("none");
    let mut lines = vec![said("", Role::Plain), said(format!("  {head}"), Role::Strong)];
    lines.push(said("", Role::Plain));
    let facts = [
        ("server", place.server.as_str()),
        ("context", context),
        ("login", place.login),
        ("error", not_open.error.as_str()),
    ];
    // What the server said has to be read to its end.
    let width = usize::from(model.size.0.saturating_sub(12)).clamp(20, 100);
    for (name, text) in facts {
        let texts = wrapped(text, width).into_iter().enumerate();
        let line = |(at, text)| format!("  {:<8} {text}", if at == 0 { name } else { "" });
        lines.extend(texts.map(line).map(|line| said(line, Role::Plain)));
    }
    let next = Wire::retry(not_open.attempts, not_open.retry, model.now.at);
    lines.extend([said(format!("  {next}"), Role::Dim), said("", Role::Plain)]);
    lines.extend(wrapped(&what, width).iter().map(|line| said(format!("  {line}"), Role::Plain)));
    lines
}

fn first_run(model: &Model) -> Vec<Words> {
    let group = &model.place.group;
    [
        String::new(),
        "  The group is empty: it has no nodes and no keys.".to_owned(),
        String::new(),
        "  A node:".to_owned(),
        format!("    let store = NatsStore::connect(url, \"{group}\".parse()?).await?;"),
        "    let (divider, events) = Divider::builder(store).node(\"w1\").start().await?;"
            .to_owned(),
        "    divider::run(divider, events, work).await?;".to_owned(),
        String::new(),
        format!("  A key:  divider announce --group {group} eu.17"),
        format!("  or:     nats pub divider.{group}.key.eu.17 ''"),
    ]
    .into_iter()
    .map(|line| said(line, Role::Plain))
    .collect()
}

/// What an empty list says.
fn of_view(model: &Model) -> Option<Vec<Words>> {
    let snapshot = model.snapshot();
    let filtered = !model.filter_text().is_empty() || model.settings.trouble;
    let (is_empty, why) = match model.view {
        View::Nodes => (
            model.nodes.ids().is_empty(),
            format!(
                "there are no nodes; {} without an owner",
                count(snapshot.counts().orphaned, "key")
            ),
        ),
        View::Keys => (model.keys.ids().is_empty(), "there are no keys".to_owned()),
        View::Moves => {
            (model.moves.ids().is_empty(), "no key is moving: every key runs".to_owned())
        }
        View::Events => (model.events.ids().is_empty(), "no events yet".to_owned()),
        View::Groups => return None,
    };
    let why = if filtered { "no match; esc clears the filter".to_owned() } else { why };
    is_empty.then(|| vec![said("", Role::Plain), said(format!("  {why}"), Role::Plain)])
}

fn groups(model: &Model) -> Option<Vec<Words>> {
    let why = match &model.known_groups {
        Known::NotAsked => "loading the groups of this account".to_owned(),
        Known::Failed(error) => format!("cannot list the groups of this account: {error}"),
        Known::Groups(rows) if rows.is_empty() => {
            "no groups in this account (bucket divider_*); a group appears when it is created"
                .to_owned()
        }
        Known::Groups(_) => return None,
    };
    Some(vec![said("", Role::Plain), said(format!("  {why}"), Role::Plain)])
}
