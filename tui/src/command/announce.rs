//! `divider announce` and `divider retract`

use std::time::Duration;

use clap::Args;
use divider::Group;
use divider::group::{AnnounceError, Announcer};
use divider::store::StoreError;
use futures_util::stream;

use crate::exit::{Exit, Failure, Outcome};
use crate::input::{KeyArgs, read_keys};
use crate::output::{Format, answer, answer_json, count};
use crate::progress::Counter;
use crate::shell::Shell;
use crate::span::parse_span;

/// Announce keys
///
/// A key that already exists stays as it is, and its owner is not interrupted. On a terminal, a
/// long list shows its progress.
#[derive(Debug, Args)]
pub(crate) struct AnnounceArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// The keys expire unless they are announced again within this time
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

/// Retract keys: their owners stop the work
///
/// Exits with 5 if a key does not exist; the other keys are still retracted. Without the right to
/// read the group, missing keys are not detected.
#[derive(Debug, Args)]
pub(crate) struct RetractArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// Exit with 0 even if a key does not exist
    #[arg(long)]
    ignore_missing: bool,
}

/// `divider.announced.v1`
#[derive(serde::Serialize)]
struct Done<'a> {
    schema: &'static str,
    group: &'a str,
    action: &'a str,
    keys: u64,
    /// Those that did not exist; null where that is not known, and of an announcement.
    missing: Option<&'a [String]>,
}

impl AnnounceArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        if self.ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(Failure::new(Exit::Usage, "--ttl must be above 0"));
        }
        let keys = read_keys(&self.keys)?;
        let group = shell.open().await?.group;
        let announcer = announcer(&group, Counter::new(shell, "announced", keys.len() as u64));
        let announcer = match self.ttl {
            Some(ttl) => announcer.ttl(ttl),
            None => announcer,
        };
        let acked = announcer.announce(stream::iter(keys)).await?;
        say_done(shell, &group, "announced", acked, None)
    }
}

impl RetractArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let mut keys = read_keys(&self.keys)?;
        let group = shell.open().await?.group;
        let missing = match group.existing(&keys).await {
            Ok(existing) => {
                let missing = keys.extract_if(.., |key| !existing.contains(key));
                Some(missing.map(|key| key.to_string()).collect::<Vec<_>>())
            }
            Err(AnnounceError::Unread { source: StoreError::Denied { what } }) => {
                let words = "this user may not read, so missing keys are not detected";
                shell.output.say(&format!("{words}: {what}"));
                None
            }
            Err(error) => return Err(error.into()),
        };
        let announcer = announcer(&group, Counter::new(shell, "retracted", keys.len() as u64));
        let acked = announcer.retract(stream::iter(keys)).await?;
        say_done(shell, &group, "retracted", acked, missing.as_deref())?;
        match missing.as_deref() {
            Some([first, more @ ..]) if !self.ignore_missing => Err(unknown(first, more.len())),
            _ => Ok(()),
        }
    }
}

fn unknown(first: &str, more: usize) -> Failure {
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let hint = "if a record in the log has this name, `divider repair` removes it";
    Failure::new(Exit::NotFound, format!("no such key: {first}{more}; {hint}"))
}

fn announcer(group: &Group, mut counter: Counter) -> Announcer<'_> {
    group.announcer().on_progress(move |acked| counter.on_progress(acked))
}

fn say_done(
    shell: &Shell,
    group: &Group,
    action: &str,
    keys: u64,
    missing: Option<&[String]>,
) -> Outcome {
    if shell.output.format(&[Format::Plain, Format::Json])? == Format::Json {
        let group = group.name().as_str();
        return answer_json(&Done { schema: "divider.announced.v1", group, action, keys, missing });
    }
    Ok(answer(&format!("{} {action}\n", count(keys, "key")))?)
}
