//! How far a watch has come: whether anything is missing, and whether the snapshot is complete.

use super::delivery_info::DeliveryInfo;

/// What has come of a consumer's deliveries. Pure, so that what servers seldom do can be tried.
#[derive(Debug)]
pub(super) struct Progress {
    /// How many messages the consumer has delivered.
    delivered: u64,
    /// The newest of them in the stream.
    sequence: u64,
    /// What the consumer said was left then.
    pending: u64,
    /// The stream's last sequence once the consumer was made: a delivery below it does not end the
    /// snapshot by itself, whatever it says is pending.
    until: u64,
    snapshot: Snapshot,
}

/// Whether everything that was there has been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snapshot {
    /// Records are coming.
    Reading,
    /// It looks complete; the leader has to be asked for anything above what was delivered.
    InDoubt,
    /// The leader was asked.
    Asked,
    /// It is complete, and has to be said.
    Complete,
    /// It was said.
    Said,
}

impl Progress {
    /// A consumer with this many messages to deliver, of a stream that ended at `until` after it was
    /// made. Not before: a record that is rewritten while older ones are delivered is left out where
    /// it was, and comes again above.
    pub(super) fn new(pending: u64, until: u64) -> Self {
        let snapshot = Snapshot::Reading;
        let mut new = Self { delivered: 0, sequence: 0, pending, until, snapshot };
        new.look_for_end();
        new
    }

    /// The newest sequence that was delivered.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A message has come; an error says what is missing before it.
    pub(super) fn on_delivery(&mut self, info: DeliveryInfo) -> Result<(), String> {
        let expected = self.delivered + 1;
        if info.delivered != expected {
            return Err(format!("expected delivery {expected}, found {}", info.delivered));
        }
        if info.sequence <= self.sequence {
            return Err(format!("sequence {} came after {}", info.sequence, self.sequence));
        }
        self.delivered = info.delivered;
        self.sequence = info.sequence;
        self.pending = info.pending;
        self.look_for_end();
        Ok(())
    }

    /// The consumer has nothing to deliver now and says how much it has delivered.
    pub(super) fn on_heartbeat(&mut self, delivered: u64) -> Result<(), String> {
        if delivered != self.delivered {
            return Err(format!("the server delivered {delivered}, received {}", self.delivered));
        }
        if self.snapshot == Snapshot::Reading {
            // What was still to come may have expired.
            self.snapshot = Snapshot::InDoubt;
        }
        Ok(())
    }

    /// The sequence above which the leader has to be asked for more, once for every doubt.
    pub(super) fn take_question(&mut self) -> Option<u64> {
        let asked = self.snapshot == Snapshot::InDoubt;
        asked.then(|| {
            self.snapshot = Snapshot::Asked;
            self.sequence
        })
    }

    /// The leader's answer: what it knows above the sequence that was asked for.
    pub(super) fn on_answer(&mut self, newer: Option<u64>) {
        let Some(newer) = newer else {
            // At that moment the log ended, for this filter, where the deliveries were.
            self.snapshot = Snapshot::Complete;
            return;
        };
        self.snapshot = Snapshot::Reading;
        if self.sequence >= newer {
            self.look_for_end();
        }
        // If not, that one is still to come; or it expires before, and the next heartbeat asks again.
    }

    /// Whether the snapshot's end has to be said now; once.
    pub(super) fn take_end(&mut self) -> bool {
        let complete = self.snapshot == Snapshot::Complete;
        if complete {
            self.snapshot = Snapshot::Said;
        }
        complete
    }

    /// Whether the snapshot's end was said: what comes now was stored since.
    pub(super) fn is_live(&self) -> bool {
        self.snapshot == Snapshot::Said
    }

