//! The session of a node: from the first read of its lease to membership, and to its end.

mod heartbeat;
mod join;
mod lease;
mod leave;
mod rejoin;

pub(super) use self::join::PLAN;
use self::lease::Lease;
pub(super) use self::leave::Leaving;
use super::io::Io;
use super::keys::Keys;
use super::member::OwnMember;
use super::register::Register;
use super::trust::LogWatch;
use crate::config::Config;
use crate::edge::End;
use crate::guard::broken;
use crate::id::{Revision, Session};
use crate::node::io::Demand;
use crate::time::{Now, Time};
use crate::timing::Timing;
use crate::view::{OwnerIx, View};
use crate::wire::RecordName;

/// The phase of a node's life.
#[derive(Debug)]
pub(super) enum Life {
    /// The node waits until its view is complete.
    Opening,
    /// The node reads its own lease record from the leader at this time. `None`: the read was sent.
    Checking { read_at: Option<Time> },
    /// Another process seems to use the node's id. The node watches that session.
    Observing { revision: Revision, until: Time },
    /// The node writes its lease. It holds nothing yet.
    Claiming(Lease),
    /// The node holds a lease. The watch has not delivered its member record yet.
    Entering(Lease),
    /// The node is a member.
    Active(Lease),
    /// The node has reported every key as `Lost`. It waits until no run is left, at most until its
    /// lease is over, and does not rejoin before `rejoin`.
    Fenced { until: Time, rejoin: Time },
    /// The application has cancelled the node. It waits until no run is left, then ends its lease.
    Cancelling(Lease),
    /// The node has ended.
    Over,
}

/// How many of its fenced sessions a node remembers. Only the newest can still matter.
const OLD_SESSIONS: usize = 16;

/// This process's sessions.
#[derive(Debug)]
pub(super) struct OwnSession {
    pub(super) life: Life,
    /// The fenced sessions of this process. The log may still have a record of the last one.
    pub(super) old: Vec<Session>,
    /// The record that could not be written, if the node stays away for this reason.
    pub(super) probe: Option<RecordName>,
    /// This session's index among the owners, or [`OwnerIx::NONE`] if there is no session.
    pub(super) me: OwnerIx,
    pub(super) leaving: Leaving,
}

impl OwnSession {
    pub(super) fn new() -> Self {
        Self {
            life: Life::Opening,
            old: Vec::new(),
            probe: None,
            me: OwnerIx::NONE,
            leaving: Leaving::default(),
        }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        match &self.life {
            Life::Claiming(lease)
            | Life::Entering(lease)
            | Life::Active(lease)
            | Life::Cancelling(lease) => Some(lease),
            _ => None,
        }
    }

    pub(super) fn lease_mut(&mut self) -> Option<&mut Lease> {
        match &mut self.life {
            Life::Claiming(lease)
            | Life::Entering(lease)
            | Life::Active(lease)
            | Life::Cancelling(lease) => Some(lease),
            _ => None,
        }
    }

    /// Whether keys may be started, taken and handed over. The node must be a member, with a
    /// complete and fresh view and a lease that is not about to end.
    pub(super) fn is_working(&self, now: Now, timing: &Timing, watch: &LogWatch) -> bool {
        matches!(self.life, Life::Active(_)) && watch.is_live() && !self.is_fence_due(now, timing)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    pub(super) fn is_fence_due(&self, now: Now, timing: &Timing) -> bool {
        let due = self.lease().and_then(|l| l.fence_at(timing));
        due.is_some_and(|at| at <= now.at) && !broken!(SelfFence)
    }

    /// When every run under the current lease must be over. Without a lease, this is now.
    pub(crate) fn until(&self, now: Now, timing: &Timing) -> Time {
        self.lease().and_then(|l| l.until(timing)).unwrap_or(now.at)
    }

    /// Remembers a session that was fenced.
    pub(super) fn remember(&mut self, session: Session) {
        if self.old.len() == OLD_SESSIONS {
            self.old.remove(0);
        }
        self.old.push(session);
    }

    /// When this component runs next. `driven_at` is when it ran last.
    pub(crate) fn timeout(
        &self,
        timing: &Timing,
        member: &OwnMember,
        driven_at: Time,
    ) -> Option<Time> {
        let lease_at = |lease: &Lease| {
            let beat = (lease.write == Register::Idle).then_some(lease.next);
            beat.into_iter().chain(lease.fence_at(timing)).min()
        };
        match &self.life {
            Life::Opening | Life::Over => None,
            Life::Checking { read_at } => *read_at,
            Life::Observing { until, .. } => Some(*until),
            Life::Fenced { until, rejoin } => {
                [*until, *rejoin].into_iter().filter(|at| *at > driven_at).min()
            }
            Life::Claiming(lease) | Life::Active(lease) => lease_at(lease),
            Life::Entering(lease) => {
                lease_at(lease).into_iter().chain(self.shut_out_at(timing, member)).min()
            }
            Life::Cancelling(lease) => self.cancel_timeout(lease, timing),
        }
    }

    /// When a node gives its session up because the watch does not deliver its member record. The
    /// log may still have the record of its previous session, and no node deletes that while the
    /// lease is renewed.
    fn shut_out_at(&self, timing: &Timing, member: &OwnMember) -> Option<Time> {
        matches!(self.life, Life::Entering(_)).then(|| member.begun() + timing.lease * 2)
    }
}

/// The session, and the fields that its rules may touch.
pub(super) struct SessionHandler<'a> {
    pub(super) config: &'a mut Config,
    pub(super) timing: &'a Timing,
    pub(super) view: &'a View,
    pub(super) keys: &'a Keys,
    pub(super) member: &'a OwnMember,
    pub(super) watch: &'a mut LogWatch,
    pub(super) session: &'a mut OwnSession,
    pub(super) io: &'a mut Io,
}

impl SessionHandler<'_> {
    fn end(&mut self, end: End) {
        self.io.demand(Demand::End(end));
    }
}
