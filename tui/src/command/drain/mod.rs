//! `divider drain`

mod document;
mod end;
mod left;
mod monitor;
mod plan;
mod steer;
#[cfg(test)]
mod tests;
mod wait;

use std::time::Duration;

use clap::{Args, ValueEnum};
use divider::NodeId;
use divider::group::{DrainOptions, GroupWatch, OnDeadline};
use divider::snapshot::{DesiredState, DrainPreview, Mode, NodeState, NodeStatus, Snapshot};

use self::document::{Document, NodeRow, SCHEMA};
use self::plan::Plan;
use self::steer::Steer;
use self::wait::Wait;
use crate::ask::{Answer, ask};
use crate::cli::Signed;
use crate::exit::{Exit, Failure, Outcome};
use crate::label::{Label, NodeArg, check_known, chosen};
use crate::look::Look;
use crate::output::{Format, answer, answer_json, clock, count};
use crate::shell::Shell;
use crate::span::parse_span;
use crate::words::signature;

/// Move all keys off nodes, and wait until they are drained
///
/// A node is drained when it owns no key, all its stops are confirmed, and its keys have live owners
/// on other nodes. It gets no new keys until `divider resume`, also after a restart. The nodes work
/// without this command: Ctrl-C only stops watching, and --monitor watches again.
///
/// Exits with 0 if all nodes are drained, 3 if keys are left at the deadline, 4 if it was refused,
/// 6 if the connection was lost while the drain continues, 7 if the plan changed before it was
/// confirmed, or another request replaced the drain, and 8 if the nodes have no keys but are not
/// drained: keys were freed at the deadline and have no owner, or were taken over from a node that
/// died with unconfirmed stops.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct DrainArgs {
    /// The nodes, such as w1 or 'w*'; none of them gets keys of the others
    #[arg(value_name = "NODE", required_unless_present = "label", add = crate::complete::nodes())]
    nodes: Vec<NodeArg>,
    /// The nodes with this label, instead of names; if repeated, the nodes with all of the labels
    #[arg(short, long, value_name = "NAME=VALUE", conflicts_with = "nodes")]
    label: Vec<Label>,
    /// Deadline; then the drain fails and lists the remaining keys
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1h")]
    deadline: Duration,
    /// Wait without a deadline
    #[arg(long, conflicts_with = "deadline")]
    no_deadline: bool,
    /// What to do at the deadline with keys that no other node may take
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    on_deadline: OnDeadlineArg,
    /// How many stops each node sends ahead; 0: no limit. A stop that takes longer than a sixth of the
    /// lease no longer counts: with slow stops more keys are stopping at a time than this
    #[arg(long, value_name = "N", default_value_t = 256)]
    parallel: u32,
    /// Drain even if no other node may take some of the keys: these stay
    #[arg(long)]
    partial: bool,
    /// Show the plan without starting the drain; with -o wide or json, show each key
    #[arg(long, group = "way")]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Return at once
    #[arg(long, group = "way")]
    detach: bool,
    /// Watch the current drain, without starting one
    #[arg(long, group = "way")]
    monitor: bool,
    /// Pause the drain: send no more stops
    #[arg(long, group = "way")]
    pause: bool,
    /// Continue a paused drain
    #[arg(long = "continue", group = "way")]
    go_on: bool,
    /// End the drain: keys that have moved stay on their new nodes
    #[arg(long, group = "way")]
    cancel: bool,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnDeadlineArg {
    /// Keep them running: the drain fails
    Keep,
    /// Stop them: they have no owner
    Free,
}

