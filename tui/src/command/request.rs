//! `divider request`

use std::io::Read;
use std::time::Duration;

use clap::Args;
use divider::Key;
use divider::requests::{Reply, RequestError};
use serde::Serialize;

use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, answer_bytes, answer_json};
use crate::shell::Shell;
use crate::span::parse_span;

/// Send a request to the owner of a key, and print its reply
///
/// The node that owns the key has to serve requests. While the key has no owner or moves, the
/// command waits for one, until the deadline.
///
/// Exits with 5 if no owner accepted the request; it was not carried out then. Exits with 1 if an
/// owner may have carried it out without a reply.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// The key
    #[arg(value_name = "KEY", add = crate::complete::keys())]
    key: String,
    /// The payload; - reads it from standard input
    #[arg(value_name = "PAYLOAD", default_value = "", hide_default_value = true)]
    payload: String,
    /// How long to wait for the reply
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "5s")]
    deadline: Duration,
    /// The owner may carry it out more than once: send it again if there is no reply
    #[arg(long)]
    idempotent: bool,
}

/// `divider.reply.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    group: &'a str,
    key: &'a str,
    /// The fencing token of the owner; null if it sent none.
    token: Option<u64>,
    /// The payload, if it is UTF-8.
    text: Option<&'a str>,
    /// The payload in hexadecimal, if it is not UTF-8.
    hex: Option<String>,
}

impl RequestArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&[Format::Plain, Format::Json])?;
        let key = Key::new(&self.key).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
        let payload = if self.payload == "-" { read_input()? } else { self.payload.into_bytes() };
        let group = shell.open().await?.group;
        let request = group.request(&key, payload);
        let reply = request.deadline(self.deadline).idempotent(self.idempotent).await;
        let reply = reply.map_err(|error| failure(&error))?;
        if format == Format::Json {
            return answer_json(&document(group.name().as_str(), &key, &reply));
        }
        Ok(answer_bytes(reply.payload())?)
    }
}

fn document<'a>(group: &'a str, key: &'a Key, reply: &'a Reply) -> Document<'a> {
    let text = std::str::from_utf8(reply.payload()).ok();
    Document {
        schema: "divider.reply.v1",
        group,
        key: key.as_str(),
        token: reply.token().map(|token| token.0),
        text,
        hex: text.is_none().then(|| hex(reply.payload())),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("it is below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn read_input() -> Result<Vec<u8>, Failure> {
    let mut payload = Vec::new();
    std::io::stdin().lock().read_to_end(&mut payload)?;
    Ok(payload)
}

fn failure(error: &RequestError) -> Failure {
    let exit = match error {
        RequestError::NoOwner { .. } => Exit::NotFound,
        RequestError::TooLarge { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, crate::output::chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
