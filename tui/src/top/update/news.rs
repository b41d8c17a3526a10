//! What is heard of the group, and time that passes.

use std::time::Duration;

use divider::snapshot::{Changed, Link, Snapshot};
use divider::{GroupName, NodeId};

use super::{Ask, Effect, Failed, News};
use crate::conditions::{Clock, Severity};
use crate::top::model::data::Digest;
use crate::top::model::dialog::Task;
use crate::top::model::event::EventKind;
use crate::top::model::operation::Operation;
use crate::top::model::plan::{DrainPlan, Plan, RebalancePlan};
use crate::top::model::{ContextRow, Known, Model, Overlay, Place, View, Wire};

/// For so long a word stays on the screen.
const NOTED: Duration = Duration::from_secs(8);

impl Model {
    pub(super) fn on_tick(&mut self, now: Clock) -> Vec<Effect> {
        let second = now.unix_ms / 1000 != self.now.unix_ms / 1000;
        self.now = now;
        if self.note.as_ref().is_some_and(|note| now.at.since(note.at) >= NOTED) {
            self.note = None;
            self.dirty = true;
        }
        if second {
            self.on_silence();
            self.data.history.rate.on_time(now.at);
            self.data.sample(now, self.unheard.is_none());
            self.data.judge(self.heard_at());
            // Ages are shown in seconds, and lists may be sorted and filtered by them.
            self.dirty = true;
            self.nodes.stale = true;
            self.moves.stale = true;
            self.keys.stale |= self.keys.filter.is_about_age();
        }
        Vec::new()
    }

    /// While nothing is heard, nobody is judged later than what was heard last.
    fn on_silence(&mut self) {
        if matches!(self.wire, Wire::Live | Wire::Silent { .. }) {
            let silent = self.wire.stale(&self.data.live, self.now.at).is_some();
            self.unheard = self.heard.filter(|_| silent);
        }
    }

    /// Says for how long the process stood still: after ctrl-z and `fg`, or when the machine slept.
    fn on_suspended(&mut self, slept: Duration) {
        // The time since the last tick: less than it was by a tick.
        let seconds = (slept + Duration::from_millis(500)).as_secs();
        let text = format!("this screen was suspended for {seconds} s");
        let events = &mut self.data.history.events;
        events.push(self.now.unix_ms, EventKind::Link, Severity::Note, text.clone());
        self.events.stale = true;
        self.say(Severity::Warning, text);
    }

    pub(super) fn on_news(&mut self, news: News) -> Vec<Effect> {
        match news {
            News::Update { snapshot, changed, link } => {
                return self.on_update(snapshot, &changed, &link);
            }
            News::NotOpen(not_open) => {
                if let Some(group) = not_open.group.clone().filter(|_| !self.place.is_known()) {
                    self.place.group = group;
                }
                self.wire = Wire::NotOpen(not_open);
            }
            News::Choose => {
                self.wire = Wire::Choosing;
                self.dirty = true;
                return self.show(View::Groups);
            }
            News::Going(place) => {
                let by = self.place.by.clone();
                self.start_anew(Place { by, ..place }, Wire::Connecting);
            }
            News::Contexts(rows) => {
                let here = |row: &ContextRow| self.place.context.as_ref() == Some(&row.name);
                let at = rows.iter().position(here).unwrap_or(0);
                self.overlay = Overlay::Contexts(rows, at);
            }
            News::Open { group, server, context } => self.on_open(group, server, context),
            News::File { snapshot, taken_ms } => self.on_file(snapshot, taken_ms),
            News::Past(entries) => {
                self.data.history.on_past(&entries, self.opened_ms);
                self.events.stale = true;
            }
            News::Info { info, answer_ms } => self.data.on_info(info, answer_ms),
            News::DrainPlan { nodes, preview } => {
                let plan = match preview {
                    Ok(preview) => Plan::Drain(DrainPlan::of(preview, &self.data.live, &nodes)),
                    Err(error) => Plan::Failed(error),
                };
                self.on_plan(plan, Some(&nodes));
            }
            News::RebalancePlan(preview) => {
                let plan = match preview {
                    Ok(preview) => Plan::Rebalance(RebalancePlan::of(preview)),
                    Err(error) => Plan::Failed(error),
                };
                self.on_plan(plan, None);
            }
            News::Suitors { key, suitors } => self.suitors = Some((key, suitors)),
            News::Done { operation, result } => {
                self.dirty = true;
                return self.on_done(&operation, result);
            }
            News::Groups(groups) => {
                self.known_groups = match groups {
                    Ok(rows) => Known::Groups(rows),
                    Err(error) => Known::Failed(error),
                };
                self.groups.stale = true;
            }
            News::Suspended(slept) => self.on_suspended(slept),
            News::Said { text, failed } => {
                self.say(if failed { Severity::Warning } else { Severity::Note }, text);
            }
        }
        self.dirty = true;
        Vec::new()
    }

