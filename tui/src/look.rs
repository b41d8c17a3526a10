//! Looking at a group: once, again and again, or in a file.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use divider::group::GroupWatch;
use divider::snapshot::{Changed, Link, NodeState, NodeStatus, Snapshot};
use divider::store::StoreError;
use tokio::time::Instant;

use crate::contract::{Export, Viewer};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{answer, date_time, is_read};
use crate::shell::Shell;
use crate::span::parse_span;

/// Where a list comes from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FromArgs {
    /// Read a file that `divider export` wrote, instead of the group; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

/// How often a list is written.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EveryArgs {
    /// Keep watching, and print again at this interval
    #[arg(long, value_name = "SPAN", value_parser = parse_every, conflicts_with = "from")]
    pub(crate) watch: Option<Duration>,
    /// Keep watching, and print again every second
    #[arg(short = 'w', long, conflicts_with_all = ["watch", "from"])]
    pub(crate) live: bool,
    /// First listen until each node has sent a heartbeat or is late: at most about a quarter of the
    /// longest lease
    #[arg(long, conflicts_with = "from")]
    pub(crate) listen: bool,
}

/// A group as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) snapshot: Snapshot,
    pub(crate) viewer: Viewer,
}

/// How often a group is tried to be read before it is given up.
const ATTEMPTS: u32 = 8;

/// How often a live list is printed.
const LIVE: Duration = Duration::from_secs(1);

/// How much longer than it should take a heartbeat is waited for.
const SLACK: Duration = Duration::from_secs(1);

impl Shell {
    /// Looks once, at the group or into a file.
    pub(crate) async fn look(&self, from: &FromArgs) -> Result<Look, Failure> {
        if let Some(file) = &from.from {
            return read(file);
        }
        let mut watch = self.open().await?.group.watch();
        let look = Look::first(&mut watch).await?;
        watch.close().await;
        Ok(look)
    }

    /// Looks once, or again and again, and has each look shown.
    pub(crate) async fn look_every(
        &self,
        from: &FromArgs,
        every: &EveryArgs,
        mut show: impl FnMut(&Look) -> Outcome,
    ) -> Outcome {
        if let Some(file) = &from.from {
            let look = read(file)?;
            self.say_when(&look);
            return show(&look);
        }
        let mut watch = self.open().await?.group.watch();
        let first = every.first(&mut watch).await?;
        self.repeat(watch, first, every, |look, changed| match changed {
            None => show(look),
            Some(_) => Ok(()),
        })
        .await
    }

    /// Says when a file was written.
    pub(crate) fn say_when(&self, look: &Look) {
        let at = date_time(look.viewer.anchor.unix_ms());
        self.output.say(&format!("as of {at} UTC"));
    }

    /// Has a look shown, once or again and again. Between, every change is told first.
    pub(crate) async fn repeat(
        &self,
        mut watch: GroupWatch,
        mut look: Look,
        every: &EveryArgs,
        mut on: impl FnMut(&Look, Option<&Changed>) -> Outcome,
    ) -> Outcome {
        let Some(every) = every.watch.or(every.live.then_some(LIVE)) else {
            on(&look, None)?;
            watch.close().await;
            return Ok(());
        };
        let mut ticks = tokio::time::interval(every);
        let mut lost = false;
        while is_read() {
            tokio::select! {
                _ = ticks.tick() => {
                    if stdout().is_terminal() {
                        // To the first line, and everything below it away.
                        answer("\u{1b}[H\u{1b}[J")?;
                    }
                    look.viewer = look.viewer.later();
                    on(&look, None)?;
                }
                update = watch.next() => {
                    self.say_link(&update.link, &mut lost);
                    look = Look { snapshot: update.snapshot, viewer: look.viewer.later() };
                    on(&look, Some(&update.changed))?;
                }
            }
        }
        watch.close().await;
        Ok(())
    }

    /// Says that the store is lost or back, each once.
    pub(crate) fn say_link(&self, link: &Link, lost: &mut bool) {
        match link {
            Link::Lost { error, .. } if !*lost => {
                *lost = true;
                self.output.say(&format!("connection lost, retrying: {error}"));
            }
            Link::Silent { .. } if !*lost => {
                *lost = true;
                self.output.say("the server does not answer; nothing is judged meanwhile");
            }
            Link::Live if *lost => {
                *lost = false;
                self.output.say("connected again");
            }
            _ => {}
        }
    }
}

impl EveryArgs {
    /// The first look.
    pub(crate) async fn first(&self, watch: &mut GroupWatch) -> Result<Look, Failure> {
        if self.listen { Look::listened(watch).await } else { Look::first(watch).await }
    }
}

impl Look {
    /// Reads the group once through.
    pub(crate) async fn first(watch: &mut GroupWatch) -> Result<Self, Failure> {
        loop {
            let update = watch.next().await;
            if update.snapshot.is_complete() {
                let viewer = Viewer::of_first(&update.snapshot);
                return Ok(Self { snapshot: update.snapshot, viewer });
            }
            if let Link::Lost { error, attempts, .. } = update.link
                && (attempts >= ATTEMPTS || is_final(&error))
            {
                return Err(error.into());
            }
        }
    }
}

impl Look {
    /// Reads the group, and listens until each node has been heard or is late: at most a little more
    /// than a heartbeat and a half of the slowest.
    pub(crate) async fn listened(watch: &mut GroupWatch) -> Result<Self, Failure> {
        let mut look = Self::first(watch).await?;
        let longest = look.snapshot.nodes().map(|node| node.lease).max().unwrap_or_default();
        let end = Instant::now() + longest / 4 + SLACK;
        while look.snapshot.nodes().any(|node| look.waits_for(node)) {
            match tokio::time::timeout_at(end, watch.next()).await {
                // One that is read again is not judged.
                Ok(update) if !update.snapshot.is_complete() => {}
                Ok(update) => look.snapshot = update.snapshot,
                Err(_) => break,
            }
        }
        Ok(Self { viewer: look.viewer.later(), ..look })
    }

    fn waits_for(&self, node: &NodeStatus) -> bool {
        let is_judged = matches!(node.state, NodeState::Late | NodeState::Lost | NodeState::Absent);
        !is_judged && node.last_beat.is_none_or(|beat| self.viewer.seen(beat).is_none())
    }
}

/// Whether trying again cannot help.
fn is_final(error: &StoreError) -> bool {
    matches!(error, StoreError::NoGroup { .. } | StoreError::Denied { .. })
}

/// Reads a file that `export` wrote.
pub(crate) fn read(file: &Path) -> Result<Look, Failure> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let failed = |error: String| {
        Failure::new(Exit::Failed, format!("cannot read the file {}: {error}", file.display()))
    };
    let text = text.map_err(|error| failed(error.to_string()))?;
    let (snapshot, viewer) = Export::read(&text).map_err(failed)?;
    Ok(Look { snapshot, viewer })
}

fn parse_every(text: &str) -> Result<Duration, String> {
    // As the `watch` command has it, a bare number is seconds.
    let bare = text.parse().map(Duration::from_secs).ok();
    let span = bare.map_or_else(|| parse_span(text), Ok)?;
    if span < Duration::from_millis(100) {
        return Err("expected at least 100ms".to_owned());
    }
    Ok(span)
}
