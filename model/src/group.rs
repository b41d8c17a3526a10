//! A group of nodes as a model: where it begins, what may happen, what must hold.

use stateright::{Model, Property};

use crate::action::{self, Action};
use crate::guards::Guard;
use crate::scope::Scope;
use crate::state::{Claim, Hold, How, Lease, LeaseState, Life, Node, State, small};

/// `N` nodes with `K` keys.
#[derive(Debug, Clone, Copy)]
pub struct Group<const N: usize, const K: usize> {
    /// The sizes and the faults.
    pub scope: Scope,
    /// The rule that is left out, if any.
    pub without: Option<Guard>,
}

impl<const N: usize, const K: usize> Group<N, K> {
    /// Whether a rule is kept.
    pub(crate) fn keeps(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }

    fn begins(&self, ahead: u8) -> State<N, K> {
        let mut s = State {
            log: crate::state::Log::new(),
            flying: Vec::new(),
            nodes: [Node::new(); N],
            started: [0; K],
            fell: false,
            start: None,
            synced: None,
        };
        if self.scope.settled {
            settle(&mut s);
        }
        for (at, node) in s.nodes.iter_mut().enumerate() {
            node.ahead = ahead >> at & 1 == 1;
        }
        s.synced = self.scope.power_cut.then_some(s.log);
        self.shape(s)
    }
}

/// Everybody is a member, and the first node runs every key.
fn settle<const N: usize, const K: usize>(s: &mut State<N, K>) {
    let owner = Some(crate::state::Owner { node: 0, session: 1 });
    s.log.leases = [Lease { session: 1, state: LeaseState::Live, beat: None }; N];
    s.log.members = [1; N];
    s.log.claims = [Claim { owner, token: 1, how: How::Taken }; K];
    s.started = [1; K];
    for node in &mut s.nodes {
        (node.life, node.session, node.age) = (Life::Active, 1, 0);
        (node.view, node.met) = ([1; N], [1; N]);
    }
    s.nodes[0].holds = [Hold::Running(1); K];
    s.nodes[0].beyond = [1; K];
}

impl<const N: usize, const K: usize> Model for Group<N, K> {
    type State = State<N, K>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<N, K>> {
        // Clocks may be anywhere within what they differ by before the first tick.
        let clocks = if self.scope.drift { 1 << small(N) } else { 1_u8 };
        (0..clocks).map(|ahead| self.begins(ahead)).collect()
    }

    fn actions(&self, s: &State<N, K>, actions: &mut Vec<Action>) {
        if !self.is_broken(s) {
            action::all(N, K, s.flying.len(), actions);
        }
    }

    fn next_state(&self, last: &State<N, K>, action: Action) -> Option<State<N, K>> {
        let was = last;
        let quiet;
        let last = if last.start.is_some() {
            quiet = State { start: None, ..last.clone() };
            &quiet
        } else {
            last
        };
        let next = match action {
            Action::Tick { slow, fast } => self.tick(last, slow, fast),
            Action::Land(at) => self.land(last, at),
            Action::Join(at) => self.join(last, at),
            Action::Beat(at) => self.beat(last, at),
            Action::Prove(at) => self.prove(last, at),
            Action::Fence(at) => self.fence(last, at),
            Action::Cancel(at) => self.cancel(last, at),
            Action::End(at) => self.end(last, at),
            Action::Confirm(at, key) => Self::confirm(last, at, key),
            Action::Observe(at, other) => self.observe(last, at, other),
            Action::Kill(at, other) => self.kill(last, at, other),
            Action::Take(at, key) => self.take(last, at, key),
            Action::Resolve(at, key) => self.resolve(last, at, key),
            Action::Adopt(at, key) => self.adopt(last, at, key),
            Action::Start(at, key) => self.start(last, at, key),
            Action::HandOver(at, key, to) => self.hand_over(last, at, key, to),
            Action::TakeBack(at, key) => self.take_back(last, at, key),
            Action::Lose(at, key) => self.lose_claim(last, at, key),
            Action::Enter(at) => self.enter(last, at),
            Action::Meet(at, other) => self.meet(last, at, other),
            Action::DropMember(node) => self.drop_member(last, node),
            Action::Resync(at) => self.resync(last, at),
            Action::CatchUp(at) => self.catch_up(last, at),
            Action::Expire(node) => self.expire(last, node),
            Action::Sync => Self::sync(last),
            Action::PowerCut => self.power_cut(last),
        }?;
        let next = self.shape(next);
        (next != *was).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.wanted()
    }
}
