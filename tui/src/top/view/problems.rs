//! What is wrong, above everything else.

use std::time::Duration;

use divider::NodeId;
use divider::snapshot::{GoneNode, NodeEnd};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pen::Pen;
use super::popup;
use super::theme::{Role, Theme, severity_role};
use super::words::{counted, wrapped};
use super::{Words, draw_scrolled, said};
use crate::conditions::{Condition, Severity};
use crate::output::age;
use crate::top::model::{Model, View, Wire};

/// How many lines they take on a screen of so many rows.
pub(super) fn rows(model: &Model, rows: u16) -> u16 {
    let most = match rows {
        36.. => 5,
        28.. => 4,
        20.. => 3,
        12.. => 2,
        8.. => 1,
        _ => 0,
    };
    let lines = lines(model, model.size.0).len();
    u16::try_from(lines).unwrap_or(most).min(most)
}

/// Draws them, the worst first.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let area = pen.area();
    let lines = lines(model, area.width);
    let shown = usize::from(area.height).min(lines.len());
    for (at, (severity, head, text)) in lines.iter().take(shown).enumerate() {
        pen.line(at);
        let role = severity_role(*severity);
        pen.put(head, role).put(text, Role::Plain);
        let more = lines.len() - shown;
        if at + 1 == shown && more > 0 {
            pen.at_end(format!(" {more} more: ! "), Role::Strong);
        }
    }
}

/// Draws every one of them over the screen, none of it cut off, each with its next command.
pub(super) fn draw_all(
    model: &Model,
    from: usize,
    screen: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let (width, height) = popup::room(screen);
    let width = width.min(96);
    let ascii = model.settings.ascii;
    let mut lines: Vec<Words> = Vec::new();
    for condition in &model.data.conditions {
        let role = severity_role(condition.severity);
        for (_, head, text) in lines_of(condition, width, true, ascii) {
            lines.push(vec![(head, role), (text, Role::Plain)]);
        }
        let sentence = condition.sentence(ascii);
        let next = condition.next().filter(|next| !sentence.contains(next.as_str()));
        lines.extend(next.map(|next| said(format!("   next: {next}"), Role::Dim)));
    }
    for (severity, head, text) in deaths(model, true) {
        lines.push(vec![(head, severity_role(severity)), (text, Role::Plain)]);
    }
    if lines.is_empty() {
        lines.push(said("no problems", Role::Good));
    }
    let height = u16::try_from(lines.len()).unwrap_or(height).min(height);
    let inner = popup::open(buffer, screen, (width, height), theme, "Problems");
    draw_scrolled(&lines, from, &mut Pen::new(buffer, inner, theme), "j/k");
}

/// Warnings and worse; on a large screen everything. On a narrow screen a sentence takes two lines.
fn lines(model: &Model, width: u16) -> Vec<(Severity, String, String)> {
    if matches!(model.wire, Wire::Connecting | Wire::Choosing | Wire::NotOpen(_))
        || model.view == View::Groups
    {
        return Vec::new();
    }
    let large = model.size.1 >= 28;
    let ascii = model.settings.ascii;
    let is_shown = |condition: &&Condition| large || condition.severity != Severity::Note;
    let conditions = model.data.conditions.iter().filter(is_shown);
    let narrow = width < 70;
    let lines = conditions.flat_map(|condition| lines_of(condition, width, narrow, ascii));
    let mut lines: Vec<_> = lines.chain(deaths(model, narrow)).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.0));
    lines
}

/// So long a death is among the problems, and so many of them are named.
const RECENT: Duration = Duration::from_mins(10);
const NAMED: usize = 2;

/// The last nodes that died: who comes after it has to see it.
fn deaths(model: &Model, narrow: bool) -> Vec<(Severity, String, String)> {
    let snapshot = model.snapshot();
    let now = model.age_at();
    let died = snapshot.gone().iter().filter_map(|gone| {
        let NodeEnd::Died { by } = &gone.end else { return None };
        let ago = now.since(gone.since);
        (ago < RECENT).then_some((gone, by, ago))
    });
    let line = |(gone, by, ago): (&GoneNode, &Option<NodeId>, Duration)| {
        let by = by.as_ref().map_or_else(String::new, |by| format!(", ended by {by}"));
        let reported = model.data.history.deaths.get(&gone.node);
        let keys = match (gone.keys, reported) {
            // Whose the keys without an owner were is not known.
            (Some(keys), _) if snapshot.counts().orphaned == 0 => {
                format!("; {} taken over", counted(keys, "key"))
            }
            (Some(keys), _) => format!("; it had {}", counted(keys, "key")),
            // The number of its last heartbeat, which may be older than its last claims.
            (None, Some(keys)) => format!("; last reported {}", counted(*keys, "key")),
            (None, None) => String::new(),
        };
        let text = format!("{} died {} ago{by}{keys}", gone.node, age(ago));
        let head = if narrow { " ! " } else { " ! gone: " };
        (Severity::Warning, head.to_owned(), text)
    };
    died.take(NAMED).map(line).collect()
}

fn lines_of(
    condition: &Condition,
    width: u16,
    narrow: bool,
    ascii: bool,
) -> Vec<(Severity, String, String)> {
    let severity = condition.severity;
    let sign = match severity {
        Severity::Critical if ascii => "x",
        Severity::Critical => "✖",
        Severity::Warning => "!",
        Severity::Note if ascii => ".",
        Severity::Note => "·",
    };
    let mut sentence = condition.sentence(ascii);
    if !narrow {
        // The command that shows more of it, or mends it, where the sentence has none.
        let next = condition.next().filter(|next| !sentence.contains(next.as_str()));
        let next = next.map(|next| format!("  {} {next}", if ascii { "->" } else { "→" }));
        let next = next.unwrap_or_default();
        let head = format!(" {sign} {}: ", severity.as_str());
        let whole = crate::output::width(&head) + crate::output::width(&sentence);
        if whole + crate::output::width(&next) + 8 <= usize::from(width) {
            sentence.push_str(&next);
        }
        return vec![(severity, head, sentence)];
    }
    let texts = wrapped(&sentence, usize::from(width.saturating_sub(3)));
    let head = |at| if at == 0 { format!(" {sign} ") } else { "   ".to_owned() };
    let line = |(at, text)| (severity, head(at), text);
    texts.into_iter().enumerate().map(line).collect()
}
