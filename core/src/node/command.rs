//! The requests of the application.

use super::Node;
use crate::edge::{Action, Command, Input, Reply, RequestId};
use crate::time::Now;

impl Node {
    pub(super) fn on_command(&mut self, now: Now, request: RequestId, command: Command) {
        match command {
            Command::Release(key, token) => self.keys().on_release(now, request, &key, token),
            Command::Fail(key, token, failure) => {
                self.keys().on_fail(now, request, &key, token, failure);
            }
            Command::Complete(key, token) => self.keys().on_complete(now, request, &key, token),
            Command::SetAffinity(affinity) => self.on_affinity(request, affinity),
            Command::AlterAffinity(by) => {
                let altered = i64::from(self.member.affinity).saturating_add(by);
                let altered = altered.clamp(0, i64::from(u32::MAX));
                self.on_affinity(request, u32::try_from(altered).expect("clamped to u32"));
            }
            Command::Flush => self.on_flush(now, request),
            Command::LeaveFor(away) => self.on_leave_for(now, request, away),
            Command::Cancel => self.on_cancel(now, request),
        }
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        self.io.push(Action::Reply(request, reply));
    }

    /// Several changes in a row become one write, which has the newest value when it is sent.
    fn on_affinity(&mut self, request: RequestId, affinity: u32) {
        self.member.affinity = affinity;
        let overridden = self.keys().control().and_then(|c| c.affinity);
        self.reply(request, Reply::Affinity { own: affinity, overridden });
    }

    /// The node has ended: it refuses every request.
    pub(super) fn refuse(&mut self, input: Input) {
        if let Input::Command(request, command) = input {
            let reply = match command {
                Command::Cancel => Reply::Done,
                Command::Flush | Command::LeaveFor(_) => {
                    Reply::Flushed { handed: 0, freed: 0, kept: 0, lost: 0 }
                }
                _ => Reply::Over,
            };
            self.reply(request, reply);
        }
    }
}
