//! What an operator can have done to a group.

use std::time::Duration;

use divider::group::{AfterResume, DrainOptions, OnDeadline, OperateError, Requester, WriteResult};
use divider::{Group, GroupName, NodeId, Revision};

use crate::connection::Server;
use crate::output::{chain, count};
use crate::top::update::Failed;

/// A change of the group that was asked for and confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Cordon(Vec<NodeId>),
    Resume {
        nodes: Vec<NodeId>,
        after: AfterResume,
    },
    Drain {
        nodes: Vec<NodeId>,
        deadline: Option<Duration>,
        on_deadline: OnDeadline,
        parallel: u32,
        planned: Revision,
    },
    Affinity {
        nodes: Vec<NodeId>,
        affinity: Option<u32>,
    },
    Rebalance,
    Freeze(Option<Duration>),
    Thaw,
    PauseDrain(Vec<NodeId>),
    ContinueDrain(Vec<NodeId>),
    Forget(Vec<NodeId>),
    DeleteGroup(GroupName),
}

impl Operation {
    /// The command that does the same.
    pub(crate) fn command(&self, group: &GroupName, reason: &str) -> String {
        if let Self::DeleteGroup(group) = self {
            return format!("divider delete-group {group}");
        }
        let signed = !matches!(self, Self::Thaw | Self::PauseDrain(_) | Self::ContinueDrain(_));
        let why = if reason.is_empty() || !signed {
            String::new()
        } else {
            format!(" -m {}", quoted(reason))
        };
        format!("divider {} --group {group}{why}", self.words())
    }

    fn words(&self) -> String {
        match self {
            Self::Cordon(nodes) => format!("cordon {}", names(nodes)),
            Self::Resume { nodes, after: AfterResume::Rebalance } => {
                format!("resume {} --rebalance", names(nodes))
            }
            Self::Resume { nodes, .. } => format!("resume {}", names(nodes)),
            Self::Drain { nodes, deadline, on_deadline, parallel, .. } => {
                let mut words = format!("drain {}", names(nodes));
                if let Some(deadline) = deadline {
                    words = format!("{words} --deadline {}", whole(*deadline));
                    if *on_deadline == OnDeadline::Free {
                        words += " --on-deadline free";
                    }
                }
                format!("{words} --parallel {parallel}")
            }
            Self::Affinity { nodes, affinity: Some(affinity) } => {
                format!("affinity {} {affinity}", names(nodes))
            }
            Self::Affinity { nodes, affinity: None } => {
                format!("affinity {} --clear", names(nodes))
            }
            Self::Rebalance => "rebalance".to_owned(),
            Self::Freeze(None) => "freeze".to_owned(),
            Self::Freeze(Some(span)) => format!("freeze --until {}", whole(*span)),
            Self::Thaw => "thaw".to_owned(),
            Self::PauseDrain(nodes) => format!("drain {} --pause", names(nodes)),
            Self::ContinueDrain(nodes) => format!("drain {} --continue", names(nodes)),
            Self::Forget(nodes) => format!("forget {}", names(nodes)),
            Self::DeleteGroup(group) => format!("delete-group {group}"),
        }
    }

    /// Does it, and says what was done.
    pub(crate) async fn carry_out(
        &self,
        server: &Server,
        group: &Group,
        why: &Requester,
    ) -> Result<String, Failed> {
        match self {
            Self::Drain { nodes, deadline, on_deadline, parallel, planned } => {
                let options = DrainOptions::new()
                    .on_deadline(*on_deadline)
                    .parallel(*parallel)
                    .planned(*planned)
                    .requester(why.clone());
                let options = match deadline {
                    Some(span) => options.deadline(*span),
                    None => options,
                };
                let drain = group.drain(nodes, &options).await?;
                Ok(format!("drain {drain} of {} started", of(nodes)))
            }
            Self::Rebalance => {
                group.rebalance(why).await?;
                Ok("rebalance requested".to_owned())
            }
            Self::Freeze(span) => {
                group.freeze(*span, why).await?;
                Ok("balance moves frozen".to_owned())
            }
            Self::DeleteGroup(name) => {
                // An operator may lack this right and have all the others.
                let failed = |error| Failed { error: chain(&error), denied: false };
                server.delete(name).await.map_err(failed)?;
                Ok(format!("group {name} deleted"))
            }
            Self::Thaw => {
                group.thaw().await?;
                Ok("balance moves thawed".to_owned())
            }
            Self::Cordon(nodes)
            | Self::Resume { nodes, .. }
            | Self::Affinity { nodes, .. }
            | Self::PauseDrain(nodes)
            | Self::Forget(nodes)
            | Self::ContinueDrain(nodes) => Ok(self.each(nodes, group, why).await?),
        }
    }

