//! Messages that the client cannot read.
//!
//! A server takes any bytes as headers. The client gives its connection up over some that it cannot
//! read, or panics, each time it is delivered such a message; a single one would cut every node off
//! for good. So whoever is cut off looks at what would have come next, by a request whose answer
//! carries headers harmlessly, and writes it again without them.

use super::super::{MAX_VALUE, Outcome, StoreError, Write};
use super::NatsStore;
use super::message::StoredMessage;
use crate::id::Revision;

impl NatsStore {
    /// Looks at the first message above a sequence. One that nobody can read is written again,
    /// without its headers, and a word is returned on what cannot be helped.
    pub(super) async fn mend(&self, subject: &str, sequence: u64) -> Option<StoreError> {
        let next = self.newer_than(subject, sequence).await.ok().flatten()?;
        if next.subject().contains(char::REPLACEMENT_CHARACTER) {
            return Some(self.unmendable(&next));
        }
        if next.is_readable() {
            return None;
        }
        let name = next.subject().strip_prefix(self.inner.names.records.as_str())?.to_owned();
        let expected = Some(Revision(next.sequence()));
        // One that is too large without its headers, too, is deleted.
        let value = next.value().filter(|value| value.len() <= MAX_VALUE);
        let mut write = Write::delete(name, expected);
        write.value = value;
        match self.inner.publisher.write_any(write).await {
            Outcome::Acked(_) => {
                tracing::warn!("rewrote a record with unreadable headers");
            }
            // Another one was quicker, or will be.
            other => tracing::debug!(?other, "an unreadable record was not rewritten"),
        }
        None
    }

    fn unmendable(&self, message: &StoredMessage) -> StoreError {
        let (sequence, stream) = (message.sequence(), &self.inner.names.stream);
        StoreError::Other {
            what: format!(
                "message {sequence} of {stream} has a subject that is not UTF-8 and cuts off whoever \
                 watches it: publish to the same subject with the header Nats-TTL: 1s, from a client \
                 that takes any bytes, as `nats pub` does: {:?}",
                message.subject()
            ),
        }
    }
}
