//! How often the work on a message has started, counted with few writes.
//!
//! A count has to be stored before the work starts, since the work may end the process. To store one
//! for each message would cost a write for each. So an inbox counts the first message that it gives
//! out. If that one was not done when the inbox ended, something ended it, and perhaps a later message:
//! the next inbox counts the messages that it gives out after it, one by one, for a while. So the count
//! comes to the message that ends the process, and stays there.

use crate::store::Position;

/// What an inbox has given out, to decide which starts are counted.
#[derive(Debug)]
pub(super) struct Attempts {
    /// So many more messages are counted.
    careful: u32,
    /// Nothing was given out.
    is_first: bool,
    most: u32,
}

/// What becomes of a message that is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The work starts, for this time.
    Start { attempt: u32, count: Count },
    /// The work has started too often.
    Poison { attempts: u32 },
}

/// Whether the count has to be stored before the work starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Store,
    Omit,
}

impl Attempts {
    /// An inbox that begins at this position. `window`: how many messages are counted after something
    /// has ended an inbox during the work.
    pub(super) fn new(position: &Position, most: u32, window: u32) -> Self {
        let was_cut_off = position.started > position.done;
        Self { careful: if was_cut_off { window } else { 0 }, is_first: true, most }
    }

    /// Decides on the message that is next, and counts it in the position.
    pub(super) fn next(&mut self, position: &mut Position, sequence: u64) -> Next {
        let is_counted = position.started == sequence;
        if is_counted && position.attempts >= self.most {
            return Next::Poison { attempts: position.attempts };
        }
        let is_later = sequence > position.started || position.started <= position.done;
        let counts = is_counted || is_later && (self.is_first || self.careful > 0);
        self.is_first = false;
        if !counts {
            return Next::Start { attempt: 1, count: Count::Omit };
        }
        if !is_counted {
            // Not for those below the one that was counted last: what ended the process is above them.
            self.careful = self.careful.saturating_sub(1);
        }
        let attempts = if is_counted { position.attempts.saturating_add(1) } else { 1 };
        (position.started, position.attempts) = (sequence, attempts);
        Next::Start { attempt: attempts, count: Count::Store }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u32 = 8;

    /// Runs of a handler that ends the process at one message. Positions are saved after every
    /// `batch` messages. Returns the starts of the poison message until it is found, or `None`.
    fn play(poison: u64, first: u64, batch: u64, most: u32) -> Option<u32> {
        let mut stored = Position::new("S", "s", 1);
        stored.done = first - 1;
        let mut starts = 0;
        for _run in 0..50 {
            let mut position = stored.clone();
            let mut attempts = Attempts::new(&position, most, WINDOW);
            for sequence in position.done + 1.. {
                match attempts.next(&mut position, sequence) {
                    Next::Poison { attempts } => {
                        assert_eq!(
                            (sequence, attempts),
                            (poison, most),
                            "a good message is poison"
                        );
                        return Some(starts);
                    }
                    Next::Start { count, .. } => {
                        if count == Count::Store {
                            stored = position.clone();
                        }
                    }
                }
                starts += u32::from(sequence == poison);
                if sequence == poison {
                    break;
                }
                position.done = sequence;
                if sequence % batch == 0 {
                    stored = position.clone();
                }
            }
        }
        None
    }

    #[test]
    fn the_message_that_ends_the_process_is_found_whatever_was_saved() {
        for batch in 1..=40 {
            for poison in 1..=80 {
                let starts = play(poison, 1, batch, 3);
                let most = 3 + 3 + u32::try_from(batch).expect("few") / WINDOW;
                assert!(starts.is_some_and(|it| it <= most), "{batch} {poison}: {starts:?}");
            }
        }
    }

    #[test]
    fn messages_that_are_done_are_hardly_ever_counted() {
        let mut position = Position::new("S", "s", 1);
        let mut attempts = Attempts::new(&position, 3, WINDOW);
        let mut stores = 0;
        for sequence in 1..=1_000 {
            let next = attempts.next(&mut position, sequence);
            stores += u32::from(matches!(next, Next::Start { count: Count::Store, .. }));
            position.done = sequence;
        }
        assert_eq!(stores, 1);
    }

    #[test]
    fn a_message_that_is_retried_by_the_same_process_is_counted() {
        let mut position = Position::new("S", "s", 1);
        for want in 1..=3 {
            let mut attempts = Attempts::new(&position, 3, WINDOW);
            let next = attempts.next(&mut position, 7);
            assert_eq!(next, Next::Start { attempt: want, count: Count::Store });
        }
        let mut attempts = Attempts::new(&position, 3, WINDOW);
        assert_eq!(attempts.next(&mut position, 7), Next::Poison { attempts: 3 });
        assert_eq!(attempts.next(&mut position, 7), Next::Poison { attempts: 3 }, "it waits");
    }
}
