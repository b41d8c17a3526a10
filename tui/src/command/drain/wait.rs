//! Waiting until a drain is done, has failed, or cannot be seen any more.

use std::collections::HashMap;
use std::io::{Write, stderr};
use std::time::Duration;

use divider::NodeId;
use divider::group::{DrainId, GroupWatch, OnDeadline};
use divider::snapshot::{DesiredState, DrainPreview, Link, Mode, Snapshot, Update};
use tokio::time::Instant;

use super::document::{Document, NodeRow, SCHEMA};
use super::left::LeftKey;
use super::monitor::{Empty, Monitor, News};
use crate::contract::Viewer;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, age, ago, answer, answer_json, clock, count, millis};
use crate::shell::Shell;
use crate::words::requester;

/// Somebody who watches a drain.
pub(super) struct Wait<'a> {
    shell: &'a Shell,
    nodes: Vec<NodeId>,
    viewer: Viewer,
    monitor: Monitor,
    drain: Option<String>,
    begun: Instant,
    deadline: Option<Instant>,
    on_deadline: OnDeadline,
    /// The nodes that were seen to become empty: how many keys each had, and how long it took. Of one
    /// that was empty before, neither is known.
    emptied: Vec<(NodeId, Option<(u64, Duration)>)>,
    /// Whether anything of the drain was seen yet.
    watched: bool,
    /// Since when the store is lost.
    lost: Option<Instant>,
    /// The last line of progress.
    told: String,
}

/// How a watch of a drain ends.
enum End {
    Drained,
    /// Nothing is left, and not every stop is confirmed or not every key has an owner.
    Emptied,
    Deadline,
    Lost,
    Interrupted,
    Undone(NodeId),
}

/// How often it is told how far it is: on a terminal, and where lines pile up.
const LIVE: Duration = Duration::from_millis(500);
const LINES: Duration = Duration::from_secs(2);

/// At a deadline that frees keys, how much longer that may take.
const GRACE: Duration = Duration::from_secs(10);

/// How many time-outs a lost store may take to come back.
const PATIENCE: u32 = 6;

