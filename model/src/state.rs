//! What there is at one moment: the log, the writes on their way, the nodes.
//!
//! It is finite although time and revisions are not. Times are ages, cut where they matter no more.
//! A revision is only ever compared with the newest of its record, so none is kept: a write that names
//! one which was overwritten never lands, and is forgotten.
//!
//! What only takes away from what a node can do is left out, since every order without it is there as
//! well: that it learns of good news late (of a record that is over, of a claim that is free), that a
//! watch lags, that a kill or the end of a session is on its way for long.

/// A session of a node; sessions count from 1, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The node.
    pub node: u8,
    /// Its session.
    pub session: u8,
}

/// What a lease record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// The session; of a record that is absent, the last one.
    pub session: u8,
    /// Whether the record is there, and whether its session is over.
    pub state: LeaseState,
    /// Which of its node's unanswered attempts it holds, if any.
    pub beat: Option<u8>,
}

/// Whether a lease record is there, and whether its session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseState {
    /// There is none (any more).
    Absent,
    /// Its session lives as long as it is renewed.
    Live,
    /// Its session is over.
    Over,
}

/// What a claim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// Who owns the key.
    pub owner: Option<Owner>,
    /// The fencing token.
    pub token: u8,
    /// How its owner came to it.
    pub how: How,
}

/// The newest record of each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Log<const N: usize, const K: usize> {
    /// The leases.
    pub leases: [Lease; N],
    /// The sessions that the member records name; 0: there is none.
    pub members: [u8; N],
    /// The claims.
    pub claims: [Claim; K],
}

/// A write on its way: it lands at any later time, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Write {
    /// A heartbeat, with the number of the attempt as long as its node remembers that.
    Beat(Owner, Option<u8>),
    /// A claim of a key, by a node.
    Claim(u8, u8, Claim),
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Life {
    /// It has no session, or one that is over.
    Out,
    /// It writes its lease; the session is not known to be recorded.
    Claiming,
    /// Its session is recorded; its member record has not come back.
    Entering,
    /// It is a member.
    Active,
    /// It was cancelled and waits until nothing runs.
    Cancelling,
}

/// What a node has to do with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hold {
    /// Nothing.
    Nothing,
    /// Its claim is on its way.
    Taking(u8),
    /// The claim is its own, and the application has not taken the start.
    Told(u8),
    /// The application runs it.
    Running(u8),
    /// It was started after its lease was over, and the application does not know that (without the
    /// guard only).
    Unaware(u8),
    /// A claim that gives it away, or takes it back, is on its way.
    Handing(u8, Back),
}

/// How a node came to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Nobody had it.
    Taken,
    /// Its owner's session was over.
    TakenOver,
    /// Its owner gave it.
    Handed,
}

/// What a hand-over is on its way to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Back {
    /// Away.
    Away,
    /// Back to the same node, under a new token.
    Again,
    /// Away, and the run goes on until that is acknowledged (without its guard only).
    StillRunning,
}

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node<const N: usize, const K: usize> {
    /// Where it is in its life.
    pub life: Life,
    /// Its newest session; 0: it had none.
    pub session: u8,
    /// How long ago, on its clock, the newest attempt was sent that it knows to be recorded.
    pub age: u8,
    /// The ages of its unanswered attempts, oldest first.
    pub sent: [Option<u8>; 2],
    /// Its keys.
    pub holds: [Hold; K],
    /// The ages of the leases of runs that were told `Lost` and are not confirmed over.
    pub lost: [Option<u8>; K],
    /// The highest token of each key that it has run or given away.
    pub beyond: [u8; K],
    /// For each other node, how long ago it received the newest lease record.
    pub saw: [u8; N],
    /// The sessions of others that its view of the members names.
    pub view: [u8; N],
    /// The sessions that a view of it ever named.
    pub met: [u8; N],
    /// Its view is complete.
    pub whole: bool,
    /// Its clock is a tick ahead.
    pub ahead: bool,
}

/// All there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State<const N: usize, const K: usize> {
    /// The log.
    pub log: Log<N, K>,
    /// The writes on their way, a sorted set.
    pub flying: Vec<Write>,
    /// The nodes.
    pub nodes: [Node<N, K>; N],
    /// The highest token of each key that was ever started.
    pub started: [u8; K],
    /// A key was started with a token that is not above all before it.
    pub fell: bool,
    /// How a key came to its node that was started in this very step.
    pub start: Option<How>,
    /// What the log goes back to when it loses its tail; none: it cannot (any more).
    pub synced: Option<Log<N, K>>,
}

impl<const N: usize, const K: usize> Node<N, K> {
    /// A node that has not joined.
    pub const fn new() -> Self {
        Self {
            life: Life::Out,
            session: 0,
            age: crate::scope::LEASE,
            sent: [None; 2],
            holds: [Hold::Nothing; K],
            lost: [None; K],
            beyond: [0; K],
            saw: [0; N],
            view: [0; N],
            met: [0; N],
            whole: true,
            ahead: false,
        }
    }

    /// Whether it may write and start anything but the end of its session.
    pub fn may_act(&self) -> bool {
        use crate::scope::{LEASE, STOP_BUDGET};
        self.life == Life::Active && self.age < LEASE - STOP_BUDGET && self.whole
    }
}

impl<const N: usize, const K: usize> Default for Node<N, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const K: usize> Log<N, K> {
    /// An empty log.
    pub const fn new() -> Self {
        Self {
            leases: [Lease { session: 0, state: LeaseState::Absent, beat: None }; N],
            members: [0; N],
            claims: [Claim { owner: None, token: 0, how: How::Taken }; K],
        }
    }

    /// Whether a session is over by its lease record.
    pub fn is_over(&self, owner: Owner) -> bool {
        let lease = self.leases[usize::from(owner.node)];
        lease.session > owner.session
            || lease.session == owner.session && lease.state == LeaseState::Over
    }
}

impl<const N: usize, const K: usize> Default for Log<N, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const K: usize> State<N, K> {
    /// The session that a node is in.
    pub fn owner(&self, at: usize) -> Owner {
        Owner { node: small(at), session: self.nodes[at].session }
    }

    /// Puts a write on its way.
    pub fn send(&mut self, write: Write) {
        if let Err(at) = self.flying.binary_search(&write) {
            self.flying.insert(at, write);
        }
    }

    /// Whether a claim of this key by this node is on its way.
    pub fn is_claiming(&self, at: usize, key: usize) -> bool {
        let by = |write: &Write| match write {
            Write::Claim(k, from, _) => usize::from(*k) == key && usize::from(*from) == at,
            Write::Beat(..) => false,
        };
        self.flying.iter().any(by)
    }
}

/// An index as the state keeps it.
pub(crate) fn small(at: usize) -> u8 {
    u8::try_from(at).expect("few nodes and keys")
}
