//! Many writes at once, never too many.

use std::pin::pin;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};

use crate::key::Key;
use crate::store::StoreError;

/// How many writes may be unanswered, unless said: enough to keep a server on the same continent
/// busy, little enough to have in doubt after a crash.
pub(super) const WINDOW: usize = 1000;

/// A key that the store did not take, and what it said.
pub(super) struct Failed {
    pub(super) key: Key,
    pub(super) source: StoreError,
}

/// Carries out the writes of a stream, a window of them at a time, and hands each result to `done`.
///
/// After a failure no further write is begun, and those that were are waited for; the failure of the
/// first in the stream's order is the one returned.
pub(super) async fn pipelined<T>(
    writes: impl Stream<Item = impl Future<Output = Result<T, Failed>>>,
    window: usize,
    mut done: impl FnMut(T),
) -> Result<(), Failed> {
    let mut writes = pin!(writes.enumerate());
    let mut on_their_way = FuturesUnordered::new();
    let (mut first, mut open) = (None::<(usize, Failed)>, true);
    loop {
        tokio::select! {
            biased;
            Some((at, result)) = on_their_way.next() => match result {
                Ok(result) => done(result),
                Err(failed) => {
                    open = false;
                    if first.as_ref().is_none_or(|(before, _)| at < *before) {
                        first = Some((at, failed));
                    }
                }
            },
            write = writes.next(), if open && on_their_way.len() < window => match write {
                Some((at, write)) => on_their_way.push(async move { (at, write.await) }),
                None => open = false,
            },
            else => break,
        }
    }
    first.map_or(Ok(()), |(_, failed)| Err(failed))
}
