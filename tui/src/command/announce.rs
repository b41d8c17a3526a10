//! `divider announce` and `divider retract`

use std::time::Duration;

use clap::Args;
use divider::Group;
use divider::group::Announcer;
use futures_util::stream;

use crate::exit::{Exit, Failure, Outcome};
use crate::input::{KeyArgs, read_keys};
use crate::output::{Format, answer, answer_json, count};
use crate::progress::Counter;
use crate::shell::Shell;
use crate::span::parse_span;

/// Make keys exist
///
/// A key that exists already stays as it is, and whoever works on it is not disturbed. Of many it
/// shows on a terminal how far it is.
#[derive(Debug, Args)]
pub(crate) struct AnnounceArgs {
    #[command(flatten)]
    keys: KeyArgs,
    /// The keys stop existing by themselves unless they are announced again within this time
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

/// Make keys stop existing: their owners stop with them
#[derive(Debug, Args)]
pub(crate) struct RetractArgs {
    #[command(flatten)]
    keys: KeyArgs,
}

/// `divider.announced.v1`
#[derive(serde::Serialize)]
struct Done<'a> {
    schema: &'static str,
    group: &'a str,
    action: &'a str,
    keys: u64,
}

impl AnnounceArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        if self.ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(Failure::new(Exit::Usage, "--ttl has to be above 0"));
        }
        let keys = read_keys(&self.keys)?;
        let group = shell.open().await?.group;
        let announcer = announcer(&group, Counter::new(shell, "announced", keys.len() as u64));
        let announcer = match self.ttl {
            Some(ttl) => announcer.ttl(ttl),
            None => announcer,
        };
        let acked = announcer.announce(stream::iter(keys)).await?;
        say_done(shell, &group, "announced", acked)
    }
}

impl RetractArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let keys = read_keys(&self.keys)?;
        let group = shell.open().await?.group;
        let announcer = announcer(&group, Counter::new(shell, "retracted", keys.len() as u64));
        let acked = announcer.retract(stream::iter(keys)).await?;
        say_done(shell, &group, "retracted", acked)
    }
}

fn announcer(group: &Group, mut counter: Counter) -> Announcer<'_> {
    group.announcer().on_progress(move |acked| counter.on_progress(acked))
}

fn say_done(shell: &Shell, group: &Group, action: &str, keys: u64) -> Outcome {
    if shell.output.format(&[Format::Plain, Format::Json])? == Format::Json {
        let group = group.name().as_str();
        return answer_json(&Done { schema: "divider.announced.v1", group, action, keys });
    }
    Ok(answer(&format!("{} {action}\n", count(keys, "key")))?)
}
