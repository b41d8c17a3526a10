//! Keys in a dialog.

use divider::group::Requester;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::input::edit;
use super::{Ask, Effect};
use crate::conditions::Severity;
use crate::top::model::dialog::{Button, Dialog, Value};
use crate::top::model::operation::Operation;
use crate::top::model::{Model, Overlay};

impl Model {
    pub(super) fn on_dialog_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Overlay::Dialog(dialog) = &mut self.overlay else { return Vec::new() };
        if dialog.busy {
            // What was confirmed goes on; only the dialog can be left.
            if key.code == KeyCode::Esc {
                self.overlay = Overlay::None;
            }
            return Vec::new();
        }
        dialog.error = None;
        match key.code {
            KeyCode::Esc => self.overlay = Overlay::None,
            KeyCode::Tab | KeyCode::Down => dialog.step(1),
            KeyCode::BackTab | KeyCode::Up => dialog.step(-1),
            KeyCode::PageDown => dialog.scroll = dialog.scroll.saturating_add(5),
            KeyCode::PageUp => dialog.scroll = dialog.scroll.saturating_sub(5),
            KeyCode::Enter => match dialog.button() {
                Some(button) => return self.press(button),
                None => dialog.step(1),
            },
            _ => dialog.on_key(key),
        }
        Vec::new()
    }

    fn press(&mut self, button: Button) -> Vec<Effect> {
        let Overlay::Dialog(dialog) = &mut self.overlay else { return Vec::new() };
        let operation = match button {
            Button::Cancel => {
                self.overlay = Overlay::None;
                return Vec::new();
            }
            Button::CordonOnly => Ok(Operation::Cordon(dialog.nodes.clone())),
            Button::Go => match dialog.refusal() {
                Some(refusal) => Err(refusal),
                None => dialog.operation(),
            },
        };
        let reason = dialog.reason();
        match operation {
            Ok(operation) => self.operate(operation, &reason),
            Err(error) => {
                dialog.error = Some(error);
                dialog.go_to_confirmation();
                Vec::new()
            }
        }
    }

    /// Has a change made, unless nothing may be changed from here.
    fn operate(&mut self, operation: Operation, reason: &str) -> Vec<Effect> {
        if let Some(why) = self.why_read_only() {
            if let Overlay::Dialog(dialog) = &mut self.overlay {
                dialog.error = Some(format!("read-only: {why}"));
            }
            self.say(Severity::Warning, format!("nothing changed: {why}"));
            return Vec::new();
        }
        if let Overlay::Dialog(dialog) = &mut self.overlay {
            dialog.busy = true;
        }
        vec![Effect::Ask(Ask::Operate(operation, Requester::new(&self.place.by, reason)))]
    }
}

impl Dialog {
    fn on_key(&mut self, key: KeyEvent) {
        let Some(field) = self.field_mut() else {
            match key.code {
                KeyCode::Left | KeyCode::Char('h') => self.step(-1),
                KeyCode::Right | KeyCode::Char('l') => self.step(1),
                KeyCode::Char('q') => self.cancel_first(),
                _ => {}
            }
            return;
        };
        match &mut field.value {
            Value::Text(line) => edit(line, key),
            Value::Choice { options, at } => match key.code {
                KeyCode::Right | KeyCode::Char(' ' | 'l') => *at = (*at + 1) % options.len(),
                KeyCode::Left | KeyCode::Char('h') => {
                    *at = (*at + options.len() - 1) % options.len();
                }
                _ => {}
            },
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(field) = self.field_mut()
            && let Value::Text(line) = &mut field.value
        {
            text.chars().for_each(|c| line.insert(c));
        }
    }
}
