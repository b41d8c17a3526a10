//! The log: what lands, what expires, what is lost; and the member records in it.

use crate::group::Group;
use crate::guards::Guard;
use crate::state::{LeaseState, Life, Log, State, Write};

impl<const N: usize, const K: usize> Group<N, K> {
    /// A write reaches the log. It names the newest revision there, else it had been forgotten.
    pub(crate) fn land(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        if at >= s.flying.len() {
            return None;
        }
        let mut s = s.clone();
        match s.flying.remove(at) {
            Write::Beat(owner, beat) => {
                let lease = &mut s.log.leases[usize::from(owner.node)];
                (lease.session, lease.state, lease.beat) = (owner.session, LeaseState::Live, beat);
                self.lease_changed(&mut s, usize::from(owner.node));
            }
            Write::Claim(key, _, claim) => {
                s.log.claims[usize::from(key)] = claim;
                let blind = !self.keeps(Guard::ClaimNamesRevision);
                s.flying.retain(|w| blind || !matches!(w, Write::Claim(k, ..) if *k == key));
            }
        }
        Some(s)
    }

    /// A session is over by its record.
    pub(crate) fn lease_over(&self, s: &mut State<N, K>, node: usize) {
        s.log.leases[node].state = LeaseState::Over;
        s.log.leases[node].beat = None;
        self.lease_changed(s, node);
    }

    /// A lease record changed: what names the revision before never lands, and who observes it counts
    /// from now on.
    fn lease_changed(&self, s: &mut State<N, K>, node: usize) {
        if self.keeps(Guard::BeatNamesRevision) {
            let of_node = |w: &Write| matches!(w, Write::Beat(o, _) if usize::from(o.node) == node);
            s.flying.retain(|write| !of_node(write));
        }
        if self.keeps(Guard::KillNamesRevision) {
            for other in &mut s.nodes {
                other.saw[node] = 0;
            }
        }
    }

    /// A lease record expires by the server's clock, which may be wrong.
    pub(crate) fn expire(&self, s: &State<N, K>, node: usize) -> Option<State<N, K>> {
        if !self.scope.expiry
            || self.is_steady(node)
            || s.log.leases[node].state == LeaseState::Absent
        {
            return None;
        }
        let mut s = s.clone();
        s.log.leases[node].state = LeaseState::Absent;
        s.log.leases[node].beat = None;
        self.lease_changed(&mut s, node);
        Some(s)
    }

    /// What was acknowledged until now is safe.
    pub(crate) fn sync(s: &State<N, K>) -> Option<State<N, K>> {
        s.synced.as_ref()?;
        let mut s = s.clone();
        s.synced = Some(forget_beats(s.log));
        Some(s)
    }

    /// The log loses what is not safe, once. Writes over what was lost are dropped: that one of them
    /// names a revision that is given out a second time is left out.
    pub(crate) fn power_cut(&self, s: &State<N, K>) -> Option<State<N, K>> {
        let synced = s.synced?;
        let mut s = s.clone();
        let lost = std::mem::replace(&mut s.log, synced);
        s.synced = None;
        for node in 0..N {
            if forget_beats(lost).leases[node] != synced.leases[node] {
                self.lease_changed(&mut s, node);
            }
        }
        for key in 0..K {
            if lost.claims[key] != synced.claims[key] {
                let of_key = |w: &Write| matches!(w, Write::Claim(k, ..) if usize::from(*k) == key);
                s.flying.retain(|write| !of_key(write));
            }
        }
        Some(s)
    }

    /// A node writes its member record; a session that lives writes it again where it is gone.
    pub(crate) fn enter(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let alive = matches!(node.life, Life::Entering | Life::Active);
        if !self.scope.members || !alive || s.log.members[at] == node.session {
            return None;
        }
        let mut s = s.clone();
        s.log.members[at] = s.nodes[at].session;
        Some(s)
    }

    /// A node receives a member record as it is now, or its deletion. Its own lets it in.
    pub(crate) fn meet(&self, s: &State<N, K>, at: usize, other: usize) -> Option<State<N, K>> {
        let (node, session) = (&s.nodes[at], s.log.members[other]);
        let enters = at == other && node.life == Life::Entering && session == node.session;
        let news = enters || at != other && node.view[other] != session;
        if !self.scope.members || node.life == Life::Out || !news {
            return None;
        }
        let mut s = s.clone();
        let node = &mut s.nodes[at];
        if enters {
            node.life = Life::Active;
        } else {
            node.view[other] = session;
            node.met[other] = node.met[other].max(session);
        }
        Some(s)
    }

    /// Somebody deletes a member record: an observer that comes late, an operator, a stranger.
    pub(crate) fn drop_member(&self, s: &State<N, K>, node: usize) -> Option<State<N, K>> {
        // Without this fault a snapshot alone has to show what it is not.
        let gone = s.log.members[node] == 0;
        if !self.scope.members || gone || !self.keeps(Guard::SnapshotIsNoCut) {
            return None;
        }
        let mut s = s.clone();
        s.log.members[node] = 0;
        Some(s)
    }

    /// A node begins to read the log anew: it shows nothing yet.
    pub(crate) fn resync(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        if !self.scope.members || node.life != Life::Active || !node.whole {
            return None;
        }
        let mut s = s.clone();
        s.nodes[at].whole = false;
        s.nodes[at].view = [0; N];
        Some(s)
    }

    /// A node's view is complete: every member record that there is has come since. (Records come in
    /// any order here, so also in that of a snapshot, where one that is rewritten comes late.)
    pub(crate) fn catch_up(&self, s: &State<N, K>, at: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let other = |other: &usize| *other != at && s.log.members[*other] > 0;
        let shown = (0..N).filter(other).all(|other| node.view[other] > 0);
        if node.whole || !shown && self.keeps(Guard::SnapshotIsNoCut) {
            return None;
        }
        let mut s = s.clone();
        s.nodes[at].whole = true;
        Some(s)
    }
}

/// The log without the numbers of attempts, which only their nodes give a meaning.
fn forget_beats<const N: usize, const K: usize>(mut log: Log<N, K>) -> Log<N, K> {
    for lease in &mut log.leases {
        lease.beat = None;
    }
    log
}
