//! A dialog over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::pen::Pen;
use super::plan;
use super::popup;
use super::theme::{Role, Theme};
use super::{Words, said};
use crate::output::count;
use crate::top::model::Model;
use crate::top::model::dialog::{Button, Dialog, Field, Name, Task, Value};
use crate::top::model::operation::of;
use crate::top::model::plan::Plan;

/// Draws it in the middle of the screen, as large as it needs to be.
pub(super) fn draw(
    model: &Model,
    dialog: &Dialog,
    screen: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let (width, room) = popup::room(screen);
    let wide = width >= BESIDE && dialog.fields.len() >= FORM_FIELDS;
    let width = width.min(if wide { 132 } else { 92 });
    let beside = if wide { FORM + 3 } else { 0 };
    let plan = plan::lines(model, dialog, width - beside, theme);
    let mut foot = foot(model, dialog, width);
    let low = !wide && usize::from(room) < LEAST_PLAN + dialog.fields.len() + foot.len() + 4;
    if low {
        // The command that does the same is what one can do without.
        foot.retain(|line| line.first().is_none_or(|word| word.0 != SAME_AS));
        foot.truncate(2);
    }
    let parts = Parts { plan, foot, low, wide };
    let most = room.min(if wide { MOST_ROWS } else { u16::MAX });
    let height = u16::try_from(parts.height(dialog)).unwrap_or(room).min(most);
    let inner = popup::open(buffer, screen, (width, height), theme, &title(dialog, width));
    parts.draw(dialog, &mut Pen::new(buffer, inner, theme));
}

/// From so many columns on the form is beside the plan, and so wide it is.
const BESIDE: u16 = 108;
const FORM: u16 = 44;

/// With fewer fields the form is below.
const FORM_FIELDS: usize = 3;

/// The most rows of such a dialog: the rest of a long plan is scrolled to.
const MOST_ROWS: u16 = 28;

/// With fewer lines left for the plan, the form is one line.
const LEAST_PLAN: usize = 8;

const SAME_AS: &str = "Same as:  ";

/// What a dialog consists of.
struct Parts {
    plan: Vec<Words>,
    /// What is said below the fields.
    foot: Vec<Words>,
    /// There is no room for all fields: that with the focus is shown.
    low: bool,
    /// The form is beside the plan.
    wide: bool,
}

impl Parts {
    fn height(&self, dialog: &Dialog) -> usize {
        let fields = self.field_rows(dialog);
        let foot = self.foot.len() + 1;
        match (self.wide, self.low) {
            (true, _) => self.plan.len().max(fields) + 1 + foot + 1,
            (false, true) => self.plan.len() + fields + foot,
            (false, false) => self.plan.len() + 1 + fields + usize::from(fields > 0) + foot + 1,
        }
    }

    fn field_rows(&self, dialog: &Dialog) -> usize {
        match (self.wide, self.low) {
            // Each with its hint, and a line between them.
            (true, _) => dialog.fields.len() * 3,
            (false, true) => dialog.fields.len().min(1),
            (false, false) => dialog.fields.len(),
        }
    }

    fn draw(&self, dialog: &Dialog, pen: &mut Pen<'_>) {
        let area = pen.area();
        let spaces = usize::from(!self.low);
        let below = self.foot.len() + 1 + spaces;
        let above = usize::from(area.height).saturating_sub(below + spaces);
        let beside = if self.wide { FORM + 3 } else { 0 };
        let fields = if self.wide { 0 } else { self.field_rows(dialog) };
        let gap = usize::from(fields > 0 && !self.low);
        let rows = above.saturating_sub(fields + gap);
        let plan = Rect {
            width: area.width.saturating_sub(beside),
            height: u16::try_from(rows).unwrap_or(u16::MAX).min(area.height),
            ..area
        };
        self.draw_plan(dialog, &mut pen.within(plan));
        if self.wide {
            let x = plan.right() + 3;
            for line in 0..above {
                pen.line(line);
                let side = pen.theme.sign("│", "|");
                pen.column(plan.width + 1).put(side, Role::Dim);
            }
            let height = u16::try_from(above).unwrap_or(u16::MAX).min(area.height);
            draw_form(dialog, &mut pen.within(Rect { x, width: FORM, height, ..area }));
        } else {
            self.draw_fields(dialog, rows + gap, pen);
        }
        for (line, words) in (above + spaces..).zip(&self.foot) {
            put(pen, line, words);
        }
        // The buttons are always there, however low the screen is.
        pen.line(usize::from(area.height).saturating_sub(1));
        draw_buttons(dialog, pen);
    }

