//! Checkpoints: a hash for each key.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::Value;

use super::super::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, Outcome, Position,
    StoreError, whole_seconds,
};
use super::error::Failure;
use super::link::Link;
use super::record::{data, list, number, parts, unexpected};
use super::script;
use crate::id::{Revision, Token};
use crate::key::Key;

pub(super) struct RedisCheckpoints {
    link: Link,
}

impl RedisCheckpoints {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }
}

impl fmt::Debug for RedisCheckpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCheckpoints").field("servers", &self.link.servers()).finish()
    }
}

impl Checkpoints for RedisCheckpoints {
    fn request_timeout(&self) -> Duration {
        self.link.timeout()
    }

    fn read(&self, key: &Key) -> BoxFuture<'static, Result<Option<CheckpointRecord>, StoreError>> {
        let (link, key) = (self.link.clone(), self.link.keys().state(key));
        Box::pin(async move {
            let answer = link.eval(&script::STATE_READ, &[link.keys().log(), &key], &[]).await;
            let answer = list(answer.map_err(Failure::into_error)?)?;
            if answer.is_empty() { Ok(None) } else { record(answer).map(Some) }
        })
    }

    fn write(&self, write: CheckpointWrite) -> BoxFuture<'static, Outcome> {
        let link = self.link.clone();
        Box::pin(async move {
            match write_to(&link, &write).await {
                Ok(0) => Outcome::Conflict,
                Ok(revision) => Outcome::Acked(Revision(revision)),
                Err(Failure::Refused(error)) => Outcome::Refused(error),
                Err(Failure::Unknown(error)) => Outcome::Unknown(error),
            }
        })
    }
}

async fn write_to(link: &Link, write: &CheckpointWrite) -> Result<u64, Failure> {
    let (value, positions, kind): (&[u8], _, &[u8]) = match &write.content {
        None => (b"", String::new(), b""),
        Some(CheckpointContent { value, positions, .. }) => {
            let kind: &[u8] = if value.is_some() { b"1" } else { b"0" };
            (value.as_deref().unwrap_or_default(), encode(positions), kind)
        }
    };
    let (expected, token) = (write.expected.0.to_string(), write.token.0.to_string());
    let ms = |ttl| (whole_seconds(ttl).as_secs().min(MOST_SECONDS) * 1000).to_string();
    let ttl = write.ttl.map_or_else(|| "0".to_owned(), ms);
    let texts = [expected.as_bytes(), token.as_bytes(), value, positions.as_bytes(), kind];
    let args: Vec<&[u8]> = texts.into_iter().chain([ttl.as_bytes()]).collect();
    let key = link.keys().state(&write.key);
    let answer = link.eval(&script::STATE_WRITE, &[link.keys().log(), &key], &args).await?;
    number(&answer).map_err(Failure::Unknown)
}

/// The longest time to live: about 300 years, which Redis can add to its clock.
const MOST_SECONDS: u64 = 9_000_000_000;

fn encode(positions: &[Position]) -> String {
    positions.iter().map(Position::line).collect::<Vec<_>>().join("\n")
}

fn record(answer: Vec<Value>) -> Result<CheckpointRecord, StoreError> {
    let [revision, token, value, positions, kind] = parts(Value::Array(answer))?;
    let (revision, token) = (Revision(number(&revision)?), Token(number(&token)?));
    let value = match data(&kind)? {
        b"" => return Ok(CheckpointRecord::new(revision, token, None)),
        b"1" => Some(Bytes::copy_from_slice(data(&value)?)),
        _ => None,
    };
    let text = String::from_utf8_lossy(data(&positions)?);
    let positions = text.lines().map(Position::of_line).collect::<Option<Vec<_>>>();
    let positions = positions.ok_or_else(|| unexpected(&format!("positions {text:?}")))?;
    let content = CheckpointContent::new(value, positions);
    Ok(CheckpointRecord::new(revision, token, Some(content)))
}
