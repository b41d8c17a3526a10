//! What happened to a node.

use divider::NodeId;
use divider::snapshot::{DesiredState, Mode, NodeEnd, NodeState, NodeStatus};

use super::event::{EventKind, Events, NewEvent};
use crate::conditions::{Severity, absent};
use crate::output::count;
use crate::words::signature;

/// The lines of one second about nodes: what happens to many of them at once is one line.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeLines {
    /// The Unix second.
    second: u64,
    lines: Vec<NodeLine>,
}

/// What happened to some nodes in one second.
#[derive(Debug, Clone)]
struct NodeLine {
    what: Happened,
    nodes: Vec<NodeId>,
    /// The keys that they have.
    keys: u64,
    /// The event that says it.
    event: u64,
}

/// What happened to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Happened {
    Lost,
    Late,
    /// It is a member no more, and it is not known how its session ended.
    Gone,
    Left,
    /// It died, and that node ended its session.
    Died(Option<NodeId>),
    /// It beats again, and is in that state.
    Beats(NodeState),
    /// It has another session, and is in that state.
    Again(NodeState),
    Is(NodeState),
    /// Something was asked of it: a verb, and by whom.
    Requested(String, String),
    /// The whole sentence.
    Sentence(String),
}

impl NodeLines {
    /// Says what is different about a node, its heartbeats and its keys aside.
    pub(super) fn on_node(
        &mut self,
        events: &mut Events,
        before: Option<&NodeStatus>,
        (after, end): (Option<&NodeStatus>, Option<&NodeEnd>),
        unix_ms: u64,
    ) {
        let Some(node) = after.or(before) else { return };
        let changes = [requested(before, after), state(before, after, end)];
        for what in changes.into_iter().flatten() {
            self.push(events, what, node, unix_ms);
        }
    }

    fn push(&mut self, events: &mut Events, what: Happened, node: &NodeStatus, unix_ms: u64) {
        if self.second != unix_ms / 1000 {
            (self.second, self.lines) = (unix_ms / 1000, Vec::new());
        }
        let known = self.lines.iter_mut().find(|line| line.what == what);
        let known = known.filter(|_| !matches!(what, Happened::Sentence(_)));
        if let Some(line) = known {
            line.nodes.push(node.node.clone());
            line.keys += node.keys;
            line.event = events.push_or_replace(Some(line.event), line.event(unix_ms));
            return;
        }
        let (nodes, keys) = (vec![node.node.clone()], node.keys);
        let mut line = NodeLine { what, nodes, keys, event: 0 };
        line.event = events.push_or_replace(None, line.event(unix_ms));
        self.lines.push(line);
    }
}

impl NodeLine {
    fn event(&self, unix_ms: u64) -> NewEvent {
        let severity = match self.what {
            Happened::Lost | Happened::Died(_) => Severity::Critical,
            Happened::Late => Severity::Warning,
            _ => Severity::Note,
        };
        let is_request = matches!(self.what, Happened::Requested(..));
        let kind = if is_request { EventKind::Request } else { EventKind::Node };
        NewEvent { unix_ms, kind, severity, text: self.sentence() }
    }

    fn sentence(&self) -> String {
        let names = self.names();
        let one = self.nodes.len() == 1;
        let is = if one { "is" } else { "are" };
        match &self.what {
            Happened::Lost => {
                format!("{names} {is} lost; {} will be taken over", count(self.keys, "key"))
            }
            Happened::Late => {
                format!("{names} {is} late: {} missed a heartbeat", if one { "it" } else { "they" })
            }
            Happened::Gone => format!("{names} {is} gone"),
            Happened::Left => format!("{names} left"),
            Happened::Died(None) => format!("{names} died"),
            Happened::Died(Some(by)) => format!("{names} died, ended by {by}"),
            Happened::Beats(state) => {
                let send = if one { "sends" } else { "send" };
                format!("{names} {send} heartbeats again: {}", state.as_str())
            }
            Happened::Again(state) => {
                let have = if one { "has a new session" } else { "have new sessions" };
                format!("{names} {have}: {}", state.as_str())
            }
            Happened::Is(state) => format!("{names} {is} {}", state.as_str()),
            Happened::Requested(verb, who) => format!("{verb} {names} {who}"),
            Happened::Sentence(text) => text.clone(),
        }
    }

    /// `w1`, `w1, w2`, `w1, w2 and 3 more`
    fn names(&self) -> String {
        let named: Vec<&str> = self.nodes.iter().take(NAMED).map(NodeId::as_str).collect();
        match self.nodes.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// So many nodes of a line are named.
const NAMED: usize = 4;

fn state(
    before: Option<&NodeStatus>,
    after: Option<&NodeStatus>,
    end: Option<&NodeEnd>,
) -> Option<Happened> {
    let Some(after) = after else {
        let gone = match end {
            Some(NodeEnd::Died { by }) => Happened::Died(by.clone()),
            Some(NodeEnd::Left) => Happened::Left,
            _ => Happened::Gone,
        };
        return before.map(|_| gone);
    };
    let state = after.state;
    let was = before.map(|before| before.state);
    let again = before.is_some_and(|before| before.session != after.session);
    if was == Some(state) && !again {
        return None;
    }
    Some(match state {
        NodeState::Lost => Happened::Lost,
        NodeState::Late => Happened::Late,
        NodeState::Absent => Happened::Sentence(absent(&[after], after.node.as_str())),
        _ if was == Some(NodeState::Late) => Happened::Beats(state),
        _ if again && was.is_some() => Happened::Again(state),
        _ => Happened::Is(state),
    })
}

fn requested(before: Option<&NodeStatus>, after: Option<&NodeStatus>) -> Option<Happened> {
    let now = after?.desired.as_ref()?;
    let was = before.and_then(|before| before.desired.as_ref());
    if was.is_some_and(|was| was.revision == now.revision) {
        return None;
    }
    Some(Happened::Requested(verb(was, now), signature(&now.by, &now.reason)))
}

fn verb(was: Option<&DesiredState>, now: &DesiredState) -> String {
    let before = was.map_or(Mode::Active, |was| was.mode);
    match (before, now.mode) {
        (Mode::Drain, Mode::Drain) if was.is_some_and(|was| was.paused != now.paused) => {
            if now.paused { "pause the drain of" } else { "continue the drain of" }.to_owned()
        }
        (before, Mode::Drain) if before != Mode::Drain => "drain".to_owned(),
        (before, Mode::Cordon) if before != Mode::Cordon => "cordon".to_owned(),
        (Mode::Cordon | Mode::Drain, Mode::Active) => "resume".to_owned(),
        _ => match now.affinity {
            Some(affinity) => format!("affinity {affinity} for"),
            None => "own affinity for".to_owned(),
        },
    }
}
