//! What can happen next.

/// One thing that happens. Nodes and keys are named by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A tick passes; on these nodes' clocks (a bit each) none, and on these two.
    Tick {
        /// The clocks that stand still.
        slow: u8,
        /// The clocks that go twice as far.
        fast: u8,
    },
    /// A write on its way reaches the log.
    Land(usize),
    /// A node begins a session.
    Join(usize),
    /// A node sends a heartbeat.
    Beat(usize),
    /// A node learns what its lease record says, by an acknowledgement, a read or its watch.
    Prove(usize),
    /// A node finds that its lease is about to end.
    Fence(usize),
    /// A node is cancelled.
    Cancel(usize),
    /// A cancelled node ends its session.
    End(usize),
    /// The application confirms that a lost run is over.
    Confirm(usize, usize),
    /// A node receives another's newest lease record, or finds that there is none.
    Observe(usize, usize),
    /// A node ends another's session.
    Kill(usize, usize),
    /// A node claims a key.
    Take(usize, usize),
    /// A node learns what became of its claim of a key.
    Resolve(usize, usize),
    /// A node finds that a claim names it.
    Adopt(usize, usize),
    /// The application takes a start.
    Start(usize, usize),
    /// The application confirms a stop, and the claim goes to another node or (none) becomes free.
    HandOver(usize, usize, Option<usize>),
    /// A node in doubt about a hand-over writes the claim for itself again.
    TakeBack(usize, usize),
    /// A node finds that a claim is not its own any more.
    Lose(usize, usize),
    /// A node writes its member record.
    Enter(usize),
    /// A node receives another's member record, or its deletion.
    Meet(usize, usize),
    /// Somebody deletes a member record.
    DropMember(usize),
    /// A node begins to read the log anew.
    Resync(usize),
    /// A node's view is complete.
    CatchUp(usize),
    /// A lease record expires.
    Expire(usize),
    /// What was acknowledged until now is safe.
    Sync,
    /// The log loses what is not.
    PowerCut,
}

/// Everything that may happen with so many nodes and keys and writes on their way; most of it, most
/// of the time, may not.
pub(crate) fn all(nodes: usize, keys: usize, flying: usize, out: &mut Vec<Action>) {
    let clocks = 1_u8 << nodes;
    for slow in 0..clocks {
        for fast in (0..clocks).filter(|fast| fast & slow == 0) {
            out.push(Action::Tick { slow, fast });
        }
    }
    out.extend((0..flying).map(Action::Land));
    for at in 0..nodes {
        of_node(at, out);
        for other in (0..nodes).filter(|other| *other != at) {
            out.extend([Action::Observe(at, other), Action::Kill(at, other)]);
        }
        out.extend((0..nodes).map(|other| Action::Meet(at, other)));
        for key in 0..keys {
            of_key(at, key, out);
            let others = (0..nodes).filter(|other| *other != at).map(Some);
            out.extend(others.chain([None]).map(|to| Action::HandOver(at, key, to)));
        }
    }
    out.extend([Action::Sync, Action::PowerCut]);
}

fn of_node(at: usize, out: &mut Vec<Action>) {
    out.extend([
        Action::Join(at),
        Action::Beat(at),
        Action::Prove(at),
        Action::Fence(at),
        Action::Cancel(at),
        Action::End(at),
        Action::Enter(at),
        Action::DropMember(at),
        Action::Resync(at),
        Action::CatchUp(at),
        Action::Expire(at),
    ]);
}

fn of_key(at: usize, key: usize, out: &mut Vec<Action>) {
    out.extend([
        Action::Confirm(at, key),
        Action::Take(at, key),
        Action::Resolve(at, key),
        Action::Adopt(at, key),
        Action::Start(at, key),
        Action::TakeBack(at, key),
        Action::Lose(at, key),
    ]);
}
