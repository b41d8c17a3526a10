//! What is wrong, and what happened.

use super::pen::Pen;
use super::theme::{Role, severity_role};
use super::words::time;
use crate::conditions::{Condition, Severity};
use crate::top::model::Model;
use crate::top::model::event::Event;

/// Draws the conditions, and the newest events below them.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let rows = usize::from(pen.area().height);
    if rows == 0 {
        return;
    }
    pen.line(0);
    pen.rule(Role::Dim);
    // With few rows the events keep at least one.
    let room = (rows - 1).saturating_sub(usize::from(rows > 2)).min(rows / 2 + 1);
    let conditions = &model.data.conditions;
    let shown = conditions.len().min(room);
    for (at, condition) in conditions.iter().take(shown).enumerate() {
        pen.line(at + 1);
        draw_condition(condition, pen);
        if at + 1 == shown && conditions.len() > shown {
            pen.at_end(format!(" {} more ", conditions.len() - shown), Role::Strong);
        }
    }
    let events = model.data.history.events.iter().rev().take((rows - 1).saturating_sub(shown));
    for (at, event) in events.enumerate() {
        pen.line(shown + 1 + at);
        draw_event(event, pen);
    }
}

fn draw_condition(condition: &Condition, pen: &mut Pen<'_>) {
    let sign = match condition.severity {
        Severity::Critical => pen.theme.sign("✖", "x"),
        Severity::Warning => "!",
        Severity::Note => pen.theme.sign("·", "."),
    };
    let role = severity_role(condition.severity);
    pen.put(format!(" {sign} {}: ", condition.severity.as_str()), role);
    pen.put(condition.sentence(pen.theme.ascii), Role::Plain);
}

fn draw_event(event: &Event, pen: &mut Pen<'_>) {
    pen.put(" ", Role::Plain);
    pen.cell(time(event.unix_ms), 9, Role::Dim);
    pen.cell(event.kind.as_str(), 8, Role::Dim);
    pen.put(&event.text, severity_role(event.severity));
}

/// Draws the list of events.
pub(super) fn draw_events(model: &Model, pen: &mut Pen<'_>) {
    let table = &model.events;
    let headings = usize::from(pen.area().width >= 60);
    if headings > 0 {
        pen.line(0);
        pen.put(" TIME     ABOUT   WHAT", Role::Dim);
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