    /// Looks whether the last delivery completes the snapshot, or whether that has to be asked.
    fn look_for_end(&mut self) {
        if self.snapshot != Snapshot::Reading || self.pending > 0 {
            return;
        }
        // The stream's last record may be of a name that is not watched, or may have expired.
        let certain = self.sequence >= self.until;
        self.snapshot = if certain { Snapshot::Complete } else { Snapshot::InDoubt };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(delivered: u64, sequence: u64, pending: u64) -> DeliveryInfo {
        DeliveryInfo { sequence, delivered, stored_ns: 0, pending }
    }

    #[derive(serde::Deserialize)]
    struct Given {
        pending: u64,
        until: u64,
        steps: Vec<Step>,
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Step {
        /// Number, sequence, pending.
        Delivery(u64, u64, u64),
        Heartbeat(u64),
        Answer(Option<u64>),
    }

    #[test]
    fn vectors() {
        divider_core::vectors::check("snapshots", |Given { pending, until, steps }| {
            let mut progress = Progress::new(pending, until);
            let mut said = vec![said(&mut progress)];
            for step in steps {
                let done = match step {
                    Step::Delivery(number, sequence, pending) => {
                        progress.on_delivery(info(number, sequence, pending))
                    }
                    Step::Heartbeat(delivered) => progress.on_heartbeat(delivered),
                    Step::Answer(newer) => {
                        progress.on_answer(newer);
                        Ok(())
                    }
                };
                said.push(done.map_or_else(|_| "gap".into(), |()| self::said(&mut progress)));
            }
            serde_json::json!({"says": said})
        });
    }

    fn said(progress: &mut Progress) -> String {
        if progress.take_end() {
            return "complete".into();
        }
        let question = progress.take_question();
        question.map_or_else(|| "-".into(), |above| format!("ask above {above}"))
    }

    #[test]
    fn a_snapshot_ends_with_nothing_pending_at_the_streams_end() {
        let mut progress = Progress::new(2, 9);
        progress.on_delivery(info(1, 9, 1)).expect("in order");
        assert!(!progress.take_end(), "one is pending");
        progress.on_delivery(info(2, 10, 0)).expect("in order");
        assert_eq!(progress.take_question(), None);
        assert!(progress.take_end());
        assert!(!progress.take_end(), "it was said");
        progress.on_delivery(info(3, 11, 0)).expect("in order");
        progress.on_heartbeat(3).expect("in order");
        assert!(progress.take_question().is_none() && !progress.take_end());
    }

    #[test]
    fn nothing_pending_below_the_streams_end_is_no_proof() {
        let mut progress = Progress::new(2, 9);
        progress.on_delivery(info(1, 4, 0)).expect("in order");
        assert!(!progress.take_end());
        assert_eq!(progress.take_question(), Some(4));
        assert_eq!(progress.take_question(), None, "once");
        // The server counted wrong: there is another one.
        progress.on_answer(Some(7));
        assert!(!progress.take_end() && progress.take_question().is_none());
        progress.on_delivery(info(2, 7, 0)).expect("in order");
        assert_eq!(progress.take_question(), Some(7));
        progress.on_answer(None);
        assert!(progress.take_end());
    }

    #[test]
    fn an_empty_snapshot_is_complete_when_the_leader_says_so() {
        let mut nothing_at_all = Progress::new(0, 0);
        assert!(nothing_at_all.take_end());
        let mut nothing_watched = Progress::new(0, 5);
        assert_eq!(nothing_watched.take_question(), Some(0));
        nothing_watched.on_answer(None);
        assert!(nothing_watched.take_end());
    }

    #[test]
    fn what_came_while_the_leader_was_asked_counts() {
        let mut progress = Progress::new(1, 9);
        progress.on_delivery(info(1, 4, 0)).expect("in order");
        assert_eq!(progress.take_question(), Some(4));
        progress.on_delivery(info(2, 10, 0)).expect("in order");
        progress.on_answer(Some(10));
        assert!(progress.take_end());
    }

    #[test]
    fn a_snapshot_whose_end_expires_is_asked_about_at_every_heartbeat() {
        let mut progress = Progress::new(3, 9);
        progress.on_delivery(info(1, 4, 2)).expect("in order");
        progress.on_heartbeat(1).expect("in order");
        assert_eq!(progress.take_question(), Some(4));
        progress.on_answer(Some(9));
        assert_eq!(progress.take_question(), None);
        progress.on_heartbeat(1).expect("in order");
        assert_eq!(progress.take_question(), Some(4));
        progress.on_answer(None);
        assert!(progress.take_end());
    }

    #[test]
    fn whatever_is_missing_is_noticed() {
        let check = |delivered: u64, sequence: u64, ok: bool| {
            let mut progress = Progress::new(9, 9);
            progress.on_delivery(info(1, 4, 8)).expect("the first");
            assert_eq!(progress.on_delivery(info(delivered, sequence, 7)).is_ok(), ok);
        };
        check(2, 5, true);
        check(3, 5, false);
        check(1, 5, false);
        check(2, 4, false);
        check(2, 3, false);
        let mut progress = Progress::new(9, 9);
        progress.on_delivery(info(1, 4, 8)).expect("the first");
        assert!(progress.on_heartbeat(2).is_err(), "one was lost");
        assert!(progress.on_heartbeat(0).is_err(), "another consumer of the same name");
    }
}
