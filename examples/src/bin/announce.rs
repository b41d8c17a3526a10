//! Makes keys exist, or stop existing: from the command line, a file or standard input.
//!
//! ```text
//! cargo run --bin announce -- --create /orders/1 /orders/2
//! seq -f /orders/%.0f 100000 | cargo run --release --bin announce -- -
//! cargo run --bin announce -- --retract --file keys.txt
//! ```
//!
//! Any client in any language can do the same without this library, by publishing an empty message
//! to `divider.<group>.key.<key>`.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use divider::group::AnnounceError;
use divider::{Group, Key};
use divider_examples::cli::{Place, exit_code};
use divider_examples::span::parse_span;
use futures_util::stream;
use tokio::time::Instant;

/// Announce keys, or retract them
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    /// Retract the keys
    #[arg(long)]
    retract: bool,
    /// The keys expire unless they are announced again within this time, such as 30s
    #[arg(long, value_name = "SPAN", value_parser = parse_span, conflicts_with = "retract")]
    ttl: Option<Duration>,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Keys {
    /// The keys; `-` reads one key from each line of standard input
    #[arg(value_name = "KEY")]
    given: Vec<Key>,
    /// A file with one key on each line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(announce(Args::parse()).await)
}

async fn announce(args: Args) -> Result<(), Box<dyn Error>> {
    // All are read before any is announced: a line that is no key changes nothing.
    let keys = args.keys.read()?;
    let total = keys.len() as u64;
    let group = Group::open(args.place.open().await?);
    let begun = Instant::now();
    let mut announcer = group.announcer().on_progress(progress(total));
    if let Some(ttl) = args.ttl {
        announcer = announcer.ttl(ttl);
    }
    let keys = stream::iter(keys);
    let done =
        if args.retract { announcer.retract(keys).await } else { announcer.announce(keys).await };
    let acked = match &done {
        Ok(acked) | Err(AnnounceError::NotTaken { acked, .. }) => *acked,
        Err(_) => 0,
    };
    let what = if args.retract { "retractions" } else { "announcements" };
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{acked} of {total} {what} acknowledged in {took:.2} s");
    done?;
    Ok(())
}

impl Keys {
    fn read(self) -> Result<Vec<Key>, Box<dyn Error>> {
        let lines = match &self.file {
            Some(path) => {
                fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
            }
            None if self.given.iter().map(Key::as_str).eq(["-"]) => io::read_to_string(io::stdin())
                .map_err(|error| format!("standard input: {error}"))?,
            None => return Ok(self.given),
        };
        let numbered = lines.lines().enumerate().filter(|(_, line)| !line.is_empty());
        let keys = numbered.map(|(index, line)| {
            Key::new(line).map_err(|error| format!("line {}: {error}", index + 1).into())
        });
        keys.collect()
    }
}

/// Draws a bar each time another hundredth is done, if anybody looks.
fn progress(total: u64) -> impl FnMut(u64) + Send {
    let mut drawn = if io::stderr().is_terminal() { 0 } else { u64::MAX };
    move |acked| {
        let percent = acked * 100 / total.max(1);
        if percent <= drawn {
            return;
        }
        drawn = percent;
        let bar = "=".repeat(usize::try_from(percent / 4).unwrap_or(0));
        let end = if percent == 100 { "\n" } else { "" };
        // A terminal that is gone is no reason to stop.
        let _ = write!(io::stderr(), "\r[{bar:<25}] {percent:>3} % of {total}{end}");
    }
}
