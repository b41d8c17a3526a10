//! What has to hold in every state, and what has to happen in some, lest the rest says nothing.

use stateright::Property;

use crate::group::Group;
use crate::scope::LEASE;
use crate::state::{Back, Hold, How, LeaseState, Life, Node, State};

/// At no instant do two nodes run a key, each by its own clock within its lease.
pub const ONE_OWNER: &str = "one owner";
/// Every start of a key has a higher token than all before it.
pub const TOKENS_RISE: &str = "tokens rise";
/// No node starts a key beside an earlier run of its own.
pub const ONE_RUN: &str = "one run";
/// What has to hold.
pub const ALWAYS: [&str; 3] = [ONE_OWNER, TOKENS_RISE, ONE_RUN];

impl<const N: usize, const K: usize> Group<N, K> {
    pub(crate) fn wanted(&self) -> Vec<Property<Self>> {
        let scope = self.scope;
        let mut wanted = vec![
            Property::always(ONE_OWNER, Self::has_one_owner),
            Property::always(TOKENS_RISE, |_, s: &State<N, K>| !s.fell),
            Property::always(ONE_RUN, |_, s: &State<N, K>| s.nodes.iter().all(has_one_run)),
            Property::sometimes("a key is started", |_, s: &State<N, K>| {
                s.start == Some(How::Taken)
            }),
            Property::sometimes("a key is handed over", |_, s: &State<N, K>| {
                s.start == Some(How::Handed)
            }),
            Property::sometimes("a key is taken over", |_, s: &State<N, K>| {
                s.start == Some(How::TakenOver)
            }),
            Property::sometimes("a node fences itself", |_, s: &State<N, K>| {
                s.nodes.iter().any(|n| n.life == Life::Out && n.lost.iter().any(Option::is_some))
            }),
            Property::sometimes("a session is ended by another", |_, s: &State<N, K>| {
                (0..N).any(|at| {
                    s.log.leases[at].state == LeaseState::Over && s.nodes[at].life == Life::Active
                })
            }),
        ];
        if scope.sessions > 1 {
            wanted.push(Property::sometimes(
                "a node comes back and runs a key",
                |_, s: &State<N, K>| {
                    s.nodes.iter().any(|n| n.session > 1 && n.holds.iter().copied().any(runs))
                },
            ));
        }
        if scope.members {
            wanted.push(Property::sometimes(
                "a view is read anew over a run",
                |_, s: &State<N, K>| {
                    s.nodes.iter().any(|n| !n.whole && n.holds.iter().copied().any(runs))
                },
            ));
        }
        if scope.expiry {
            wanted.push(Property::sometimes("a lease expires over a run", |_, s: &State<N, K>| {
                (0..N).any(|at| {
                    s.log.leases[at].state == LeaseState::Absent
                        && s.nodes[at].holds.iter().copied().any(runs)
                })
            }));
        }
        if scope.power_cut {
            wanted.push(Property::sometimes(
                "a key is started after a power cut",
                |_, s: &State<N, K>| s.synced.is_none() && s.start.is_some(),
            ));
        }
        wanted
    }

    /// Whether something does not hold that must; what comes after that is of no interest.
    pub(crate) fn is_broken(&self, s: &State<N, K>) -> bool {
        s.fell || !self.has_one_owner(s) || !s.nodes.iter().all(has_one_run)
    }

    fn has_one_owner(&self, s: &State<N, K>) -> bool {
        // What the store acknowledged and lost it cannot guard.
        self.scope.power_cut || (0..K).all(|key| owners(s, key) <= 1)
    }
}

/// How many nodes run a key at this instant.
fn owners<const N: usize, const K: usize>(s: &State<N, K>, key: usize) -> usize {
    s.nodes.iter().map(|node| runs_of(node, key)).sum()
}

/// How many runs of a key a node has within its lease, now and of before.
fn runs_of<const N: usize, const K: usize>(node: &Node<N, K>, key: usize) -> usize {
    let unaware = matches!(node.holds[key], Hold::Unaware(_));
    let now = unaware || runs(node.holds[key]) && node.age < LEASE;
    let before = node.lost[key].is_some_and(|age| age < LEASE);
    usize::from(now) + usize::from(before)
}

fn runs(hold: Hold) -> bool {
    matches!(hold, Hold::Running(_) | Hold::Unaware(_) | Hold::Handing(_, Back::StillRunning))
}

fn has_one_run<const N: usize, const K: usize>(node: &Node<N, K>) -> bool {
    node.holds.iter().zip(node.lost).all(|(hold, lost)| !runs(*hold) || lost.is_none())
}