    fn on_update(&mut self, snapshot: Snapshot, changed: &Changed, link: &Link) -> Vec<Effect> {
        let was = std::mem::replace(&mut self.wire, Wire::of(link));
        let was_heard = matches!(was, Wire::Live | Wire::Silent { .. });
        let is_new = !was_heard || snapshot.revision() != self.data.live.revision();
        if self.wire == Wire::Live && is_new {
            (self.heard, self.unheard) = (Some(self.now), None);
        }
        self.on_wire(&was);
        let digest = self.data.on_update(snapshot, changed, self.now);
        // What was read before stays on the screen until everything is read again.
        let complete = self.data.live.is_complete() || !self.data.shown.is_complete();
        if self.paused.is_none() && complete {
            self.data.shown = self.data.live.clone();
            self.mark_stale(digest);
        }
        if digest.is_quiet() {
            // Heartbeats alone wait for the next second.
            return Vec::new();
        }
        self.dirty = true;
        self.data.judge(self.heard_at());
        if !digest.keys && !digest.nodes {
            return Vec::new();
        }
        let mut effects = self.ask_for_plan();
        if self.shows_a_key() {
            effects.extend(self.ask_for_suitors());
        }
        effects
    }

    /// Says when the link is lost, and when it is back.
    fn on_wire(&mut self, was: &Wire) {
        // Else what is on the screen stays as it was heard until everything is read again.
        if let Wire::Lost { since, .. } = &self.wire {
            let ago = u64::try_from(self.now.at.since(*since).as_millis()).unwrap_or(0);
            let noticed = Clock { at: *since, unix_ms: self.now.unix_ms.saturating_sub(ago) };
            // The loss is noticed late; the last that was heard counts.
            let heard = self.heard.filter(|heard| heard.at < noticed.at).unwrap_or(noticed);
            self.unheard.get_or_insert(heard);
        }
        let (severity, text) = match (was, &self.wire) {
            (Wire::Lost { .. }, Wire::Lost { .. }) => return,
            (_, Wire::Lost { error, .. }) => {
                let server = &self.place.server;
                (Severity::Warning, format!("connection lost to the server {server}: {error}"))
            }
            (Wire::Lost { .. } | Wire::Reading { .. }, Wire::Live) => {
                (Severity::Note, "connected, up to date".to_owned())
            }
            _ => return,
        };
        self.data.history.events.push(self.now.unix_ms, EventKind::Link, severity, text);
        self.events.stale = true;
        self.dirty = true;
    }

    fn mark_stale(&mut self, digest: Digest) {
        self.nodes.stale |= digest.nodes;
        self.keys.stale |= digest.keys;
        self.moves.stale |= digest.keys;
        self.events.stale |= !digest.is_quiet();
        self.dirty |= !digest.is_quiet();
    }

    fn shows_a_key(&self) -> bool {
        matches!(self.view, View::Keys | View::Moves) && self.selected_key().is_some()
    }