/// The most keys that are listed for people.
const LISTED: usize = 50;

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
            on_deadline: OnDeadline::Keep,
            emptied: Vec::new(),
            watched: false,
            lost: None,
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

    /// The drain that goes on already.
    pub(super) async fn running(mut self, watch: &mut GroupWatch, first: &Snapshot) -> Outcome {
        self.monitor.on_gap();
        let wish = |node: &NodeId| first.node(node).and_then(|status| status.desired.as_ref());
        for node in &self.nodes {
            let drains = |wish: &&DesiredState| wish.mode == divider::snapshot::Mode::Drain;
            let Some(wish) = wish(node).filter(drains) else {
                let node = node.clone();
                return Err(match first.node(&node) {
                    Some(_) => divider::group::OperateError::NotDraining { node }.into(),
                    None => Failure::new(Exit::NotFound, format!("no such node: {node}")),
                });
            };
            self.on_deadline = wish.on_deadline;
            self.drain = wish.drain_id.clone();
            if let Some(at) = wish.deadline_ms {
                // By the wall clock, as it is on record.
                let left = at.saturating_sub(crate::output::now_ms());
                let deadline = Instant::now() + Duration::from_millis(left);
                self.deadline = Some(self.deadline.map_or(deadline, |other| other.max(deadline)));
            }
            let begun = Instant::now().checked_sub(ago(wish.at_ms));
            self.begun = begun.unwrap_or(self.begun).min(self.begun);
        }
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
            Link::Lost { error, .. } if self.lost.is_none() => {
                self.lost = Some(Instant::now());
                self.monitor.on_gap();
                self.clear_line();
                let words = "connection lost, retrying; the drain continues";
                self.shell.output.say(&format!("{words}: {error}"));
            }
            Link::Live if self.lost.take().is_some() => self.shell.output.say("connected again"),
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

    fn end(&self, end: End, snapshot: &Snapshot) -> Outcome {
        let left = match end {
            End::Drained => Vec::new(),
            _ => self.monitor.left(snapshot, &self.viewer.later()),
        };
        if self.shell.output.format(&[Format::Plain, Format::Json])? == Format::Json {
            self.answer_document(&end, snapshot, &left)?;
        }
        let names: Vec<_> = self.nodes.iter().map(NodeId::as_str).collect();
        let again = format!("divider drain {} --monitor", names.join(" "));
        match end {
            End::Drained => Ok(()),
            End::Emptied => {
                self.list(&left);
                let emptied = self.monitor.ended().filter(|(_, end)| !end.is_drained());
                let each: Vec<_> =
                    emptied.map(|(node, end)| format!("node/{node}: {}", end.words())).collect();
                let words =
                    format!("the node has no keys, but it is not drained: {}", each.join("; "));
                Err(Failure::new(Exit::NotDrained, words))
            }
            End::Deadline => {
                let what = self.monitor.left_words(&left);
                self.list(&left);
                let words = format!("deadline passed with {what}; the drain continues");
                Err(Failure::new(Exit::KeysLeft, words))
            }
            End::Lost => {
                let words = "connection lost; the drain continues; to watch it again";
                Err(Failure::new(Exit::ConnectionLost, format!("{words}: {again}")))
            }
            End::Interrupted => {
                let words = "stopped watching; the drain continues; to watch it again";
                self.shell.output.say(&format!("{words}: {again}"));
                Err(Failure::silent(Exit::Interrupted.code()))
            }
            End::Undone(node) => {
                let wish = snapshot.node(&node).and_then(|status| status.desired.as_ref());
                Err(Failure::new(Exit::Conflict, replaced(&node, wish)))
            }
        }
    }

    fn list(&self, left: &[LeftKey]) {
        for key in left.iter().take(LISTED) {
            crate::output::tell(&self.shell.output.plain(&key.line()));
        }
        if left.len() > LISTED {
            crate::output::tell(&format!("  and {} more", left.len() - LISTED));
        }
    }

    fn answer_document(&self, end: &End, snapshot: &Snapshot, left: &[LeftKey]) -> Outcome {
        let outcome = match end {
            End::Drained => "drained",
            End::Emptied => "emptied",
            End::Deadline => "left",
            End::Lost => "connection_lost",
            End::Interrupted => "interrupted",
            End::Undone(_) => "undone",
        };
        let row = |node: &NodeId| {
            let emptied = self.emptied.iter().find(|(emptied, _)| emptied == node);
            let seen = emptied.and_then(|(_, seen)| *seen);
            let end = self.monitor.ended().find(|(ended, _)| *ended == node).map(|(_, end)| end);
            NodeRow {
                node: node.to_string(),
                outcome: end.map_or("draining", word_of),
                keys: seen.map(|(keys, _)| keys),
                took_ms: seen.map(|(_, took)| millis(took)),
                freed: end.map(|end| end.freed),
                taken_over: end.map(|end| end.taken_over),
                unseen: end.map(|end| end.unseen),
            }
        };
        answer_json(&Document {
            schema: SCHEMA,
            group: snapshot.group().as_str(),
            drain_id: self.drain.as_deref(),
            outcome,
            nodes: self.nodes.iter().map(row).collect(),
            left,
        })
    }
}

fn word_of(end: Empty) -> &'static str {
    if end.is_drained() { "drained" } else { "emptied" }
}

/// What ended the drain of a node: its newest request, if one is left.
pub(super) fn replaced(node: &NodeId, wish: Option<&DesiredState>) -> String {
    let Some(wish) = wish else {
        return format!("the request to drain {node} was deleted; no longer waiting");
    };
    let what = match wish.mode {
        Mode::Active => "resumed",
        Mode::Cordon => "cordoned",
        Mode::Drain => "drained again",
        _ => "changed",
    };
    let (by, at) = (requester(&wish.by), clock(wish.at_ms));
    format!("{node} was {what} by {by} at {at} UTC; no longer waiting")
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
