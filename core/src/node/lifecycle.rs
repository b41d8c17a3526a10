//! Changes of the node as a whole: its session begins, it becomes a member, it is fenced, it ends.

use super::Node;
use super::io::Demand;
use super::session::Life;
use crate::edge::{Action, End, LostReason, Notice};
use crate::time::{Now, Time};
use crate::view::OwnerIx;
use crate::wire::RecordName;

impl Node {
    /// The session is recorded: this node holds a lease from now on.
    pub(super) fn on_session_began(&mut self, now: Now) {
        let Life::Claiming(_) = self.session.life else { return };
        let Life::Claiming(lease) = std::mem::replace(&mut self.session.life, Life::Opening) else {
            return;
        };
        let (session, joined) = (lease.session, lease.revision);
        self.session.life = Life::Entering(lease);
        let me = self.view.owners.intern(&self.config.node, session, joined);
        self.session.me = me.unwrap_or_default();
        let record = self.view.members.get(&self.config.node);
        self.member.begin(now, session, joined, record);
        self.watch.forget_heartbeats();
        self.watch.on_lease_acked(now.at, joined);
        self.keys.begin_session();
        self.io.push(Action::Session(session));
        self.session().report_lease();
    }

    /// The watch delivered this node's own member record.
    pub(super) fn on_own_member(&mut self) {
        if !self.planner.is_member(self.session.me) {
            return;
        }
        if let Life::Entering(_) = self.session.life
            && let Life::Entering(lease) = std::mem::replace(&mut self.session.life, Life::Opening)
        {
            self.session.life = Life::Active(lease);
            self.planner.mark_dirty(self.view.keys.iter().map(|(ix, _)| ix));
            self.io.notice(Notice::Joined { joined: self.member.joined() });
        }
    }

    /// **Invariant (self-fence):** when the rest of the lease equals the stop budget, the
    /// application is notified of `Lost` for every key. At the end of the lease, nothing is held.
    pub(super) fn check_lease(&mut self, now: Now) {
        let cancelling = matches!(self.session.life, Life::Cancelling(_));
        if self.session.is_fence_due(now, &self.timing) && !cancelling {
            self.fence(now, "the lease was not renewed in time");
        }
    }

    /// Ends this node's part in its session. Every key is `Lost`, and the session writes nothing
    /// more except its end.
    pub(super) fn fence(&mut self, now: Now, why: &'static str) {
        let Some(lease) = self.session.lease() else { return };
        let old = lease.session;
        if let Life::Cancelling(_) = self.session.life {
            return self.session().on_session_over();
        }
        let until = self.session.until(now, &self.timing);
        let holds = &self.keys.holds;
        let (held, kept) = (holds.held() as u64, holds.kept() as u64);
        self.io.notice(Notice::Fenced { held, why });
        self.lose_all(LostReason::Fenced, until);
        self.session.remember(old);
        self.session.life = Life::Fenced { until, rejoin: now.at };
        self.session.me = OwnerIx::NONE;
        self.watch.forget_heartbeats();
        self.fenced_leaving(kept);
        // The reason why the lease was not renewed may also have kept records from the watch. So
        // the next session begins with a view that is read again and proved.
        self.resync(now, "the session has ended");
    }

    /// Ends the session because a record cannot be written. The node stays away until it may write
    /// that record.
    pub(super) fn fence_until_it_may_write(
        &mut self,
        now: Now,
        why: &'static str,
        record: RecordName,
    ) {
        self.fence(now, why);
        self.session.probe = Some(record);
        self.session().wait_to_rejoin(now);
    }

    /// Every run ends for this session. The application is notified of `Lost` for the runs that it
    /// has.
    pub(super) fn lose_all(&mut self, reason: LostReason, until: Time) {
        // Writes that were not sent belong to a session that writes nothing more.
        self.io.push(Action::Withdraw);
        for ix in self.keys.holds.keys() {
            self.keys().lose(ix, reason, until);
        }
        self.keys.takes.clear();
        self.keys.moves.clear();
    }

    /// The node has ended: the application loses every key that it still has.
    pub(super) fn end(&mut self, now: Now, end: End) {
        let until = self.session.until(now, &self.timing);
        let reason = match end {
            End::Replaced { .. } => LostReason::Replaced,
            _ => LostReason::Cancelled,
        };
        self.lose_all(reason, until);
        self.close_watch();
        self.session.life = Life::Over;
        self.answer_all_over();
        self.io.push(Action::End(end));
    }

    /// Carries out the demands of the components.
    pub(super) fn settle(&mut self, now: Now) {
        while let Some(demand) = self.io.demands.pop_front() {
            match demand {
                Demand::Begin => self.on_session_began(now),
                Demand::Fence(why) => self.fence(now, why),
                Demand::FenceUntilWritable(why, record) => {
                    self.fence_until_it_may_write(now, why, record);
                }
                Demand::Resync(why) => self.resync(now, why),
                Demand::LogLost => self.on_log_lost(now),
                Demand::WriteStops => self.keys().write_stops(now),
                Demand::End(end) => self.end(now, end),
            }
        }
    }
}
