//! Sessions: joining, renewing, fencing, ending, and watching others do so.

use crate::group::Group;
use crate::guards::Guard;
use crate::scope::{LEASE, STOP_BUDGET};
use crate::state::{Hold, LeaseState, Life, State, Write};

impl<const N: usize, const K: usize> Group<N, K> {
    /// Time passes, on each clock at its own rate within what clocks may differ by.
    pub(crate) fn tick(&self, s: &State<N, K>, slow: u8, fast: u8) -> Option<State<N, K>> {
        let mut s = s.clone();
        for (at, node) in s.nodes.iter_mut().enumerate() {
            let (is_slow, is_fast) = (slow >> at & 1 == 1, fast >> at & 1 == 1);
            // A clock that is a tick ahead may stand still; one that is not may go twice as far.
            if (is_slow || is_fast) && (!self.scope.drift || is_slow != node.ahead) {
                return None;
            }
            let by = 1 + u8::from(is_fast) - u8::from(is_slow);
            node.ahead = (node.ahead || is_fast) && !is_slow;
            if !self.is_steady(at) {
                let ages = node.sent.iter_mut().chain(&mut node.lost).flatten();
                for age in ages.chain([&mut node.age]) {
                    *age = (*age + by).min(LEASE);
                }
            }
            for age in &mut node.saw {
                *age = (*age + by).min(self.patience());
            }
        }
        Some(s)
    }

    /// Whether a node renews its lease in no time and without fail.
    pub(crate) fn is_steady(&self, at: usize) -> bool {
        self.scope.steady && at + 1 == N
    }

    /// How long an observer sees a lease unchanged before it ends it, in ticks of its clock.
    pub(crate) fn patience(&self) -> u8 {
        match (self.scope.drift, self.keeps(Guard::ObserverWaitsForDrift)) {
            (false, _) => LEASE,
            (true, false) => LEASE + 1,
            (true, true) => LEASE + 2,
        }
    }

    /// A node begins a session over whatever its lease record says.
    pub(crate) fn join(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let stopped = node.lost.iter().flatten().all(|age| *age >= LEASE);
        let may = stopped || !self.keeps(Guard::RejoinsAfterStop);
        if node.life != Life::Out || node.session >= self.scope.sessions || !may {
            return None;
        }
        let mut s = s.clone();
        let node = &mut s.nodes[at];
        node.session += 1;
        (node.life, node.age) = (Life::Claiming, LEASE);
        node.whole = !self.scope.members;
        Some(s)
    }

    /// A node sends its next heartbeat; one that nobody answers may have landed all the same.
    pub(crate) fn beat(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let alive = match node.life {
            Life::Claiming => true,
            Life::Entering | Life::Active => node.age < LEASE - STOP_BUDGET,
            Life::Out | Life::Cancelling => false,
        };
        let lands = self.knows(s, at) || !self.keeps(Guard::BeatNamesRevision);
        // One over an old revision never lands; it matters only where attempts are mixed up.
        let late = !lands && self.keeps(Guard::BeatIsItsOwn);
        if !alive || late || self.is_steady(at) {
            return None;
        }
        let mut s = s.clone();
        let slots = self.scope.attempts;
        if s.nodes[at].sent[..slots].iter().all(Option::is_some) {
            s.nodes[at].sent[..slots].rotate_left(1);
            s.nodes[at].sent[slots - 1] = None;
            renumber(&mut s, at, 1);
        }
        let free = s.nodes[at].sent.iter().position(Option::is_none)?;
        s.nodes[at].sent[free] = Some(0);
        if lands {
            let beat = Write::Beat(s.owner(at), Some(crate::state::small(free)));
            s.send(beat);
        }
        Some(s)
    }

    /// Whether a node can name the newest revision of its lease record: it has written it and knows
    /// so, or it may write over what it has read there.
    fn knows(&self, s: &State<N, K>, at: usize) -> bool {
        let (node, lease) = (&s.nodes[at], s.log.leases[at]);
        let own = lease.session == node.session;
        let foreign = node.life == Life::Claiming || self.scope.power_cut;
        match lease.state {
            LeaseState::Absent => true,
            LeaseState::Live if own => lease.beat.is_none(),
            LeaseState::Live | LeaseState::Over => foreign && !own,
        }
    }

    /// A node learns what its lease record says, where that is news to it.
    pub(crate) fn prove(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let (node, lease) = (&s.nodes[at], s.log.leases[at]);
        if node.life == Life::Out || self.knows(s, at) {
            return None;
        }
        let mut s = s.clone();
        if lease.state == LeaseState::Live && lease.session == node.session {
            self.renewed(&mut s, at);
        } else {
            lose_all(&mut s, at, Life::Out);
        }
        Some(s)
    }

