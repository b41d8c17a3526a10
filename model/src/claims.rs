//! Claims: taking, starting, handing over, losing.

use crate::group::Group;
use crate::guards::Guard;
use crate::scope::{LEASE, STOP_BUDGET};
use crate::sessions::lose;
use crate::state::{Back, Claim, Hold, How, LeaseState, Life, Owner, State, Write, small};

impl<const N: usize, const K: usize> Group<N, K> {
    /// A node claims a key that nobody has, as far as it may conclude that.
    pub(crate) fn take(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let idle = node.holds[key] == Hold::Nothing && self.may_run(s, at, key);
        if !node.may_act() || !idle || !self.may_take(s, at, key) {
            return None;
        }
        let mut s = s.clone();
        let former = s.log.claims[key];
        let over = former.owner.is_some_and(|owner| usize::from(owner.node) != at);
        let how = if over { How::TakenOver } else { How::Taken };
        let token = self.next_token(&s, key, former.token);
        let claim = Claim { owner: Some(s.owner(at)), token, how };
        s.send(Write::Claim(small(key), small(at), claim));
        s.nodes[at].holds[key] = Hold::Taking(token);
        if !self.keeps(Guard::StartsWhenRecorded) {
            s.nodes[at].holds[key] = Hold::Running(token);
        }
        Some(s)
    }

    /// No earlier run of the key on this node is unconfirmed.
    fn may_run(&self, s: &State<N, K>, at: usize, key: usize) -> bool {
        s.nodes[at].lost[key].is_none() || !self.keeps(Guard::OneRun)
    }

    fn may_take(&self, s: &State<N, K>, at: usize, key: usize) -> bool {
        let claim = s.log.claims[key];
        let Some(owner) = claim.owner else { return true };
        let node = usize::from(owner.node);
        if node == at {
            // Its own, which it ran or gave away: only under a new token.
            return owner.session < s.nodes[at].session || claim.token <= s.nodes[at].beyond[key];
        }
        s.log.is_over(owner)
            || !self.keeps(Guard::TakesFromTheDead) && seems_dead(s, at, node)
            || !self.keeps(Guard::MemberIsNoProof) && is_no_member(s, at, owner)
            || !self.keeps(Guard::SnapshotIsNoCut) && is_no_member(s, at, owner)
            || !self.keeps(Guard::OlderLeaseIsNoProof) && owner.session > 1
    }

    fn next_token(&self, s: &State<N, K>, key: usize, last: u8) -> u8 {
        let clock = self.scope.power_cut && self.keeps(Guard::TokenFollowsTheClock);
        if clock { 1 + crate::shape::tokens(s, key).max().unwrap_or(0) } else { last + 1 }
    }

    /// A node learns what became of the claim that it sent.
    pub(crate) fn resolve(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let (Hold::Taking(token) | Hold::Handing(token, _)) = s.nodes[at].holds[key] else {
            return None;
        };
        let claim = s.log.claims[key];
        let mine = claim.owner == Some(s.owner(at)) && claim.token == token;
        if !mine && s.is_claiming(at, key) {
            return None;
        }
        let mut s = s.clone();
        let live = s.nodes[at].may_act();
        s.nodes[at].holds[key] = Hold::Nothing;
        if mine && live {
            self.tell(&mut s, at, key, token);
        }
        Some(s)
    }

    /// A node finds that a claim names it: it was handed over, or an earlier write of its own landed.
    pub(crate) fn adopt(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let (node, claim) = (&s.nodes[at], s.log.claims[key]);
        let beyond = claim.token <= node.beyond[key] && self.keeps(Guard::OldClaimIsRewritten);
        let idle = node.holds[key] == Hold::Nothing && self.may_run(s, at, key);
        if !node.may_act() || !idle || claim.owner != Some(s.owner(at)) || beyond {
            return None;
        }
        let mut s = s.clone();
        self.tell(&mut s, at, key, claim.token);
        Some(s)
    }

    /// The application is told to start.
    fn tell(&self, s: &mut State<N, K>, at: usize, key: usize, token: u8) {
        if self.scope.queue {
            s.nodes[at].holds[key] = Hold::Told(token);
        } else {
            begin(s, at, key, token);
        }
    }

