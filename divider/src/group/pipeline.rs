//! Many concurrent writes, up to a limit.

use std::pin::pin;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};

use crate::key::Key;
use crate::store::StoreError;

/// The default limit of writes without an answer. It keeps a server on the same continent busy, and
/// limits how many outcomes are unknown after a crash.
pub(super) const WINDOW: usize = 1000;

/// A key that the store did not accept, and the error.
pub(super) struct Failed {
    pub(super) key: Key,
    pub(super) source: StoreError,
}

/// Runs the writes of a stream, up to `window` at a time, and passes each result to `done`.
///
/// After a failure no further write starts, and the ones on their way are awaited. The error returned
/// is that of the first failed write in the order of the stream.
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
