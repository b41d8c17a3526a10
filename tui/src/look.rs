//! Looking at a group: once, again and again, or in a file.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use divider::group::GroupWatch;
use divider::snapshot::{Link, Snapshot};
use divider::store::StoreError;

use crate::contract::{Export, Viewer};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::answer;
use crate::shell::Shell;
use crate::span::parse_span;

/// Where a list comes from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FromArgs {
    /// Read a file that `divider export` wrote, in place of the group; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

/// How often a list is written.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EveryArgs {
    /// Go on watching, and write it again each time this has passed
    #[arg(long, value_name = "SPAN", value_parser = parse_every, conflicts_with = "from")]
    pub(crate) watch: Option<Duration>,
}

/// A group as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) snapshot: Snapshot,
    pub(crate) viewer: Viewer,
}

/// How often a group is tried to be read before it is given up.
const ATTEMPTS: u32 = 8;

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
        let Some(every) = every.watch else { return show(&self.look(from).await?) };
        let opened = self.open().await?;
        let mut watch = opened.group.watch();
        let mut look = Look::first(&mut watch).await?;
        let mut ticks = tokio::time::interval(every);
        let mut lost = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    if stdout().is_terminal() {
                        // To the first line, and everything below it away.
                        answer("\u{1b}[H\u{1b}[J")?;
                    }
                    look.viewer = look.viewer.later();
                    show(&look)?;
                }
                update = watch.next() => {
                    self.say_link(&update.link, &mut lost);
                    look.snapshot = update.snapshot;
                }
            }
        }
    }

    /// Says that the store is lost or back, each once.
    pub(crate) fn say_link(&self, link: &Link, lost: &mut bool) {
        match link {
            Link::Lost { error, .. } if !*lost => {
                *lost = true;
                self.output.say(&format!("lost the store, trying again: {error}"));
            }
            Link::Live if *lost => {
                *lost = false;
                self.output.say("the store is back");
            }
            _ => {}
        }
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
        Failure::new(Exit::Failed, format!("cannot read the file: {}: {error}", file.display()))
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
