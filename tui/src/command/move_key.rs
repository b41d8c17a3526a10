//! `divider move`

use std::time::Duration;

use clap::Args;
use divider::group::{Group, GroupWatch, RequestedMove};
use divider::snapshot::{Candidate, Ineligible, Snapshot};
use divider::{Key, NodeId};
use tokio::time::Instant;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::command::key::{may_not, parse_key};
use crate::exit::{Exit, Failure, Outcome};
use crate::label::node_id;
use crate::look::Look;
use crate::output::age;
use crate::shell::Shell;
use crate::span::parse_span;

/// Move one running key to a named node
///
/// The owner stops the key, confirms, and hands it over. Nothing keeps the key on the node: a later
/// drain or rebalance may move it again. `divider key KEY` shows which nodes may take it. If the move
/// is not done in time, the request is withdrawn, and the key stays where it is.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The key
    #[arg(value_name = "KEY", value_parser = parse_key, add = crate::complete::keys())]
    key: Key,
    /// The node that gets it
    #[arg(value_name = "NODE", value_parser = node_id, add = crate::complete::nodes())]
    to: NodeId,
    /// How long to wait for the move
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1m")]
    deadline: Duration,
    /// Return when the request is on record; it then stands until the key has another claim
    #[arg(long, conflicts_with = "deadline")]
    no_wait: bool,
    #[command(flatten)]
    signed: Signed,
}

/// How a move that was waited for ends.
enum End {
    Moved,
    /// The key is another node's, or nobody's.
    Elsewhere(Option<NodeId>),
    /// The key does not exist any more.
    Gone,
    TimedOut,
    Interrupted,
}

impl MoveArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let mut watch = group.watch();
        let Look { snapshot, .. } = Look::first(&mut watch).await?;
        self.check(&snapshot, &watch.candidates(&self.key)?)?;
        let requested = group.move_key(&self.key, &self.to, &self.signed.why()).await?;
        let already = requested.from == self.to;
        if already || self.no_wait {
            watch.close().await;
            let (on, what) = (self.key.to_string(), format!("on {}", self.to));
            let what = if already { what } else { format!("requested to move to {}", self.to) };
            let change = ChangeReport::edited(on, &what, requested.result);
            return shell.answer_changes(group.name().as_str(), &[change]);
        }
        let end = self.wait(shell, &mut watch, &requested).await;
        watch.close().await;
        self.end(shell, &group, &requested, end).await
    }

    /// Refuses what could only wait.
    fn check(&self, snapshot: &Snapshot, candidates: &[Candidate]) -> Outcome {
        let key = &self.key;
        let Some(status) = snapshot.key(key) else {
            return Err(Failure::new(Exit::NotFound, format!("no such key: {key}")));
        };
        if status.owner.is_none() {
            let words = format!("{key} has no owner; see: divider key {key}");
            return Err(Failure::new(Exit::Refused, words));
        }
        let Some(candidate) = candidates.iter().find(|candidate| candidate.node == self.to) else {
            return Err(Failure::new(Exit::NotFound, format!("no such node: {}", self.to)));
        };
        // The owner is not asked whether it may take its own key.
        let is_owner = status.owner.as_ref() == Some(&self.to);
        match candidate.ineligible.filter(|_| !is_owner) {
            None => Ok(()),
            Some(ineligible) => {
                Err(Failure::new(Exit::Refused, self.refusal(snapshot, ineligible)))
            }
        }
    }

    fn refusal(&self, snapshot: &Snapshot, ineligible: Ineligible) -> String {
        let why = may_not(snapshot, &self.to, ineligible);
        format!("{} may not take {}: {why}; nothing changed", self.to, self.key)
    }

    async fn wait(&self, shell: &Shell, watch: &mut GroupWatch, requested: &RequestedMove) -> End {
        let deadline = Instant::now() + self.deadline;
        let mut lost = false;
        loop {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return End::Interrupted,
                () = tokio::time::sleep_until(deadline) => return End::TimedOut,
                update = watch.next() => {
                    shell.say_link(&update.link, &mut lost);
                    if update.snapshot.is_complete()
                        && let Some(end) = self.end_of(&update.snapshot, requested)
                    {
                        return end;
                    }
                }
            }
        }
    }

    fn end_of(&self, snapshot: &Snapshot, requested: &RequestedMove) -> Option<End> {
        let Some(status) = snapshot.key(&self.key) else { return Some(End::Gone) };
        if status.revision <= requested.claim {
            return None;
        }
        let moved = status.owner.as_ref() == Some(&self.to);
        Some(if moved { End::Moved } else { End::Elsewhere(status.owner.clone()) })
    }

    async fn end(
        &self,
        shell: &Shell,
        group: &Group,
        requested: &RequestedMove,
        end: End,
    ) -> Outcome {
        let (key, from, to) = (&self.key, &requested.from, &self.to);
        // The record gets rid of what is done, and a key that was not moved shall not move later.
        let withdrawn = group.withdraw_move(requested).await;
        let (exit, words) = match end {
            End::Moved => {
                let what = format!("moved to {to}");
                let change = ChangeReport::edited(key.to_string(), &what, requested.result);
                return shell.answer_changes(group.name().as_str(), &[change]);
            }
            End::Elsewhere(Some(node)) if node == *from => {
                (Exit::Failed, format!("{key} stays on {from}: {to} could not take it any more"))
            }
            End::Elsewhere(Some(node)) => {
                (Exit::Failed, format!("{key} went from {from} to {node}, not to {to}"))
            }
            End::Elsewhere(None) => {
                (Exit::Failed, format!("{key} was given up by {from}, and has no owner"))
            }
            End::Gone => (Exit::NotFound, format!("{key} does not exist any more")),
            End::TimedOut => {
                let span = age(self.deadline);
                (Exit::KeysLeft, format!("{from} did not hand over {key} within {span}"))
            }
            End::Interrupted => (Exit::Interrupted, "interrupted".to_owned()),
        };
        let after = match withdrawn {
            Ok(_) => "; the request is withdrawn".to_owned(),
            Err(error) => format!("; the request could not be withdrawn: {error}"),
        };
        Err(Failure::new(exit, words + &after))
    }
}