    /// The application takes a start.
    pub(crate) fn start(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let Hold::Told(token) = node.holds[key] else { return None };
        let in_time = node.life == Life::Active && node.age < LEASE - STOP_BUDGET;
        if !in_time && self.keeps(Guard::StartIsCheckedWhenTaken) {
            return None;
        }
        let mut s = s.clone();
        begin(&mut s, at, key, token);
        if !in_time {
            s.nodes[at].holds[key] = Hold::Unaware(token);
        }
        Some(s)
    }

    /// The application confirms a stop, and the claim goes to another node, or becomes free.
    pub(crate) fn hand_over(
        &self,
        s: &State<N, K>,
        at: usize,
        key: usize,
        to: Option<usize>,
    ) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let Hold::Running(token) = node.holds[key] else { return None };
        let owner = match to {
            Some(to) => Some(self.receiver(s, at, to)?),
            None => None,
        };
        let claim = s.log.claims[key];
        let stands = claim.owner == Some(s.owner(at)) && claim.token == token;
        if !node.may_act() || !stands {
            return None;
        }
        let mut s = s.clone();
        let token = self.next_token(&s, key, token);
        s.send(Write::Claim(small(key), small(at), Claim { owner, token, how: How::Handed }));
        let stopped = self.keeps(Guard::StopsBeforeHandOver);
        let back = if stopped { Back::Away } else { Back::StillRunning };
        s.nodes[at].holds[key] = Hold::Handing(token, back);
        Some(s)
    }

    /// Whom a node can name: a session that its view shows as a member, which may be over.
    fn receiver(&self, s: &State<N, K>, at: usize, to: usize) -> Option<Owner> {
        let session =
            if self.scope.members { s.nodes[at].view[to] } else { s.log.leases[to].session };
        (session > 0).then_some(Owner { node: small(to), session })
    }

    /// A node in doubt about a hand-over writes the claim for itself again, over the same revision:
    /// one of the two lands. Without its guard it just starts the key again.
    pub(crate) fn take_back(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let node = &s.nodes[at];
        let Hold::Handing(token, Back::Away) = node.holds[key] else { return None };
        if !node.may_act() || !s.is_claiming(at, key) {
            return None;
        }
        let mut s = s.clone();
        if !self.keeps(Guard::RewritesBeforeRestart) {
            s.nodes[at].holds[key] = Hold::Running(s.log.claims[key].token);
            return Some(s);
        }
        let owner = Some(s.owner(at));
        let token = self.next_token(&s, key, token);
        s.send(Write::Claim(small(key), small(at), Claim { owner, token, how: How::Taken }));
        s.nodes[at].holds[key] = Hold::Handing(token, Back::Again);
        Some(s)
    }

    /// A node finds that a claim is not its own any more. Only a log that lost its tail shows that.
    pub(crate) fn lose_claim(&self, s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        let (Hold::Running(token) | Hold::Told(token)) = s.nodes[at].holds[key] else {
            return None;
        };
        let claim = s.log.claims[key];
        let stands = claim.owner == Some(s.owner(at)) && claim.token == token;
        if !self.scope.power_cut || stands {
            return None;
        }
        let mut s = s.clone();
        lose(&mut s, at, key);
        Some(s)
    }

    /// The application confirms that a lost run is over.
    pub(crate) fn confirm(s: &State<N, K>, at: usize, key: usize) -> Option<State<N, K>> {
        s.nodes[at].lost[key]?;
        let mut s = s.clone();
        s.nodes[at].lost[key] = None;
        Some(s)
    }
}

/// Whether a node has seen another's lease unrenewed for as long as it lasts.
fn seems_dead<const N: usize, const K: usize>(s: &State<N, K>, at: usize, node: usize) -> bool {
    s.nodes[at].saw[node] >= LEASE && s.log.leases[node].state == LeaseState::Live
}

/// A run begins.
fn begin<const N: usize, const K: usize>(s: &mut State<N, K>, at: usize, key: usize, token: u8) {
    s.fell |= token <= s.started[key];
    s.started[key] = s.started[key].max(token);
    s.start = Some(s.log.claims[key].how);
    let node = &mut s.nodes[at];
    node.holds[key] = Hold::Running(token);
    node.beyond[key] = node.beyond[key].max(token);
}

/// Whether a node's view, complete as far as it knows, has no member of that session any more that it
/// once had.
fn is_no_member<const N: usize, const K: usize>(s: &State<N, K>, at: usize, owner: Owner) -> bool {
    let (node, of) = (&s.nodes[at], usize::from(owner.node));
    node.view[of] == 0 && node.met[of] >= owner.session
}
