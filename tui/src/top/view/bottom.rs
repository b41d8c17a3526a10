//! What happened.

use super::pen::Pen;
use super::plan::paragraph;
use super::theme::{Role, Theme, severity_role};
use super::words::time;
use super::{Words, said};
use crate::conditions::Severity;
use crate::top::model::Model;
use crate::top::model::event::{Event, EventKind};

/// Draws the newest events. The last of nodes and of requests stay, however many keys move.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let rows = usize::from(pen.area().height);
    if rows == 0 {
        return;
    }
    pen.line(0);
    let flat = pen.theme.sign("─", "-");
    pen.put(flat, Role::Dim).put(" events ", Role::Dim).rule(Role::Dim);
    for (at, event) in newest(model, rows - 1).into_iter().enumerate() {
        pen.line(1 + at);
        draw_event(event, pen);
    }
}

/// The newest events, of which the last few that are not of keys are some, the newest first.
fn newest(model: &Model, rows: usize) -> Vec<&Event> {
    let events = &model.data.history.events;
    let mut shown: Vec<&Event> = events.iter().rev().take(rows).collect();
    let pinned = events.iter().rev().filter(|event| event.kind != EventKind::Key);
    let oldest = shown.last().map_or(0, |event| event.number);
    let pinned = pinned.take(rows.div_ceil(2)).filter(|event| event.number < oldest);
    for event in pinned.collect::<Vec<_>>().into_iter().rev() {
        let Some(at) = shown.iter().rposition(|event| event.kind == EventKind::Key) else { break };
        shown.remove(at);
        let behind = shown.iter().position(|other| other.number < event.number);
        shown.insert(behind.unwrap_or(shown.len()), event);
    }
    shown
}

/// With fewer columns the sign says what kind of event it is.
const NARROW: u16 = 60;

fn draw_event(event: &Event, pen: &mut Pen<'_>) {
    let (sign, role) = sign(event, pen.theme);
    let narrow = pen.area().width < NARROW;
    pen.skip(u16::from(!narrow));
    pen.cell(time(event.unix_ms), 9, Role::Dim);
    pen.put(sign, role).skip(1);
    if !narrow {
        pen.cell(event.kind.as_str(), 8, Role::Dim);
    }
    pen.put(&event.text, severity_role(event.severity));
}

/// The whole of the event that is selected: its line may be cut.
pub(super) fn card(model: &Model, width: u16) -> Vec<Words> {
    let number = model.events.selected().copied();
    let Some(event) = number.and_then(|number| model.data.history.events.get(number)) else {
        return vec![said(" no event is selected", Role::Dim)];
    };
    let head = format!("{} UTC  {}", time(event.unix_ms), event.kind.as_str());
    let mut lines = vec![said(head, Role::Dim)];
    lines.extend(paragraph(&event.text, width, severity_role(event.severity)));
    lines
}

/// What kind of event it is, and how bad.
fn sign(event: &Event, theme: Theme) -> (&'static str, Role) {
    match (event.severity, event.kind) {
        (Severity::Critical, _) => (theme.sign("✖", "x"), Role::Lost),
        (Severity::Warning, _) => ("!", Role::Late),
        (_, EventKind::Node | EventKind::Link) => (theme.sign("●", "+"), Role::Good),
        (_, EventKind::Key) => (theme.sign("→", ">"), Role::Joining),
        (_, EventKind::Request | EventKind::Mine) => (theme.sign("▸", "*"), Role::Draining),
        (_, EventKind::Group | EventKind::Problem) => (theme.sign("◆", "="), Role::Cordoned),
    }
}

/// Draws the list of events.
pub(super) fn draw_events(model: &Model, pen: &mut Pen<'_>) {
    let table = &model.events;
    let headings = usize::from(pen.area().width >= 60);
    if headings > 0 {
        pen.line(0);
        pen.put(" TIME       ABOUT   WHAT", Role::Dim);
    }
    let rows = usize::from(pen.area().height).saturating_sub(headings);
    let shown = table.ids().iter().enumerate().skip(table.offset()).take(rows);
    for (line, (at, number)) in shown.enumerate() {
        pen.line(line + headings);
        match model.data.history.events.get(*number) {
            Some(event) => draw_event(event, pen),
            None => {
                pen.put(" forgotten", Role::Dim);
            }
        }
        if at == table.at() {
            pen.reverse();
        }
    }
}