    /// Another group is open: nothing is left of the one before.
    fn on_open(&mut self, group: GroupName, server: String, context: Option<String>) {
        if group == self.place.group && context == self.place.context {
            self.place.server = server;
            self.place.context = context;
            self.wire = Wire::Reading { records: 0 };
            self.unheard.get_or_insert(self.now);
            self.data.read_anew(self.now);
            return;
        }
        let same = context == self.place.context;
        let place = Place { group, context, server, ..self.place.clone() };
        let (denied, groups) = (self.denied.take(), std::mem::take(&mut self.known_groups));
        // What was pressed before the first group was open counts.
        let view = if self.place.is_known() { View::Nodes } else { self.view };
        self.start_anew(place, Wire::Reading { records: 0 });
        if same {
            // The account is the same, with the same rights.
            (self.denied, self.known_groups) = (denied, groups);
        }
        if view != View::Groups {
            self.view = view;
        }
    }

    /// Forgets what was seen elsewhere.
    fn start_anew(&mut self, place: Place, wire: Wire) {
        let fresh = Self::new(place, self.settings.clone(), self.now);
        let kept = std::mem::replace(self, fresh);
        (self.size, self.commands, self.wire) = (kept.size, kept.commands, wire);
    }

    fn on_file(&mut self, snapshot: Snapshot, taken_ms: u64) {
        let mut changed = Changed::default();
        changed.keys = snapshot.keys().map(|(key, _)| key.clone()).collect();
        changed.nodes = snapshot.nodes().map(|node| node.node.clone()).collect();
        self.wire = Wire::File;
        self.unheard = Some(Clock { at: snapshot.taken(), unix_ms: taken_ms });
        self.place.group = snapshot.group().clone();
        self.data.on_update(snapshot, &changed, self.now);
        self.data.shown = self.data.live.clone();
        self.data.judge(self.heard_at());
        self.set_stale();
    }

    fn on_plan(&mut self, plan: Plan, nodes: Option<&[NodeId]>) {
        let Overlay::Dialog(dialog) = &mut self.overlay else { return };
        let is_wanted = match &plan {
            Plan::Drain(_) => dialog.task == Task::Drain,
            Plan::Rebalance(_) => matches!(dialog.task, Task::Undo | Task::Rebalance),
            _ => true,
        };
        // An answer to an older question.
        if is_wanted && !dialog.busy && nodes.is_none_or(|nodes| nodes == dialog.nodes) {
            dialog.set_plan(plan);
        }
    }

    fn on_done(&mut self, operation: &Operation, result: Result<String, Failed>) -> Vec<Effect> {
        let (severity, text) = match &result {
            Ok(text) => (Severity::Note, text.clone()),
            Err(failed) => (Severity::Warning, failed.error.clone()),
        };
        self.data.history.events.push(self.now.unix_ms, EventKind::Mine, severity, text.clone());
        self.events.stale = true;
        if let Err(failed) = &result
            && failed.denied
        {
            // The events have its own words.
            let why = "permission denied: this user may not write";
            self.denied = Some(why.to_owned());
        }
        if let Overlay::Dialog(dialog) = &mut self.overlay
            && dialog.busy
        {
            match result {
                Ok(_) => self.overlay = Overlay::None,
                Err(failed) => {
                    dialog.busy = false;
                    dialog.error = Some(failed.error);
                    dialog.cancel_first();
                    return Vec::new();
                }
            }
        }
        if matches!(operation, Operation::Drain { .. } | Operation::Resume { .. }) {
            self.nodes.marks.clear();
        }
        self.say(severity, text);
        match operation {
            Operation::DeleteGroup(group) if severity == Severity::Note => self.on_deleted(group),
            _ => Vec::new(),
        }
    }

    /// A group is no more: the others are shown. Where it was open, the server is not to blame for the
    /// silence that follows, so it is opened again, which says that it does not exist.
    fn on_deleted(&mut self, group: &GroupName) -> Vec<Effect> {
        let mut effects = self.show(View::Groups);
        if *group == self.place.group {
            effects.push(Effect::Ask(Ask::Switch(group.clone())));
        }
        effects
    }
}