impl DrainArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let formats: &[Format] =
            if self.dry_run { &Format::OF_PLANS } else { &[Format::Plain, Format::Json] };
        let format = shell.output.format(formats)?;
        let opened = shell.open().await?;
        let group = &opened.group;
        // Watched from before the drain: only then is it seen whom each key came from.
        let mut watch = group.watch();
        let look = Look::first(&mut watch).await?;
        let nodes = chosen(&self.nodes, &self.label, &look.snapshot)?;
        check_known(&nodes, &look.snapshot)?;
        if let Some(steer) = self.steer() {
            return steer.run(shell, group, &nodes, &look).await;
        }
        let wait = Wait::new(shell, nodes.clone(), look.viewer);
        if self.monitor {
            return wait.running(&mut watch, &look.snapshot).await;
        }
        if self.joins(&nodes, &look.snapshot) {
            say_join(shell, &nodes, &look.snapshot);
            if self.detach {
                return begun(format, group.name().as_str(), None, &nodes);
            }
            if format == Format::Plain {
                answer_draining(&nodes)?;
            }
            let wait = wait.at_most(self.deadline());
            return wait.running(&mut watch, &look.snapshot).await;
        }
        let preview = watch.preview_drain(&nodes)?;
        let plan = Plan::new(&look.snapshot, &nodes, &preview);
        plan.show(shell, self.dry_run.then_some(format))?;
        if self.dry_run {
            return Ok(());
        }
        plan.check(self.allows_left())?;
        let preview = self.confirm(&mut watch, &nodes, preview).await?;
        let drain = group.drain(&nodes, &self.options(&preview)).await?;
        let wait = wait.begun(&drain, preview, self.deadline(), self.on_deadline.into());
        if self.detach {
            return begun(format, group.name().as_str(), Some(drain.as_str()), &nodes);
        }
        if format == Format::Plain {
            answer_draining(&nodes)?;
        }
        let outcome = wait.finish(&mut watch).await;
        watch.close().await;
        outcome
    }

    /// Whether the nodes are being drained as this command would drain them. Then it waits with whoever
    /// began that, and writes nothing: a second request would take the drain from the first one.
    fn joins(&self, nodes: &[NodeId], snapshot: &Snapshot) -> bool {
        let is_same = |desired: &DesiredState| {
            let goes_on = desired.mode == Mode::Drain && !desired.paused;
            let then: OnDeadline = self.on_deadline.into();
            goes_on && desired.parallel == self.parallel && desired.on_deadline == then
        };
        let drains = |status: &NodeStatus| status.state == NodeState::Draining;
        let joins = |node| {
            snapshot.node(node).is_some_and(|status| {
                drains(status) && status.desired.as_ref().is_some_and(is_same)
            })
        };
        !self.dry_run && nodes.iter().all(joins)
    }

    fn steer(&self) -> Option<Steer> {
        match (self.pause, self.go_on, self.cancel) {
            (true, ..) => Some(Steer::Pause),
            (_, true, _) => Some(Steer::Continue),
            (_, _, true) => Some(Steer::Cancel(self.signed.why())),
            _ => None,
        }
    }

    fn deadline(&self) -> Option<Duration> {
        (!self.no_deadline).then_some(self.deadline)
    }

    /// Whether somebody said what becomes of keys that nobody else may take.
    fn allows_left(&self) -> bool {
        self.partial || self.on_deadline == OnDeadlineArg::Free
    }

    fn options(&self, preview: &DrainPreview) -> DrainOptions {
        let options = DrainOptions::new()
            .on_deadline(self.on_deadline.into())
            .parallel(self.parallel)
            .planned(preview.revision)
            .requester(self.signed.why());
        match self.deadline() {
            Some(span) => options.deadline(span),
            None => options,
        }
    }

    /// Has the plan confirmed, and gives it as it is then. What was seen has to be what is done.
    async fn confirm(
        &self,
        watch: &mut GroupWatch,
        nodes: &[NodeId],
        preview: DrainPreview,
    ) -> Result<DrainPreview, Failure> {
        if self.yes {
            return Ok(preview);
        }
        let names = nodes.iter().map(NodeId::as_str).collect::<Vec<_>>().join(", ");
        let keys = count(preview.moves.len() as u64 - preview.without_receiver, "key");
        let answered = ask(&format!("Drain {names} and move {keys}?"))?;
        tokio::pin!(answered);
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut answered => break answer.unwrap_or(Answer::No),
                // The plan is looked at again when the answer is there: the watch has to follow.
                _ = watch.next() => {}
            }
        };
        if answer == Answer::No {
            return Err(Failure::new(Exit::Refused, "not confirmed, nothing changed"));
        }
        // What has come in by now counts, too.
        while tokio::time::timeout(Duration::ZERO, watch.next()).await.is_ok() {}
        let now = watch.preview_drain(nodes)?;
        if now.moves == preview.moves {
            return Ok(now);
        }
        let (before, after) = (preview.moves.len(), now.moves.len());
        let words =
            "the plan changed before it was confirmed, nothing changed; run the command again";
        Err(Failure::new(Exit::Conflict, format!("{words}: {before} -> {after} keys")))
    }
}

impl From<OnDeadlineArg> for OnDeadline {
    fn from(then: OnDeadlineArg) -> Self {
        match then {
            OnDeadlineArg::Keep => Self::Keep,
            OnDeadlineArg::Free => Self::Free,
        }
    }
}

fn say_join(shell: &Shell, nodes: &[NodeId], snapshot: &Snapshot) {
    for desired in nodes.iter().filter_map(|node| snapshot.node(node)?.desired.as_ref()) {
        let (by, at) = (signature(&desired.by, &desired.reason), clock(desired.at_ms));
        shell
            .output
            .say(&format!("already being drained {by} (since {at} UTC); joining that drain"));
    }
}

fn begun(format: Format, group: &str, drain_id: Option<&str>, nodes: &[NodeId]) -> Outcome {
    if format != Format::Json {
        return answer_draining(nodes);
    }
    let row = |node: &NodeId| NodeRow {
        node: node.to_string(),
        outcome: "draining",
        keys: None,
        took_ms: None,
        freed: None,
        taken_over: None,
        confirmed: None,
        unseen: None,
    };
    answer_json(&Document {
        schema: SCHEMA,
        group,
        drain_id,
        outcome: "draining",
        nodes: nodes.iter().map(row).collect(),
        left: &[],
    })
}

fn answer_draining(nodes: &[NodeId]) -> Outcome {
    for node in nodes {
        answer(&format!("node/{node} draining\n"))?;
    }
    Ok(())
}