    /// Does it to one node after another.
    async fn each(
        &self,
        nodes: &[NodeId],
        group: &Group,
        why: &Requester,
    ) -> Result<String, OperateError> {
        let mut changed = 0;
        for node in nodes {
            let edited = match self {
                Self::Cordon(_) => group.cordon(node, why).await?,
                Self::Resume { .. } => group.resume(node, AfterResume::MoveNothing, why).await?,
                Self::Affinity { affinity, .. } => group.set_affinity(node, *affinity, why).await?,
                Self::PauseDrain(_) => group.pause_drain(node).await?,
                Self::Forget(_) => group.forget(node, why).await?,
                _ => group.continue_drain(node).await?,
            };
            changed += u64::from(matches!(edited, WriteResult::Changed(_)));
        }
        // Once, when all of them take part again.
        if matches!(self, Self::Resume { after: AfterResume::Rebalance, .. }) {
            group.rebalance(why).await?;
        }
        let done = match self {
            Self::Cordon(_) => "cordoned",
            Self::Resume { after: AfterResume::MoveNothing, .. } => "resumed",
            Self::Resume { .. } => "resumed, rebalance requested",
            Self::Affinity { .. } => "has the requested affinity",
            Self::PauseDrain(_) => "paused its drain",
            Self::Forget(_) => "forgotten",
            _ => "continued its drain",
        };
        let already = if changed == 0 { " already" } else { "" };
        Ok(format!("{} {done}{already}", of(nodes)))
    }
}

/// The name of one node, or how many there are.
pub(crate) fn of(nodes: &[NodeId]) -> String {
    match nodes {
        [node] => node.to_string(),
        nodes => count(nodes.len() as u64, "node"),
    }
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" ")
}

/// A span in the largest unit that divides it.
pub(crate) fn whole(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        s if s > 0 && s.is_multiple_of(3600) => format!("{}h", s / 3600),
        s if s > 0 && s.is_multiple_of(60) => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// A word as a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_command_that_does_the_same() {
        let group = GroupName::new("orders").expect("legal");
        let node = |id: &str| NodeId::new(id).expect("legal");
        let check = |operation: Operation, want: &str| {
            assert_eq!(operation.command(&group, "it's due"), want);
        };
        let nodes = || vec![node("w1"), node("w2")];
        check(Operation::Cordon(nodes()), "divider cordon w1 w2 --group orders -m 'it'\\''s due'");
        let drain = Operation::Drain {
            nodes: nodes(),
            deadline: Some(Duration::from_mins(90)),
            on_deadline: OnDeadline::Free,
            parallel: 8,
            planned: Revision(7),
        };
        let command = "divider drain w1 w2 --deadline 90m --on-deadline free --parallel 8 --group orders -m 'it'\\''s due'";
        check(drain, command);
        check(Operation::Thaw, "divider thaw --group orders");
        let after = AfterResume::Rebalance;
        let resume = Operation::Resume { nodes: vec![node("w1")], after };
        check(resume, "divider resume w1 --rebalance --group orders -m 'it'\\''s due'");
        let affinity = Operation::Affinity { nodes: vec![node("w1")], affinity: Some(50) };
        check(affinity, "divider affinity w1 50 --group orders -m 'it'\\''s due'");
        check(Operation::PauseDrain(vec![node("w1")]), "divider drain w1 --pause --group orders");
        let forget = Operation::Forget(vec![node("w1")]);
        check(forget, "divider forget w1 --group orders -m 'it'\\''s due'");
        check(Operation::DeleteGroup(group.clone()), "divider delete-group orders");
    }
}
