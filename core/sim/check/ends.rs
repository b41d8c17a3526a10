//! Answers: every command to a node is answered within its documented bound, whatever fails.

use std::collections::HashMap;
use std::time::Duration;

use super::Check;
use crate::edge::{Command, RequestId};
use crate::sim::event::Event;
use crate::sim::world::World;
use crate::time::Time;

/// The commands without a reply.
#[derive(Debug, Default)]
pub(in crate::sim) struct Ends(HashMap<(usize, RequestId), Asked>);

#[derive(Debug, Clone)]
struct Asked {
    command: Command,
    since: Time,
}

/// Clocks are up to 1 % slow, and a process needs a moment to handle its inputs.
fn by_any_clock(span: Duration) -> Duration {
    span.mul_f64(1.02) + Duration::from_millis(5)
}

impl Asked {
    /// The bound of a command. A flush counts from the last action of the application for it.
    fn bound(&self, lease: Duration) -> Duration {
        by_any_clock(match self.command {
            Command::Release(..)
            | Command::Fail(..)
            | Command::SetAffinity(_)
            | Command::AlterAffinity(_) => Duration::ZERO,
            Command::Complete(..) => lease * 3,
            Command::Flush | Command::LeaveFor(_) => lease * 4,
            Command::Cancel => lease,
        })
    }
}

impl World {
    /// A process received a command.
    pub(in crate::sim) fn note_asked(
        &mut self,
        place: usize,
        request: RequestId,
        command: Command,
    ) {
        let asked = Asked { command, since: self.now };
        let bound = asked.bound(self.lease);
        self.checks.ends.0.insert((place, request), asked);
        let epoch = self.hosts[place].epoch;
        self.after(bound, Event::Due(place, epoch, request));
    }

    /// A command is answered. A process that restarts then ends its session.
    pub(in crate::sim) fn note_answered(&mut self, place: usize, request: RequestId) {
        let asked = self.checks.ends.0.remove(&(place, request));
        if asked.is_some_and(|asked| matches!(asked.command, Command::LeaveFor(_))) {
            self.command(place, Command::Cancel);
        }
    }

    /// The command must be answered by now, unless the process was paused or its application still has
    /// something to confirm.
    pub(in crate::sim) fn check_end(&mut self, place: usize, request: RequestId) {
        let Some(asked) = self.checks.ends.0.get(&(place, request)) else { return };
        let host = &self.hosts[place];
        if !host.is_up() {
            return;
        }
        let mut since = asked.since.max(host.resumed);
        if matches!(asked.command, Command::Flush | Command::LeaveFor(_)) {
            since = since.max(host.app.stirred);
            if host.app.runs.values().any(|run| run.ending) {
                since = self.now;
            }
        }
        let (due, epoch) = (since + asked.bound(self.lease), host.epoch);
        if due > self.now {
            return self.at(due, Event::Due(place, epoch, request));
        }
        let what = format!("{} has not answered {:?} since {since:?}", host.id, asked.command);
        self.violate(Check::Ends, what);
    }
}
