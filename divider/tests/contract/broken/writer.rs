//! A writer with a flaw.

use std::task::{Context, Poll};

use divider::MemoryStore;
use divider::store::{Outcome, Store, StoreError, Write, Writer};
use futures_util::FutureExt;

use crate::flaw::Flaw;

/// Writes when it is polled, one after the other: memory does not wait.
pub(super) struct BrokenWriter {
    store: MemoryStore,
    flaw: Flaw,
    writes: Vec<(u64, Write)>,
}

impl BrokenWriter {
    pub(super) fn new(store: MemoryStore, flaw: Flaw) -> Self {
        Self { store, flaw, writes: Vec::new() }
    }
}

impl Writer for BrokenWriter {
    fn submit(&mut self, writes: Vec<(u64, Write)>) {
        self.writes.extend(writes);
    }

    fn poll_outcomes(
        &mut self,
        _: &mut Context<'_>,
        outcomes: &mut Vec<(u64, Outcome)>,
    ) -> Poll<()> {
        if self.flaw == Flaw::WriterReordersWrites {
            self.writes.reverse();
        }
        let (before, mut failed) = (outcomes.len(), false);
        for (number, write) in self.writes.drain(..) {
            if failed && self.flaw == Flaw::WriterStopsAtAConflict {
                let error =
                    StoreError::Other { what: "an earlier write of the batch failed".into() };
                outcomes.push((number, Outcome::Refused(error)));
                continue;
            }
            let outcome = self.store.write(write).now_or_never().expect("memory does not wait");
            failed |= !matches!(outcome, Outcome::Acked(_));
            let swallowed = self.flaw == Flaw::WriterSwallowsOutcomes && failed;
            if !swallowed {
                outcomes.push((number, outcome));
            }
            if self.flaw == Flaw::WriterSwallowsOutcomes {
                failed = number % 100 == 99;
            }
        }
        if outcomes.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    fn forget(&mut self, number: u64) {
        if self.flaw != Flaw::WriterSendsWhatWasForgotten {
            self.writes.retain(|(other, _)| *other != number);
        }
    }
}
