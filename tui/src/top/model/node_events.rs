//! What happened to a node.

use divider::snapshot::Mode;
use divider::snapshot::{DesiredState, NodeState, NodeStatus};

use super::event::{EventKind, Events};
use crate::conditions::{Severity, absent};
use crate::output::count;
use crate::words::signature;

/// Says what is different about a node, its heartbeats and its keys aside.
pub(super) fn push(
    events: &mut Events,
    before: Option<&NodeStatus>,
    after: Option<&NodeStatus>,
    unix_ms: u64,
) {
    if let Some(text) = wish(before, after) {
        events.push(unix_ms, EventKind::Wish, Severity::Note, text);
    }
    if let Some((severity, text)) = state(before, after) {
        events.push(unix_ms, EventKind::Node, severity, text);
    }
}

fn state(before: Option<&NodeStatus>, after: Option<&NodeStatus>) -> Option<(Severity, String)> {
    let Some(after) = after else {
        let before = before?;
        return Some((Severity::Note, format!("{} is gone", before.node)));
    };
    let (node, state) = (&after.node, after.state);
    let was = before.map(|before| before.state);
    let again = before.is_some_and(|before| before.session != after.session);
    if was == Some(state) && !again {
        return None;
    }
    let text = match state {
        NodeState::Lost => {
            format!("{node} is lost; {} will be taken over", count(after.keys, "key"))
        }
        NodeState::Late => format!("{node} is late: it missed a heartbeat"),
        NodeState::Absent => absent(&[after], node.as_str()),
        _ if was == Some(NodeState::Late) => {
            format!("{node} sends heartbeats again, it is {}", state.as_str())
        }
        _ if again && was.is_some() => {
            format!("{node} has a new session, it is {}", state.as_str())
        }
        _ => format!("{node} is {}", state.as_str()),
    };
    let severity = match state {
        NodeState::Lost => Severity::Critical,
        NodeState::Late => Severity::Warning,
        _ => Severity::Note,
    };
    Some((severity, text))
}

fn wish(before: Option<&NodeStatus>, after: Option<&NodeStatus>) -> Option<String> {
    let now = after?.desired.as_ref()?;
    let was = before.and_then(|before| before.desired.as_ref());
    if was.is_some_and(|was| was.revision == now.revision) {
        return None;
    }
    let node = &after?.node;
    Some(format!("{} {node} {}", verb(was, now), signature(&now.by, &now.reason)))
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
