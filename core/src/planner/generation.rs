//! Balance generations: how many keys each donor gives to each receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Planner;
use super::grouping::Grouping;
use super::placing::cooling;
use crate::id::Revision;
use crate::plan::{Quota, score};
use crate::time::{Now, Time};
use crate::view::{KeyIx, OwnerIx, OwnerMap, Versioned, View};
use crate::wire::{Freeze, MemberRecord, MemberState};

/// The moves of the newest generation that are not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// For each donor, the number of keys by class and receiver. The first signature of a class
    /// identifies it.
    gives: OwnerMap<BTreeMap<(u16, OwnerIx), u64>>,
    /// The number of keys that each receiver gets.
    takes: OwnerMap<u64>,
    /// The class of each signature when the moves were computed.
    class_of: Vec<u16>,
    open: u64,
}

impl Moves {
    /// Builds the moves of these classes from pairs of a class index and a quota.
    fn new(grouping: &Grouping, signatures: usize, quotas: Vec<(usize, Quota)>) -> Self {
        let mut moves = Self { class_of: vec![u16::MAX; signatures], ..Self::default() };
        for class in grouping.all() {
            for &signature in &class.signatures {
                moves.class_of[usize::from(signature)] = class.signatures[0];
            }
        }
        for (at, Quota { from, to, keys }) in quotas {
            let class = &grouping.all()[at];
            let (from, to) = (class.nodes[from], class.nodes[to]);
            *moves.gives.entry(from).entry((class.signatures[0], to)).or_default() += keys;
            *moves.takes.entry(to) += keys;
            moves.open += keys;
        }
        moves
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// The class of a signature; `u16::MAX` for a newer signature.
    pub(super) fn class_of(&self, signature: u16) -> u16 {
        self.class_of.get(usize::from(signature)).copied().unwrap_or(u16::MAX)
    }

    /// All moves as (class, donor, receiver, keys).
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, OwnerIx, OwnerIx, u64)> {
        self.gives.iter().flat_map(|(from, gives)| {
            gives.iter().map(move |(&(class, to), &keys)| (class, from, to, keys))
        })
    }

    /// The receivers of a donor's keys of this class.
    fn receivers(&self, from: OwnerIx, class: u16) -> impl Iterator<Item = OwnerIx> {
        let gives = self.gives.get(from).into_iter();
        let of_class = (class, OwnerIx::FIRST)..=(class, OwnerIx::NONE);
        gives.flat_map(move |gives| gives.range(of_class.clone()).map(|((_, to), _)| *to))
    }

    /// A key of this signature went from one session to the other. If that was a move, removes the
    /// move and returns its class.
    pub(super) fn done(&mut self, signature: u16, from: OwnerIx, to: OwnerIx) -> Option<u16> {
        let class = self.class_of(signature);
        let gives = self.gives.get_mut(from)?;
        let keys = gives.get_mut(&(class, to))?;
        *keys -= 1;
        if *keys == 0 {
            gives.remove(&(class, to));
            if gives.is_empty() {
                self.gives.remove(from);
            }
        }
        self.took(to, 1);
        Some(class)
    }

    fn took(&mut self, to: OwnerIx, keys: u64) {
        self.open -= keys;
        if let Some(left) = self.takes.get_mut(to) {
            *left -= keys;
            if *left == 0 {
                self.takes.remove(to);
            }
        }
    }

    /// Removes the moves of finished donors, and the moves to receivers with affinity 0. Returns
    /// the removed moves in the form of [`iter`](Self::iter).
    pub(super) fn keep(
        &mut self,
        gives: impl Fn(OwnerIx) -> bool,
        takes: impl Fn(OwnerIx) -> bool,
    ) -> Vec<(u16, OwnerIx, OwnerIx, u64)> {
        let donors: Vec<_> = self.gives.iter().map(|(from, _)| (from, gives(from))).collect();
        let leavers: Vec<_> =
            self.takes.iter().map(|(to, _)| to).filter(|to| !takes(*to)).collect();
        let mut off = Vec::new();
        for (from, stays) in donors {
            if stays && leavers.is_empty() {
                continue;
            }
            let Some(gives) = self.gives.get_mut(from) else { continue };
            let drop = |(_, to): (u16, OwnerIx)| !stays || leavers.contains(&to);
            gives.retain(|&(class, to), keys| {
                if drop((class, to)) {
                    off.push((class, from, to, *keys));
                }
                !drop((class, to))
            });
            if gives.is_empty() {
                self.gives.remove(from);
            }
        }
        for &(_, _, to, keys) in &off {
            self.took(to, keys);
        }
        off
    }
}

