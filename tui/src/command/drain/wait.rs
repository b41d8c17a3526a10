//! Waiting until a drain is done, has failed, or cannot be seen any more.

use std::collections::HashMap;
use std::io::{Write, stderr};
use std::time::Duration;

use divider::NodeId;
use divider::group::{DrainId, GroupWatch, OnDeadline};
use divider::snapshot::{DesiredState, DrainPreview, Link, Snapshot, Update};
use tokio::time::Instant;

use super::end::{End, word_of};
use super::monitor::{Monitor, News};
use crate::contract::Viewer;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, age, ago, answer, count};
use crate::shell::Shell;

/// Somebody who watches a drain.
pub(super) struct Wait<'a> {
    pub(super) shell: &'a Shell,
    pub(super) nodes: Vec<NodeId>,
    pub(super) viewer: Viewer,
    pub(super) monitor: Monitor,
    pub(super) drain: Option<String>,
    begun: Instant,
    deadline: Option<Instant>,
    /// Until when this command waits for a drain that others began.
    patience: Option<Instant>,
    on_deadline: OnDeadline,
    /// The nodes that were seen to become empty: how many keys each had, and how long it took. Of one
    /// that was empty before, neither is known.
    pub(super) emptied: Vec<(NodeId, Option<(u64, Duration)>)>,
    /// Whether anything of the drain was seen yet.
    watched: bool,
    /// Since when the store is lost.
    lost: Option<Instant>,
    /// Whether it was said that the connection is lost.
    told_lost: bool,
    /// The last line of progress.
    told: String,
}

/// How often it is told how far it is: on a terminal, and where lines pile up.
const LIVE: Duration = Duration::from_millis(500);
const LINES: Duration = Duration::from_secs(2);

/// At a deadline that frees keys, how much longer that may take.
const GRACE: Duration = Duration::from_secs(10);

/// How many time-outs a lost store may take to come back.
const PATIENCE: u32 = 6;

impl<'a> Wait<'a> {
    pub(super) fn new(shell: &'a Shell, nodes: Vec<NodeId>, viewer: Viewer) -> Self {
        let monitor = Monitor::new(&nodes, None, HashMap::new());
        Self {
            shell,
            nodes,
            viewer,
            monitor,
            drain: None,
            begun: Instant::now(),
            deadline: None,
            patience: None,
            on_deadline: OnDeadline::Keep,
            emptied: Vec::new(),
            watched: false,
            lost: None,
            told_lost: false,
            told: String::new(),
        }
    }

    /// A drain that was begun just now, by that plan.
    pub(super) fn begun(
        mut self,
        drain: &DrainId,
        preview: DrainPreview,
        deadline: Option<Duration>,
        on_deadline: OnDeadline,
    ) -> Self {
        self.begun = Instant::now();
        self.watched = true;
        self.deadline = deadline.map(|span| self.begun + span);
        self.on_deadline = on_deadline;
        self.drain = Some(drain.to_string());
        let planned = preview.moves.into_iter().map(|planned| (planned.key, planned.from));
        self.monitor = Monitor::new(&self.nodes, self.drain.clone(), planned.collect());
        self
    }

    /// Waits no longer than this for a drain that others began.
    pub(super) fn at_most(mut self, span: Option<Duration>) -> Self {
        self.patience = span.map(|span| self.begun + span);
        self
    }

    /// The drain that goes on already.
    pub(super) async fn running(mut self, watch: &mut GroupWatch, first: &Snapshot) -> Outcome {
        self.monitor.on_gap();
        let desired = |node: &NodeId| first.node(node).and_then(|status| status.desired.as_ref());
        for node in &self.nodes {
            let drains = |desired: &&DesiredState| desired.mode == divider::snapshot::Mode::Drain;
            let Some(desired) = desired(node).filter(drains) else {
                let node = node.clone();
                return Err(match first.node(&node) {
                    Some(_) => divider::group::OperateError::NotDraining { node }.into(),
                    None => Failure::new(Exit::NotFound, format!("no such node: {node}")),
                });
            };
            self.on_deadline = desired.on_deadline;
            self.drain = desired.drain_id.clone();
            if let Some(at) = desired.deadline_ms {
                // By the wall clock, as it is on record.
                let left = at.saturating_sub(crate::output::now_ms());
                let deadline = Instant::now() + Duration::from_millis(left);
                self.deadline = Some(self.deadline.map_or(deadline, |other| other.max(deadline)));
            }
            let begun = Instant::now().checked_sub(ago(desired.at_ms));
            self.begun = begun.unwrap_or(self.begun).min(self.begun);
        }
        self.deadline = self.deadline.into_iter().chain(self.patience).min();
        if let Some(end) = self.on_snapshot(first)? {
            return self.end(end, first);
        }
        self.watched = true;
        self.finish(watch).await
    }