    fn draw_plan(&self, dialog: &Dialog, pen: &mut Pen<'_>) {
        let shown = usize::from(pen.area().height).min(self.plan.len());
        let from = dialog.scroll.min(self.plan.len() - shown);
        for (line, words) in self.plan[from..from + shown].iter().enumerate() {
            put(pen, line, words);
        }
        let more = self.plan.len() - shown - from;
        if more > 0 && shown > 0 {
            pen.at_end(format!(" {more} more lines, pgdn"), Role::Strong);
        }
    }

    fn draw_fields(&self, dialog: &Dialog, line: usize, pen: &mut Pen<'_>) {
        if !self.low {
            for (at, field) in dialog.fields.iter().enumerate() {
                pen.line(line + at);
                draw_field(field, at == dialog.focus, Some(hint(dialog, field)), pen);
            }
            return;
        }
        pen.line(line);
        match dialog.fields.get(dialog.focus) {
            Some(field) => draw_field(field, true, Some(hint(dialog, field)), pen),
            None if dialog.fields.is_empty() => {}
            None => {
                pen.put(format!("tab: {}", count(dialog.fields.len() as u64, "option")), Role::Dim);
            }
        }
    }
}

/// The fields below each other, each with its hint.
fn draw_form(dialog: &Dialog, pen: &mut Pen<'_>) {
    let close = usize::from(pen.area().height) < dialog.fields.len() * 3;
    for (at, field) in dialog.fields.iter().enumerate() {
        pen.line(at * if close { 1 } else { 3 });
        let focused = at == dialog.focus;
        draw_field(field, focused, close.then(|| hint(dialog, field)), pen);
        if !close && pen.line(at * 3 + 1) {
            let hint = hint(dialog, field);
            pen.skip(FIELD_NAME + 2).put(hint, Role::Dim);
        }
    }
}

fn put(pen: &mut Pen<'_>, line: usize, words: &Words) {
    if pen.line(line) {
        for (text, role) in words {
            pen.put(text, *role);
        }
    }
}

fn title(dialog: &Dialog, width: u16) -> String {
    let whom = of(&dialog.nodes);
    match &dialog.task {
        Task::Drain if width < 48 => format!("Drain {whom}: plan"),
        Task::Rebalance if width < 48 => "Rebalance: plan".to_owned(),
        Task::Drain => format!("Drain {whom}: plan, nothing changed yet"),
        Task::Undo => format!("Resume {whom}"),
        Task::Cordon => format!("Cordon {whom}"),
        Task::Affinity => format!("Affinity of {whom}"),
        Task::Rebalance => "Rebalance: plan, nothing changed yet".to_owned(),
        Task::Freeze => "Freeze balance moves".to_owned(),
        Task::Thaw => "Thaw balance moves".to_owned(),
        Task::Pause => format!("Pause the drain of {whom}"),
        Task::Continue => format!("Continue the drain of {whom}"),
        Task::Forget => format!("Forget {whom}"),
        Task::DeleteGroup(group) => format!("Delete the group {group} for good"),
    }
}

/// So wide the name of a field is.
const FIELD_NAME: u16 = 10;

fn hint(dialog: &Dialog, field: &Field) -> String {
    match (field.name, &field.value) {
        (Name::Confirm, _) => format!("{:?} to confirm", dialog.words()),
        (_, Value::Choice { options, at }) => {
            let other = options.get((at + 1) % options.len()).copied().unwrap_or_default();
            format!("space: {other}")
        }
        (name, Value::Text(_)) => name.hint().to_owned(),
    }
}