impl Planner {
    /// The newest generation: a settled join or a request.
    fn newest_generation(&self, view: &View) -> Revision {
        // While a node is away, its keys cannot move. After its return, fewer moves reach the balance.
        let holds_back =
            |m: &Versioned<MemberRecord>| m.record.manual || m.record.state == MemberState::Away;
        let waits = self.rollout.is_some() || view.members.values().any(holds_back);
        let active = view.members.values().filter(|m| m.record.state == MemberState::Active);
        let joins = active.map(Versioned::joined).filter(|&join| !waits && join <= self.settled);
        joins.chain([view.rebalance]).max().unwrap_or_default()
    }

    /// Computes the moves of a generation that is newer than the last one.
    pub(super) fn act_on_generation(&mut self, view: &mut View, now: Now) {
        self.thaw_moves = None;
        let newest = self.newest_generation(view);
        if newest <= self.generation {
            return;
        }
        if is_frozen(view, now) {
            self.thaw_moves = thaws_at(view, now);
            return;
        }
        self.generation = newest;
        self.round += 1;
        self.moves = Moves::default();
        self.rebuild();
        let now = self.classes.now();
        self.moves = Moves::new(now, self.classes.signatures(), now.quotas());
        // A node that started to read later finds donors that have already finished this
        // generation.
        self.keep_open_moves(view);
        self.rebuild();
    }

    /// The class that a key of this signature counts for in the moves.
    pub fn class_of_move(&self, signature: u16) -> u16 {
        self.moves.class_of(signature)
    }

    /// The number of keys that the session must still give, by class.
    pub fn gives(&self, from: OwnerIx) -> BTreeMap<u16, u64> {
        let mut gives = BTreeMap::new();
        for (&(class, _), keys) in self.moves.gives.get(from).into_iter().flatten() {
            *gives.entry(class).or_default() += keys;
        }
        gives
    }

    /// Whether the session is still a donor.
    pub fn has_gives(&self, from: OwnerIx) -> bool {
        self.moves.gives.contains(from)
    }

    /// The receiver of one key of a donor. Among the sessions that still get keys of its class, it
    /// is the one with the best score.
    pub(super) fn take_move(
        &mut self,
        view: &View,
        now: Now,
        ix: KeyIx,
        from: OwnerIx,
    ) -> Option<OwnerIx> {
        let entry = view.keys.get(ix)?;
        let class = self.classes.class(entry.signature);
        let not = cooling(view, ix, class, now);
        let of_class = self.moves.class_of(entry.signature);
        let best = self
            .moves
            .receivers(from, of_class)
            .filter_map(|to| class.position(to))
            .filter(|at| !not.contains(at))
            .max_by_key(|&at| {
                let to = &class.candidates[at];
                (score(to.hash, entry.hash, to.affinity), std::cmp::Reverse(at))
            })?;
        let to = class.nodes[best];
        if let Some(signature) = self.moves.done(entry.signature, from, to) {
            self.classes.adjust(signature, to, from, 1);
        }
        Some(to)
    }
}

/// Whether new generations are held back now.
pub(super) fn is_frozen(view: &View, now: Now) -> bool {
    freeze(view).is_some_and(|f| f.until.is_none_or(|until| until > now.unix_us / 1_000))
}

/// When a freeze ends by its own time limit.
fn thaws_at(view: &View, now: Now) -> Option<Time> {
    let until_us = freeze(view)?.until?.saturating_mul(1_000);
    Some(now.at + Duration::from_micros(until_us.saturating_sub(now.unix_us)))
}

fn freeze(view: &View) -> Option<&Freeze> {
    view.group.as_ref()?.record.freeze.as_ref()
}
