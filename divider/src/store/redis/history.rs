//! The history of a group.

use bytes::Bytes;

use super::super::{HistoryRecord, HistoryStart, StoreError};
use super::error::Failure;
use super::link::Link;
use super::record::{data, list, number, unexpected};
use super::script;

/// How many entries are kept, about.
const KEPT: &[u8] = b"10000";

/// How many entries one request asks for.
const AT_ONCE: &[u8] = b"500";

/// The most requests for one history: more than it has entries.
const MOST_REQUESTS: usize = 1000;

pub(super) async fn append(link: Link, id: String, entry: Bytes) -> Result<(), StoreError> {
    let args = [id.as_bytes(), &entry, KEPT];
    let appended = link.eval(&script::HISTORY_APPEND, &link.keys().history_append(), &args).await;
    appended.map(drop).map_err(Failure::into_error)
}

pub(super) async fn read(link: Link, from: HistoryStart) -> Result<Vec<HistoryRecord>, StoreError> {
    let (mut after, ago) = match from {
        HistoryStart::After(number) => (number, String::new()),
        HistoryStart::Ago(span) => (0, span.as_millis().to_string()),
    };
    let mut entries = Vec::new();
    for _ in 0..MOST_REQUESTS {
        let text = after.to_string();
        let args = [text.as_bytes(), ago.as_bytes(), AT_ONCE];
        let answer = link.eval(&script::HISTORY_READ, &link.keys().history_read(), &args).await;
        let mut values = list(answer.map_err(Failure::into_error)?)?.into_iter();
        let mut value = || values.next().ok_or_else(|| unexpected("a history that is cut off"));
        let (seen, ended) = (value()?, value()?);
        while let (Some(of), Some(at), Some(entry)) = (values.next(), values.next(), values.next())
        {
            let value = Bytes::copy_from_slice(data(&entry)?);
            entries.push(HistoryRecord::new(number(&of)?, number(&at)?, value));
        }
        after = number(&seen)?;
        if number(&ended)? == 1 {
            break;
        }
    }
    Ok(entries)
}
