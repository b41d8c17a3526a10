//! Pausing, continuing and ending a drain that goes on.

use divider::group::{AfterResume, OperateError, Requester};
use divider::snapshot::Mode;
use divider::{Group, NodeId};

use crate::change_report::ChangeReport;
use crate::exit::{Failure, Outcome};
use crate::look::Look;
use crate::shell::Shell;

/// What becomes of a drain.
pub(super) enum Steer {
    Pause,
    Continue,
    Cancel(Requester),
}

impl Steer {
    pub(super) async fn run(
        &self,
        shell: &Shell,
        group: &Group,
        nodes: &[NodeId],
        look: &Look,
    ) -> Outcome {
        let mut changes = Vec::new();
        let mut end = Ok(());
        for node in nodes {
            match self.one(group, node, look).await {
                Ok(change) => changes.push(change),
                Err(failure) => {
                    end = Err(failure);
                    break;
                }
            }
        }
        shell.answer_changes_until(group.name().as_str(), &changes, end)
    }

    async fn one(
        &self,
        group: &Group,
        node: &NodeId,
        look: &Look,
    ) -> Result<ChangeReport, Failure> {
        let on = format!("node/{node}");
        Ok(match self {
            Self::Pause => ChangeReport::edited(on, "paused", group.pause_drain(node).await?),
            Self::Continue => {
                ChangeReport::edited(on, "continued", group.continue_drain(node).await?)
            }
            Self::Cancel(why) => {
                let desired = look.snapshot.node(node).map(|status| status.desired.as_ref());
                // An unknown node is found by the group itself, which names those that there are.
                if desired.is_some_and(|desired| {
                    desired.is_none_or(|desired| desired.mode != Mode::Drain)
                }) {
                    return Err(OperateError::NotDraining { node: node.clone() }.into());
                }
                let edited = group.resume(node, AfterResume::MoveNothing, why).await?;
                ChangeReport::edited(on, "active", edited)
            }
        })
    }
}
