//! A batch of writes, as one script.

use redis::Value;

use super::super::{Outcome, StoreError, Write, whole_seconds};
use super::error::Failure;
use super::link::{Link, Live};
use super::record::{list, unexpected};
use super::script;
use crate::id::Revision;

/// How many changes the server keeps for watches that lag. One that lags more reads the records.
const KEPT_CHANGES: &[u8] = b"10000";

/// Carries out writes that were checked, in their order: an outcome for each.
pub(super) async fn carry_out(link: &Link, live: Live, writes: Vec<Write>) -> Vec<Outcome> {
    let texts: Vec<Texts> = writes.iter().map(Texts::new).collect();
    let mut args: Vec<&[u8]> = Vec::with_capacity(1 + writes.len() * 6);
    args.push(KEPT_CHANGES);
    for (write, texts) in writes.iter().zip(&texts) {
        args.push(write.name.as_bytes());
        args.push(write.value.as_deref().unwrap_or_default());
        args.push(if write.value.is_some() { b"1" } else { b"0" });
        args.extend([texts.expected.as_bytes(), texts.ttl.as_bytes(), texts.holds.as_bytes()]);
    }
    match link.eval_on(live, &script::WRITE, &link.keys().write(), &args).await {
        Ok(answer) => outcomes(link, answer, writes.len()),
        Err(Failure::Refused(error)) => vec![Outcome::Refused(error); writes.len()],
        Err(Failure::Unknown(error)) => vec![Outcome::Unknown(error); writes.len()],
    }
}

/// The numbers of a write.
struct Texts {
    expected: String,
    ttl: String,
    holds: String,
}

impl Texts {
    fn new(write: &Write) -> Self {
        let seconds = |span| whole_seconds(span).as_secs().to_string();
        Self {
            expected: write.expected.map(|revision| revision.0.to_string()).unwrap_or_default(),
            ttl: write.ttl.map_or_else(|| "0".to_owned(), seconds),
            holds: write.expires_in.map(seconds).unwrap_or_default(),
        }
    }
}

fn outcomes(link: &Link, answer: Value, count: usize) -> Vec<Outcome> {
    let outcome = |value| match value {
        Value::Int(0) => Outcome::Conflict,
        Value::Int(-1) => {
            let what = "Redis has no memory left, raise maxmemory".to_owned();
            Outcome::Refused(StoreError::Full { what })
        }
        Value::Int(revision) => match u64::try_from(revision) {
            Ok(revision) => {
                link.saw(revision);
                Outcome::Acked(Revision(revision))
            }
            Err(_) => Outcome::Unknown(unexpected(&format!("revision {revision}"))),
        },
        other => Outcome::Unknown(unexpected(&format!("{other:?}"))),
    };
    let answers = list(answer).unwrap_or_default();
    if answers.len() != count {
        let what = format!("{} answers for {count} writes", answers.len());
        return vec![Outcome::Unknown(unexpected(&what)); count];
    }
    answers.into_iter().map(outcome).collect()
}
