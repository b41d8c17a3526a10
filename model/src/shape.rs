//! One state for all that differ in nothing that matters: it is what makes the model finite.

use crate::group::Group;
use crate::guards::Guard;
use crate::state::{Claim, Hold, LeaseState, Life, Node, State, Write};

impl<const N: usize, const K: usize> Group<N, K> {
    /// The state with everything forgotten that can never matter again.
    pub(crate) fn shape(&self, mut s: State<N, K>) -> State<N, K> {
        for at in 0..N {
            self.shape_node(&mut s, at);
        }
        for key in 0..K {
            floor_tokens(&mut s, key);
            rank_tokens(&mut s, key);
        }
        // Names are kept where a counter-example is to be read.
        if self.without.is_none() {
            representative(&s, N - usize::from(self.scope.steady))
        } else {
            s
        }
    }

    fn shape_node(&self, s: &mut State<N, K>, at: usize) {
        let leases = s.log.leases;
        let node = &mut s.nodes[at];
        if node.life == Life::Out {
            let Node { session, holds, lost, beyond, ahead, .. } = *node;
            *node = Node { session, holds, lost, beyond, ahead, ..Node::new() };
            let quiet =
                lost.iter().all(Option::is_none) && holds.iter().all(|h| *h == Hold::Nothing);
            if quiet && session >= self.scope.sessions {
                (node.beyond, node.ahead) = ([0; K], false);
            }
        }
        for (other, saw) in node.saw.iter_mut().enumerate() {
            let lease = leases[other];
            if other == at || lease.state == LeaseState::Over || lease.session == 0 {
                *saw = 0;
            }
        }
        (node.view[at], node.met[at]) = (0, 0);
        self.forget_attempts(s, at);
        let node = &mut s.nodes[at];
        if self.keeps(Guard::MemberIsNoProof) && self.keeps(Guard::SnapshotIsNoCut) {
            node.met = [0; N];
        }
    }

    /// An attempt that is neither recorded nor on its way will never be.
    fn forget_attempts(&self, s: &mut State<N, K>, at: usize) {
        if !self.keeps(Guard::BeatIsItsOwn) {
            return;
        }
        let owner = s.owner(at);
        for slot in (0..2).rev() {
            let beat = Some(crate::state::small(slot));
            let flies = s.flying.contains(&Write::Beat(owner, beat));
            let stands = s.log.leases[at].beat == beat;
            if s.nodes[at].sent[slot].is_some() && !flies && !stands {
                s.nodes[at].sent[slot] = None;
                if slot == 0 {
                    s.nodes[at].sent.swap(0, 1);
                    crate::sessions::renumber(s, at, 1);
                }
            }
        }
    }
}

/// Every token of a key, in no order.
pub(crate) fn tokens<const N: usize, const K: usize>(
    s: &State<N, K>,
    key: usize,
) -> impl Iterator<Item = u8> {
    let beyond = s.nodes.iter().map(move |node| node.beyond[key]);
    live_tokens(s, key).chain(beyond).chain([s.started[key]])
}

/// Those that may still be started or written over.
fn live_tokens<const N: usize, const K: usize>(
    s: &State<N, K>,
    key: usize,
) -> impl Iterator<Item = u8> {
    let flying = s.flying.iter().filter_map(move |write| match write {
        Write::Claim(k, _, claim) if usize::from(*k) == key => Some(claim.token),
        _ => None,
    });
    let held = s.nodes.iter().filter_map(move |node| match node.holds[key] {
        Hold::Nothing => None,
        Hold::Taking(token)
        | Hold::Told(token)
        | Hold::Running(token)
        | Hold::Unaware(token)
        | Hold::Handing(token, _) => Some(token),
    });
    let logs = [Some(s.log.claims[key]), s.synced.map(|log| log.claims[key])];
    flying.chain(held).chain(logs.into_iter().flatten().map(|claim: Claim| claim.token))
}

/// What is only compared with live tokens is cut to one of them.
fn floor_tokens<const N: usize, const K: usize>(s: &mut State<N, K>, key: usize) {
    let mut live: Vec<u8> = live_tokens(s, key).collect();
    live.sort_unstable();
    let floor = |token: u8| live.iter().rev().find(|l| **l <= token).copied().unwrap_or(0);
    s.started[key] = floor(s.started[key]);
    for node in &mut s.nodes {
        node.beyond[key] = floor(node.beyond[key]);
    }
}

