//! The dialog before a change: what it would do, how it is to be done, and whether.

use std::time::Duration;

use divider::group::{AfterResume, OnDeadline};
use divider::{GroupName, NodeId, Revision};

use super::line::Line;
use super::operation::{Operation, of};
use super::plan::Plan;
use crate::output::count;
use crate::span::parse_span;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Drain,
    Undo,
    Cordon,
    Affinity,
    Rebalance,
    Freeze,
    Thaw,
    Pause,
    Continue,
    Forget,
    DeleteGroup(GroupName),
}

/// A dialog. Nothing is changed before its last button, and it begins on Cancel.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) task: Task,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) fields: Vec<Field>,
    pub(crate) buttons: Vec<Button>,
    /// Fields first, then buttons.
    pub(crate) focus: usize,
    pub(crate) plan: Plan,
    /// The plan is not what it was when it was last looked at.
    pub(crate) changed: Option<String>,
    /// Why it cannot be done as it is, or why it was not.
    pub(crate) error: Option<String>,
    /// It was confirmed, and is being done.
    pub(crate) busy: bool,
    /// The first line of a long plan that is shown.
    pub(crate) scroll: usize,
}

/// Something to fill in.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) value: Value,
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Deadline,
    AtDeadline,
    Parallel,
    Reason,
    Keys,
    Affinity,
    For,
    /// The node's name, or how many nodes: typed, where much would change.
    Confirm,
}

/// What is filled in.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(Line),
    Choice { options: &'static [&'static str], at: usize },
}

/// What can be pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    Cancel,
    CordonOnly,
    Go,
}

impl Name {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "Deadline",
            Self::AtDeadline => "If late",
            Self::Parallel => "Parallel",
            Self::Reason => "Reason",
            Self::Keys => "Keys",
            Self::Affinity => "Affinity",
            Self::For => "For",
            Self::Confirm => "Type",
        }
    }

    /// What to fill in.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Deadline => "30s, 5m, 1h; empty: none",
            Self::Parallel => "stops sent ahead; 0: all",
            Self::Affinity => "a number; empty: the node's own",
            Self::For => "30m, 8h; empty: until thawed",
            Self::Reason => "recorded with the request",
            Self::AtDeadline | Self::Keys | Self::Confirm => "",
        }
    }
}

const AT_DEADLINE: &[&str] = &["fail: list the rest", "free the rest"];
const KEYS: &[&str] = &["stay (no moves)", "move (rebalance)"];

impl Field {
    fn text(name: Name, text: &str) -> Self {
        Self { name, value: Value::Text(Line::new(text)) }
    }

    fn choice(name: Name, options: &'static [&'static str]) -> Self {
        Self { name, value: Value::Choice { options, at: 0 } }
    }
}

impl Dialog {
    pub(crate) fn new(task: Task, nodes: Vec<NodeId>) -> Self {
        let reason = || Field::text(Name::Reason, "");
        let fields = match task {
            Task::Drain => vec![
                Field::text(Name::Deadline, "1h"),
                Field::choice(Name::AtDeadline, AT_DEADLINE),
                Field::text(Name::Parallel, "256"),
                reason(),
            ],
            Task::Undo => vec![Field::choice(Name::Keys, KEYS), reason()],
            Task::Cordon | Task::Rebalance | Task::Forget => vec![reason()],
            Task::DeleteGroup(_) => vec![Field::text(Name::Confirm, "")],
            Task::Affinity => vec![Field::text(Name::Affinity, ""), reason()],
            Task::Freeze => vec![Field::text(Name::For, ""), reason()],
            Task::Thaw | Task::Pause | Task::Continue => Vec::new(),
        };
        let buttons = match task {
            Task::Drain => vec![Button::Cancel, Button::CordonOnly, Button::Go],
            _ => vec![Button::Cancel, Button::Go],
        };
        let plan = match task {
            Task::Drain | Task::Undo | Task::Rebalance => Plan::Asked,
            _ => Plan::None,
        };
        let focus = fields.len();
        let (changed, error, busy, scroll) = (None, None, false, 0);
        Self { task, nodes, fields, buttons, focus, plan, changed, error, busy, scroll }
    }

    /// The field that has the focus.
    pub(crate) fn field_mut(&mut self) -> Option<&mut Field> {
        self.fields.get_mut(self.focus)
    }

    /// The button that has the focus.
    pub(crate) fn button(&self) -> Option<Button> {
        self.buttons.get(self.focus.checked_sub(self.fields.len())?).copied()
    }

    /// Goes to the next field or button, or to the one before.
    pub(crate) fn step(&mut self, by: isize) {
        let places = self.fields.len() + self.buttons.len();
        let step = by.rem_euclid(isize::try_from(places).unwrap_or(1)).unsigned_abs();
        self.focus = (self.focus + step) % places;
    }

    /// Goes to Cancel.
    pub(crate) fn cancel_first(&mut self) {
        self.focus = self.fields.len();
    }