fn draw_field(field: &Field, focused: bool, hint: Option<String>, pen: &mut Pen<'_>) {
    let sign = if focused { pen.theme.sign("▸ ", "> ") } else { "  " };
    pen.put(sign, Role::Strong).cell(field.name.as_str(), FIELD_NAME, Role::Dim);
    let marked = |focused| {
        if focused { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() }
    };
    match &field.value {
        Value::Text(line) => {
            let text = line.text();
            pen.put("[", Role::Dim).put_styled(line.before(), Style::new());
            let mut after = line.after().chars();
            let under = after.next().unwrap_or(' ').to_string();
            pen.put_styled(&under, marked(focused)).put_styled(after.as_str(), Style::new());
            let used = u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX);
            pen.skip(14_u16.saturating_sub(used)).put("]  ", Role::Dim);
            // The name that has to be typed is never left out.
            let fits = |hint: &String| hint.len() <= usize::from(pen.left());
            if let Some(hint) = hint.filter(|hint| field.name == Name::Confirm || fits(hint)) {
                pen.put(hint, Role::Dim);
            }
        }
        Value::Choice { options, at } => {
            let needed: usize = options.iter().map(|text| text.len() + 6).sum();
            let all = needed <= usize::from(pen.left());
            for (option, text) in options.iter().enumerate() {
                let chosen = option == *at;
                let style = marked(focused && chosen);
                let sign = if chosen { "(*) " } else { "( ) " };
                if all || chosen {
                    pen.put_styled(&format!("{sign}{text}"), style).skip(2);
                }
            }
        }
    }
}

/// What is said below the fields.
fn foot(model: &Model, dialog: &Dialog, width: u16) -> Vec<Words> {
    let mut lines = Vec::new();
    if let Ok(operation) = dialog.operation() {
        let command = operation.command(&model.place.group, &dialog.reason());
        lines.push(vec![(SAME_AS.to_owned(), Role::Dim), (command, Role::Plain)]);
    }
    if let Some(changed) = &dialog.changed {
        lines.push(said(changed, Role::Late));
    }
    if let Some(error) = &dialog.error {
        lines.extend(plan::paragraph(error, width, Role::Lost));
    } else if let Some(why) = model.why_read_only() {
        lines.extend(plan::paragraph(&format!("not possible now: {why}"), width, Role::Late));
    } else if dialog.busy {
        lines.push(said("in progress", Role::Joining));
    } else if let Some(why) = dialog.refusal() {
        lines.extend(plan::paragraph(&why, width, Role::Dim));
    }
    lines
}

fn draw_buttons(dialog: &Dialog, pen: &mut Pen<'_>) {
    let full: Vec<String> = dialog.buttons.iter().map(|button| label(*button, dialog)).collect();
    let needed: usize = full.iter().map(|text| text.len() + 6).sum();
    let tight = needed > usize::from(pen.left());
    for (button, text) in dialog.buttons.iter().zip(full) {
        let text = match button {
            _ if !tight => format!("[ {text} ]"),
            Button::CordonOnly => "[Cordon]".to_owned(),
            _ => format!("[{}]", text.trim_end_matches(" keys").trim_end_matches(" key")),
        };
        let mut style = Style::new();
        if dialog.button() == Some(*button) {
            style = style.add_modifier(Modifier::REVERSED);
        }
        if *button == Button::Go && dialog.refusal().is_some() {
            style = style.add_modifier(Modifier::DIM);
        }
        pen.put_styled(&text, style).skip(if tight { 1 } else { 2 });
    }
}

fn label(button: Button, dialog: &Dialog) -> String {
    match button {
        Button::Cancel => "Cancel".to_owned(),
        Button::CordonOnly => "Cordon only".to_owned(),
        Button::Go => go(dialog),
    }
}

/// What the last button does.
fn go(dialog: &Dialog) -> String {
    match (&dialog.task, &dialog.plan) {
        (Task::Drain, Plan::Drain(plan)) => {
            format!("Drain {}", count(plan.moves, "key"))
        }
        (Task::Drain, _) => "Drain".to_owned(),
        (Task::Undo, _) => "Resume".to_owned(),
        (Task::Cordon, _) => "Cordon".to_owned(),
        (Task::Affinity, _) => "Set".to_owned(),
        (Task::Rebalance, Plan::Rebalance(plan)) if plan.moves() > 0 => {
            format!("Rebalance {}", count(plan.moves(), "key"))
        }
        (Task::Rebalance, _) => "Rebalance".to_owned(),
        (Task::Freeze, _) => "Freeze".to_owned(),
        (Task::Thaw, _) => "Thaw".to_owned(),
        (Task::Pause, _) => "Pause".to_owned(),
        (Task::Continue, _) => "Continue".to_owned(),
        (Task::Forget, _) => "Forget".to_owned(),
        (Task::DeleteGroup(_), _) => "Delete for good".to_owned(),
    }
}
