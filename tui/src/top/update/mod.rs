//! How the dashboard reacts: a pure function from what comes in to what is to be done.

mod act;
pub(crate) mod action;
pub(crate) mod binding;
mod change;
mod command;
pub(crate) use command::suggestions;
mod dialog;
mod input;
mod mouse;
mod news;
#[cfg(test)]
mod tests;

use std::time::Duration;

use divider::group::{HistoryEntry, Requester};
use divider::snapshot::{Candidate, Changed, DrainPreview, Link, RebalancePreview, Snapshot};
use divider::store::Info;
use divider::{GroupName, Key, NodeId};
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseEvent};

use super::model::operation::Operation;
use super::model::{ContextRow, GroupRow, Model, NotOpen, Place};
use super::view::layout::Areas;
use crate::conditions::Clock;

/// What comes in.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "few wait at a time")]
pub(crate) enum Msg {
    Tick(Clock),
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resize(u16, u16),
    News(News),
}

/// What is heard of the group.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// The group could not be opened.
    NotOpen(NotOpen),
    /// The account has several groups, and none of them was asked for.
    Choose,
    /// It goes there; what was seen elsewhere is forgotten.
    Going(Place),
    /// The contexts of the `nats` command.
    Contexts(Vec<ContextRow>),
    /// A group is open: everything of another one is forgotten.
    Open { group: GroupName, server: String, context: Option<String> },
    /// The group changed.
    Update { snapshot: Snapshot, changed: Changed, link: Link },
    /// It is a file's, made then in Unix milliseconds.
    File { snapshot: Snapshot, taken_ms: u64 },
    /// What happened before, as the history of the group has it.
    Past(Vec<HistoryEntry>),
    /// What the store says of the log, and after how many milliseconds.
    Info { info: Info, answer_ms: u64 },
    /// What a drain of these nodes would do.
    DrainPlan { nodes: Vec<NodeId>, preview: Result<DrainPreview, String> },
    /// What a rebalance would do.
    RebalancePlan(Result<RebalancePreview, String>),
    /// How well each node suits a key.
    Suitors { key: Key, suitors: Vec<Candidate> },
    /// What became of a change.
    Done { operation: Operation, result: Result<String, Failed> },
    /// The account's groups.
    Groups(Result<Vec<GroupRow>, String>),
    /// The process stood still for so long.
    Suspended(Duration),
    /// Something that was done here, or could not be.
    Said { text: String, failed: bool },
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error: String,
    /// The server does not allow it.
    pub(crate) denied: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Quit,
    /// Stop the process, as ctrl-z does.
    Suspend,
    /// Draw everything anew.
    Redraw,
    Mouse(bool),
    /// List the contexts of the `nats` command.
    Contexts,
    /// Into the terminal's clipboard.
    Copy(String),
    /// Into a file of the working directory whose name ends so.
    Export {
        name: String,
        text: String,
    },
    Ask(Ask),
}

/// What is asked of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    DrainPlan(Vec<NodeId>),
    /// A rebalance, once these nodes are resumed.
    RebalancePlan(Vec<NodeId>),
    Suitors(Key),
    Groups,
    Switch(GroupName),
    /// Leave the server, for that of a context.
    Context(String),
    /// Read everything again.
    Resync,
    Operate(Operation, Requester),
}

impl Effect {
    /// Whether it changes the group.
    pub(crate) fn is_mutation(&self) -> bool {
        matches!(self, Self::Ask(Ask::Operate(..)))
    }
}

/// Takes in one thing, and says what is to be done.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let effects = match msg {
        Msg::Tick(now) => model.on_tick(now),
        Msg::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Msg::Key(key) => model.on_key(key),
        Msg::Mouse(mouse) => model.on_mouse(mouse),
        Msg::Paste(text) => model.on_paste(&text),
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            model.dirty = true;
            Vec::new()
        }
        Msg::News(news) => model.on_news(news),
    };
    model.list();
    model.scroll();
    debug_assert!(model.why_read_only().is_none() || !effects.iter().any(Effect::is_mutation));
    effects
}

impl Model {
    /// Scrolls every list so that its selection is on the screen.
    fn scroll(&mut self) {
        let rows = usize::from(Areas::of(self).rows());
        self.nodes.scroll_to(rows);
        self.keys.scroll_to(rows);
        self.moves.scroll_to(rows);
        self.events.scroll_to(rows);
        self.groups.scroll_to(rows);
    }
}
