//! Balance generations: who gives how many keys to whom.

use std::time::Duration;

use super::Planner;
use super::placing::cooling;
use crate::core::plan::{quotas, score};
use crate::core::time::{Now, Time};
use crate::core::view::{KeyIx, OwnerIx, Placed, View};
use crate::id::Revision;
use crate::wire::{Freeze, MemberState};

/// The moves of the newest generation that have not been seen in the log.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<Move>);

#[derive(Debug)]
struct Move {
    signatures: Vec<u16>,
    from: OwnerIx,
    to: OwnerIx,
    keys: u64,
}

impl Moves {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every move as (a signature of its class, donor, receiver, keys).
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, OwnerIx, OwnerIx, u64)> {
        self.0.iter().map(|m| (m.signatures[0], m.from, m.to, m.keys))
    }

    /// One key of that signature went from one to the other. If that was one of the moves: a
    /// signature of its class.
    pub(super) fn done(&mut self, signature: u16, from: OwnerIx, to: OwnerIx) -> Option<u16> {
        let at = self
            .0
            .iter()
            .position(|m| m.from == from && m.to == to && m.signatures.contains(&signature))?;
        let class = self.0[at].signatures[0];
        self.0[at].keys -= 1;
        if self.0[at].keys == 0 {
            self.0.swap_remove(at);
        }
        Some(class)
    }

    /// Forgets the moves of donors that have none to give any more, and those to receivers that
    /// take no part.
    pub(super) fn keep(
        &mut self,
        gives: impl Fn(OwnerIx) -> bool,
        takes: impl Fn(OwnerIx) -> bool,
    ) {
        self.0.retain(|m| gives(m.from) && takes(m.to));
    }
}

impl Planner {
    /// The newest generation there is: a settled join or a request.
    fn newest_generation(&self, view: &View) -> Revision {
        let manual = view.members.values().any(|m| m.record.manual);
        let active = view.members.values().filter(|m| m.record.state == MemberState::Active);
        let joins = active.map(Placed::joined).filter(|&join| !manual && join <= self.settled);
        joins.chain([view.rebalance]).max().unwrap_or_default()
    }

    /// Fixes the moves of a generation that is newer than the last.
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
        let moves = self.classes().iter().flat_map(|class| {
            quotas(&class.candidates).into_iter().map(|quota| Move {
                signatures: class.signatures.clone(),
                from: class.nodes[quota.from],
                to: class.nodes[quota.to],
                keys: quota.keys,
            })
        });
        self.moves = Moves(moves.collect());
        // Who comes late finds donors that are done with this generation already.
        self.keep_open_moves(view);
        self.rebuild();
    }

    /// How many keys the session has to give, each with the signatures it may be of.
    pub(crate) fn gives(&self, from: OwnerIx) -> Vec<(Vec<u16>, u64)> {
        let mut gives: Vec<(Vec<u16>, u64)> = Vec::new();
        for m in self.moves.0.iter().filter(|m| m.from == from) {
            match gives.iter_mut().find(|(signatures, _)| *signatures == m.signatures) {
                Some((_, keys)) => *keys += m.keys,
                None => gives.push((m.signatures.clone(), m.keys)),
            }
        }
        gives
    }

    /// Whether moves are left of which the session is the donor.
    pub(crate) fn has_gives(&self, from: OwnerIx) -> bool {
        self.moves.0.iter().any(|m| m.from == from)
    }

    /// The receiver of one key of a donor's moves: of those that still get some, the one with the
    /// best score.
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
        let best = self
            .moves
            .0
            .iter()
            .filter(|m| m.from == from && m.signatures.contains(&entry.signature))
            .filter_map(|m| class.position(m.to))
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

/// Whether balance moves are held back now.
pub(crate) fn is_frozen(view: &View, now: Now) -> bool {
    freeze(view).is_some_and(|f| f.until.is_none_or(|until| until > now.unix_us / 1_000))
}

/// When a freeze ends by itself.
fn thaws_at(view: &View, now: Now) -> Option<Time> {
    let until_us = freeze(view)?.until?.saturating_mul(1_000);
    Some(now.at + Duration::from_micros(until_us.saturating_sub(now.unix_us)))
}

fn freeze(view: &View) -> Option<&Freeze> {
    view.group.as_ref()?.record.freeze.as_ref()
}