/// Tokens are only compared: each becomes its rank.
fn rank_tokens<const N: usize, const K: usize>(s: &mut State<N, K>, key: usize) {
    let mut all: Vec<u8> = tokens(s, key).chain([0]).collect();
    all.sort_unstable();
    all.dedup();
    let rank = |token: &mut u8| {
        let at = all.binary_search(token).expect("it is one of them");
        *token = crate::state::small(at);
    };
    rank(&mut s.started[key]);
    rank(&mut s.log.claims[key].token);
    if let Some(log) = &mut s.synced {
        rank(&mut log.claims[key].token);
    }
    for node in &mut s.nodes {
        rank(&mut node.beyond[key]);
        match &mut node.holds[key] {
            Hold::Nothing => {}
            Hold::Taking(token)
            | Hold::Told(token)
            | Hold::Running(token)
            | Hold::Unaware(token)
            | Hold::Handing(token, _) => rank(token),
        }
    }
    for write in &mut s.flying {
        if let Write::Claim(k, _, claim) = write
            && usize::from(*k) == key
        {
            rank(&mut claim.token);
        }
    }
    s.flying.sort_unstable();
    s.flying.dedup();
}

/// The least of the states that differ only in which node is which (of the first so many) and which
/// key is which.
fn representative<const N: usize, const K: usize>(s: &State<N, K>, alike: usize) -> State<N, K> {
    let mut least = s.clone();
    each_order(alike, 0, &mut std::array::from_fn(|at| at), &mut |nodes: &[usize; N]| {
        each_order(K, 0, &mut std::array::from_fn(|at| at), &mut |keys: &[usize; K]| {
            let other = renamed(s, nodes, keys);
            if other < least {
                least = other;
            }
        });
    });
    least
}

/// Calls with every order of the first so many.
fn each_order<const C: usize>(
    count: usize,
    from: usize,
    order: &mut [usize; C],
    call: &mut impl FnMut(&[usize; C]),
) {
    if from + 1 >= count {
        return call(order);
    }
    for at in from..count {
        order.swap(from, at);
        each_order(count, from + 1, order, call);
        order.swap(from, at);
    }
}

/// The same state with the node at `nodes[i]` in the place `i`, and the keys likewise.
fn renamed<const N: usize, const K: usize>(
    s: &State<N, K>,
    nodes: &[usize; N],
    keys: &[usize; K],
) -> State<N, K> {
    let (to_node, to_key) = (places(nodes), places(keys));
    let name = |node: &mut u8| *node = to_node[usize::from(*node)];
    let claim = |claim: &mut Claim| {
        if let Some(owner) = &mut claim.owner {
            name(&mut owner.node);
        }
    };
    let mut other = s.clone();
    for log in [&mut other.log].into_iter().chain(&mut other.synced) {
        let before = *log;
        log.leases = nodes.map(|from| before.leases[from]);
        log.members = nodes.map(|from| before.members[from]);
        log.claims = keys.map(|from| before.claims[from]);
        log.claims.iter_mut().for_each(claim);
    }
    for write in &mut other.flying {
        match write {
            Write::Beat(owner, _) => name(&mut owner.node),
            Write::Claim(key, from, what) => {
                *key = to_key[usize::from(*key)];
                name(from);
                claim(what);
            }
        }
    }
    other.flying.sort_unstable();
    other.started = keys.map(|from| s.started[from]);
    other.nodes = nodes.map(|from| {
        let node = s.nodes[from];
        let place = |of: [u8; N]| nodes.map(|from| of[from]);
        Node {
            holds: keys.map(|from| node.holds[from]),
            lost: keys.map(|from| node.lost[from]),
            beyond: keys.map(|from| node.beyond[from]),
            saw: place(node.saw),
            view: place(node.view),
            met: place(node.met),
            ..node
        }
    });
    other
}

/// For each, the place that it has in an order.
fn places<const C: usize>(order: &[usize; C]) -> [u8; C] {
    let mut to = [0; C];
    for (at, from) in order.iter().enumerate() {
        to[*from] = crate::state::small(at);
    }
    to
}