    /// The record holds an attempt of this session's.
    fn renewed(&self, s: &mut State<N, K>, at: usize) {
        let node = &mut s.nodes[at];
        let newest = node.sent.iter().rposition(Option::is_some);
        let known = s.log.leases[at].beat.map(usize::from);
        let shown = if self.keeps(Guard::BeatIsItsOwn) { known } else { newest.or(known) };
        let Some(shown) = shown else { return };
        let Some(sent) = node.sent[shown] else { return };
        let sent = if self.keeps(Guard::CountsFromSend) { sent } else { 0 };
        node.age = node.age.min(sent);
        if node.life == Life::Claiming {
            node.life = if self.scope.members { Life::Entering } else { Life::Active };
            node.saw = [0; N];
        }
        let drop = shown + 1;
        for slot in 0..2 {
            node.sent[slot] = node.sent.get(slot + drop).copied().flatten();
        }
        renumber(s, at, drop);
    }

    /// A node finds that its lease is about to end, in time or not.
    pub(crate) fn fence(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let due = matches!(node.life, Life::Entering | Life::Active);
        if !due || node.age < LEASE - STOP_BUDGET {
            return None;
        }
        let mut s = s.clone();
        let told = s.nodes[at].holds;
        lose_all(&mut s, at, Life::Out);
        if !self.keeps(Guard::StartIsCheckedWhenTaken) {
            // What the application has not taken stays in its queue.
            for (hold, told) in s.nodes[at].holds.iter_mut().zip(told) {
                if matches!(told, Hold::Told(_)) {
                    *hold = told;
                }
            }
        }
        Some(s)
    }

    /// A node is cancelled: everything is told `Lost`.
    pub(crate) fn cancel(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        if !self.scope.cancel || node.life != Life::Active {
            return None;
        }
        let mut s = s.clone();
        lose_all(&mut s, at, Life::Cancelling);
        Some(s)
    }

    /// A cancelled node ends its session, or finds that its lease has run out.
    pub(crate) fn end(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let stopped = node.lost.iter().all(Option::is_none) || !self.keeps(Guard::EndsAfterStop);
        let ends = stopped && self.knows(s, at);
        if node.life != Life::Cancelling || !(ends || node.age >= LEASE) {
            return None;
        }
        let mut s = s.clone();
        s.nodes[at].life = Life::Out;
        if ends {
            self.lease_over(&mut s, at);
        }
        Some(s)
    }

    /// A node receives another's newest lease record. With its guard that is at once: late, it would
    /// only wait for longer.
    pub(crate) fn observe(&self, s: &State<N, K>, at: usize, other: usize) -> Option<State<N, K>> {
        if self.keeps(Guard::KillNamesRevision) || s.nodes[at].saw[other] == 0 {
            return None;
        }
        let mut s = s.clone();
        s.nodes[at].saw[other] = 0;
        Some(s)
    }

    /// A node ends a session that it has seen unrenewed for long enough.
    pub(crate) fn kill(&self, s: &State<N, K>, at: usize, other: usize) -> Option<State<N, K>> {
        let lease = s.log.leases[other];
        let seen = s.nodes[at].saw[other] >= self.patience();
        let open = lease.session > 0 && lease.state != LeaseState::Over && !self.is_steady(other);
        if !s.nodes[at].may_act() || !seen || !open {
            return None;
        }
        let mut s = s.clone();
        self.lease_over(&mut s, other);
        Some(s)
    }
}

/// The node forgets its first attempts; what is recorded or on its way of them is nobody's any more.
pub(crate) fn renumber<const N: usize, const K: usize>(
    s: &mut State<N, K>,
    at: usize,
    forgotten: usize,
) {
    let forgotten = crate::state::small(forgotten);
    let shift = |beat: Option<u8>| beat.and_then(|beat| beat.checked_sub(forgotten));
    s.log.leases[at].beat = shift(s.log.leases[at].beat);
    if let Some(synced) = &mut s.synced {
        synced.leases[at].beat = None;
    }
    for write in &mut s.flying {
        if let Write::Beat(owner, beat) = write
            && usize::from(owner.node) == at
        {
            *beat = shift(*beat);
        }
    }
    s.flying.sort_unstable();
    s.flying.dedup();
}

/// Every run of a node is lost, and it takes part in nothing any more.
pub(crate) fn lose_all<const N: usize, const K: usize>(s: &mut State<N, K>, at: usize, life: Life) {
    for key in 0..K {
        lose(s, at, key);
    }
    renumber(s, at, 2);
    let node = &mut s.nodes[at];
    (node.life, node.sent) = (life, [None; 2]);
}

/// One key is not a node's any more.
pub(crate) fn lose<const N: usize, const K: usize>(s: &mut State<N, K>, at: usize, key: usize) {
    let node = &mut s.nodes[at];
    let runs = matches!(
        node.holds[key],
        Hold::Running(_) | Hold::Handing(_, crate::state::Back::StillRunning)
    );
    if runs {
        node.lost[key] = Some(node.age.max(node.lost[key].unwrap_or(0)));
    }
    node.holds[key] = Hold::Nothing;
}