    /// Waits, and says what came of it.
    pub(super) async fn finish(mut self, watch: &mut GroupWatch) -> Outcome {
        let end = self.wait(watch).await;
        self.clear_line();
        self.end(end?, watch.snapshot())
    }

    async fn wait(&mut self, watch: &mut GroupWatch) -> Result<End, Failure> {
        let every = if self.shell.output.is_live() { LIVE } else { LINES };
        let mut ticks = tokio::time::interval(every);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            let deadline = self.deadline;
            tokio::select! {
                biased;
                _ = &mut interrupted => return Ok(End::Interrupted),
                () = sleep_until(deadline) => {
                    if let Some(end) = self.on_deadline() {
                        return Ok(end);
                    }
                }
                update = watch.next() => {
                    if let Some(end) = self.on_update(&update)? {
                        return Ok(end);
                    }
                }
                _ = ticks.tick() => {
                    if self.is_lost_for_long() {
                        return Ok(End::Lost);
                    }
                    self.tell_progress(watch.snapshot());
                }
            }
        }
    }

    fn on_update(&mut self, update: &Update) -> Result<Option<End>, Failure> {
        self.on_link(&update.link);
        if update.snapshot.is_complete() { self.on_snapshot(&update.snapshot) } else { Ok(None) }
    }

    fn on_snapshot(&mut self, snapshot: &Snapshot) -> Result<Option<End>, Failure> {
        for news in self.monitor.on_snapshot(snapshot) {
            match news {
                News::Undone(node) => return Ok(Some(End::Undone(node))),
                News::Empty(node, keys, end) => {
                    let seen = self.watched.then(|| (keys, self.begun.elapsed()));
                    self.clear_line();
                    if self.shell.output.format(&[Format::Plain, Format::Json])? == Format::Plain {
                        let how = seen.map_or_else(
                            || "before this command started".to_owned(),
                            |(keys, took)| format!("{}, {}", count(keys, "key"), age(took)),
                        );
                        answer(&format!("node/{node} {} ({how})\n", word_of(end)))?;
                    }
                    self.emptied.push((node, seen));
                }
            }
        }
        if !self.monitor.is_over() {
            return Ok(None);
        }
        let drained = self.monitor.ended().all(|(_, end)| end.is_drained());
        Ok(Some(if drained { End::Drained } else { End::Emptied }))
    }

    fn on_link(&mut self, link: &Link) {
        match link {
            Link::Silent { .. } if self.lost.is_none() => {
                self.lost = Some(Instant::now());
                self.clear_line();
                self.shell.output.say("the server does not answer; the drain continues");
            }
            Link::Lost { error, .. } if !self.told_lost => {
                self.told_lost = true;
                self.lost.get_or_insert_with(Instant::now);
                self.monitor.on_gap();
                self.clear_line();
                let words = "connection lost, retrying; the drain continues";
                self.shell.output.say(&format!("{words}: {error}"));
            }
            Link::Live if self.lost.take().is_some() => {
                self.told_lost = false;
                self.shell.output.say("connected again");
            }
            _ => {}
        }
    }

    /// The time is over; where keys are freed by then, that takes a little more.
    fn on_deadline(&mut self) -> Option<End> {
        if self.lost.is_some() {
            return Some(End::Lost);
        }
        if self.on_deadline == OnDeadline::Keep {
            return Some(End::Deadline);
        }
        self.on_deadline = OnDeadline::Keep;
        self.deadline = Some(Instant::now() + GRACE);
        None
    }

    fn is_lost_for_long(&self) -> bool {
        let patience = self.shell.timeout() * PATIENCE;
        self.lost.is_some_and(|since| since.elapsed() > patience)
    }

    fn tell_progress(&mut self, snapshot: &Snapshot) {
        let line = self.monitor.line(snapshot, &self.viewer.later());
        let output = &self.shell.output;
        if output.is_live() {
            // Without a standard error there is nobody to show it to.
            let _ = write!(stderr(), "\r{}\u{1b}[K", output.plain(&line));
        } else if line != self.told && self.lost.is_none() {
            output.say(&line);
        }
        self.told = line;
    }

    fn clear_line(&self) {
        if self.shell.output.is_live() {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