    /// Takes a plan in. One that is another than before is told, and the focus goes to Cancel.
    pub(crate) fn set_plan(&mut self, plan: Plan) {
        let counts = match (&self.plan, &plan) {
            (Plan::Drain(old), Plan::Drain(new)) if !old.does_the_same(new) => {
                Some((old.moves, new.moves))
            }
            (Plan::Rebalance(old), Plan::Rebalance(new)) if old.shifts != new.shifts => {
                Some((old.moves(), new.moves()))
            }
            _ => None,
        };
        let told = counts.map(|(old, new)| match count(new, "key") {
            keys if old == new => format!("the plan changed: {keys}, other nodes or another order"),
            keys => format!("the plan changed: {old} -> {keys}"),
        });
        if told.is_some() {
            self.changed = told;
            self.cancel_first();
        }
        self.plan = plan;
        self.ask_to_type();
    }

    /// A change that is big has to be confirmed by typing.
    fn ask_to_type(&mut self) {
        let big = matches!(&self.plan, Plan::Drain(plan) if plan.is_big(self.nodes.len()));
        let asked = self.fields.last().is_some_and(|field| field.name == Name::Confirm);
        if big && !asked {
            self.fields.push(Field::text(Name::Confirm, ""));
            self.cancel_first();
        } else if !big && asked {
            self.fields.pop();
            self.cancel_first();
        }
    }

    /// What has to be typed.
    pub(crate) fn words(&self) -> String {
        match &self.task {
            Task::DeleteGroup(group) => group.to_string(),
            _ => of(&self.nodes),
        }
    }

    /// Whether something has to be typed that is not.
    fn lacks_confirmation(&self) -> bool {
        let confirms = self.fields.iter().any(|field| field.name == Name::Confirm);
        confirms && self.text(Name::Confirm) != self.words()
    }

    /// Goes to the field in which the name is typed, if that is what is missing.
    pub(crate) fn go_to_confirmation(&mut self) {
        let at = self.fields.iter().position(|field| field.name == Name::Confirm);
        if let Some(at) = at.filter(|_| self.lacks_confirmation()) {
            self.focus = at;
        }
    }

    fn text(&self, name: Name) -> String {
        let field = self.fields.iter().find(|field| field.name == name);
        match field.map(|field| &field.value) {
            Some(Value::Text(line)) => line.text().trim().to_owned(),
            _ => String::new(),
        }
    }

    fn choice(&self, name: Name) -> usize {
        let field = self.fields.iter().find(|field| field.name == name);
        match field.map(|field| &field.value) {
            Some(Value::Choice { at, .. }) => *at,
            _ => 0,
        }
    }

    /// Why it is done, as it was filled in.
    pub(crate) fn reason(&self) -> String {
        self.text(Name::Reason)
    }

    /// What it asks for, as it is filled in.
    ///
    /// # Errors
    /// What is wrong with a field.
    pub(crate) fn operation(&self) -> Result<Operation, String> {
        let nodes = self.nodes.clone();
        Ok(match &self.task {
            Task::Drain => Operation::Drain {
                nodes,
                deadline: span(Name::Deadline, &self.text(Name::Deadline))?,
                on_deadline: [OnDeadline::Keep, OnDeadline::Free][self.choice(Name::AtDeadline)],
                parallel: number(Name::Parallel, &self.text(Name::Parallel))?.unwrap_or(0),
                planned: match &self.plan {
                    Plan::Drain(plan) => plan.revision,
                    _ => Revision::NONE,
                },
            },
            Task::Undo => {
                let after = [AfterResume::MoveNothing, AfterResume::Rebalance];
                Operation::Resume { nodes, after: after[self.choice(Name::Keys)] }
            }
            Task::Cordon => Operation::Cordon(nodes),
            Task::Affinity => {
                let affinity = number(Name::Affinity, &self.text(Name::Affinity))?;
                Operation::Affinity { nodes, affinity }
            }
            Task::Rebalance => Operation::Rebalance,
            Task::Freeze => Operation::Freeze(span(Name::For, &self.text(Name::For))?),
            Task::Thaw => Operation::Thaw,
            Task::Pause => Operation::PauseDrain(nodes),
            Task::Continue => Operation::ContinueDrain(nodes),
            Task::Forget => Operation::Forget(nodes),
            Task::DeleteGroup(group) => Operation::DeleteGroup(group.clone()),
        })
    }

    /// Why its last button does nothing yet.
    pub(crate) fn refusal(&self) -> Option<String> {
        match &self.plan {
            Plan::Asked => return Some("computing the plan".to_owned()),
            Plan::Failed(why) => return Some(format!("no plan: {why}")),
            Plan::Drain(plan) if plan.refusal.is_some() => return plan.refusal.clone(),
            Plan::Rebalance(plan) if self.task == Task::Rebalance && plan.moves() == 0 => {
                return Some("nothing to do: no key would move".to_owned());
            }
            _ => {}
        }
        if self.busy {
            return Some("in progress".to_owned());
        }
        if self.lacks_confirmation() {
            return Some(format!("type {:?} to confirm", self.words()));
        }
        self.operation().err()
    }
}

fn span(name: Name, text: &str) -> Result<Option<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse_span(text).map(Some).map_err(|error| format!("{}: {error}", name.as_str()))
}

fn number(name: Name, text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| format!("{} is a whole number from 0 to {}", name.as_str(), u32::MAX);
    text.parse().map(Some).map_err(wrong)
}
