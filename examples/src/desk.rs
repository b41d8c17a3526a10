//! What a worker does with the keys that it holds: it writes to the resource, with their tokens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use divider::{Assignment, Key};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::journal::now_ns;
use crate::resource::{Answer, Doing, Entry, Fenced, ResourceClient};

/// How often it works, and on how many keys each time, in turn.
const TURN: Duration = Duration::from_millis(200);
const KEYS_A_TURN: usize = 50;

/// The keys at hand and the way to the resource.
#[derive(Debug)]
pub(crate) struct Desk {
    node: String,
    resource: ResourceClient,
    fenced: Fenced,
    held: BTreeMap<Key, Assignment>,
    /// The key that was worked on last.
    last: Option<Key>,
    turns: Interval,
}

impl Desk {
    /// A desk with no keys yet.
    pub(crate) fn new(node: &str, resource: SocketAddr) -> Self {
        let (resource, fenced) = ResourceClient::new(resource);
        let mut turns = interval(TURN);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { node: node.to_owned(), resource, fenced, held: BTreeMap::new(), last: None, turns }
    }

    /// Begins with a key.
    pub(crate) fn start(&mut self, assignment: &Assignment) {
        self.write(assignment, Doing::Start);
        self.held.insert(assignment.key().clone(), assignment.clone());
    }

    /// Ends with a key.
    pub(crate) fn stop(&mut self, assignment: &Assignment) {
        self.held.remove(assignment.key());
        self.write(assignment, Doing::Stop);
    }

    /// Works on a few keys whenever it is time, until a write is refused.
    pub(crate) async fn work(&mut self) -> Answer {
        loop {
            tokio::select! {
                answer = self.fenced.next() => if let Some(answer) = answer {
                    return answer;
                },
                _ = self.turns.tick() => self.take_a_turn(),
            }
        }
    }

    fn take_a_turn(&mut self) {
        let after = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.held.range((after, Bound::Unbounded)).take(KEYS_A_TURN);
        let next: Vec<Assignment> = next.map(|(_, assignment)| assignment.clone()).collect();
        for assignment in &next {
            self.write(assignment, Doing::Work);
        }
        // A short turn was the end of the round: the next begins with the first.
        self.last = next.get(KEYS_A_TURN - 1).map(|last| last.key().clone());
    }

    /// Writes only what may be written still. A process that is frozen right after this look writes
    /// when it wakes all the same: for that there is the token.
    fn write(&self, assignment: &Assignment, doing: Doing) {
        if !assignment.is_valid() {
            return;
        }
        self.resource.write(Entry {
            key: assignment.key().as_str().to_owned(),
            node: self.node.clone(),
            session: assignment.session().to_string(),
            token: assignment.token().0,
            at_ns: now_ns(),
            doing,
        });
    }
}
