//! `divider watch`

use std::time::Duration;

use clap::Args;
use divider::Revision;
use divider::snapshot::{Changed, Snapshot, Update};
use tokio::time::Instant;

use crate::contract::{Event, Happening, Viewer};
use crate::exit::Outcome;
use crate::glob::is_meant;
use crate::look::Look;
use crate::output::{Format, answer, answer_json_line, is_read};
use crate::shell::Shell;
use crate::span::parse_span;

/// Print each change on one line
///
/// First the current state, then `synced`, then each change, until Ctrl-C. It reports a lost
/// connection and reconnects.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Kinds of events to print, separated by commas; default: all
    #[arg(value_name = "WHAT", value_delimiter = ',', value_enum)]
    what: Vec<Happening>,
    /// Only keys that match this pattern, as in `divider keys`
    #[arg(long, value_name = "GLOB")]
    key: Option<String>,
    /// Skip the current state
    #[arg(long, conflicts_with = "since")]
    updates: bool,
    /// Of the current state, print only records newer than this revision
    #[arg(long, value_name = "REV")]
    since: Option<u64>,
    /// Exit after this many changes
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Exit after this time
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span)]
    span: Option<Duration>,
}

/// What was written so far.
struct Log<'a> {
    args: &'a WatchArgs,
    as_json: bool,
    shell: &'a Shell,
    left: Option<u64>,
}

impl WatchArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&[Format::Plain, Format::Jsonl, Format::Json])?;
        let end = self.span.map(|span| Instant::now() + span);
        let opened = shell.open().await?;
        let mut watch = opened.group.watch();
        let Look { snapshot, viewer } = Look::first(&mut watch).await?;
        let as_json = format != Format::Plain;
        let mut log = Log { args: &self, as_json, shell, left: self.count };
        log.on_first(&snapshot, &viewer)?;
        let (mut before, mut lost) = (snapshot, false);
        while log.left != Some(0) && is_read() {
            let update = match end {
                None => watch.next().await,
                Some(end) => match tokio::time::timeout_at(end, watch.next()).await {
                    Ok(update) => update,
                    Err(_) => break,
                },
            };
            log.on_link(&update, &viewer, &mut lost)?;
            if update.snapshot.is_complete() {
                let Update { snapshot, changed, .. } = update;
                let viewer = viewer.later();
                for event in Event::between(&before, &snapshot, &changed, &viewer) {
                    log.write_change(&event)?;
                }
                before = snapshot;
            }
        }
        watch.close().await;
        Ok(())
    }
}

impl Log<'_> {
    /// What there is, as if it had just happened, and that this was all.
    fn on_first(&self, snapshot: &Snapshot, viewer: &Viewer) -> Outcome {
        if !self.args.updates {
            let since = Revision(self.args.since.unwrap_or_default());
            let mut changed = Changed::default();
            let nodes = snapshot.nodes().filter(|node| {
                let desired =
                    node.desired.as_ref().map_or(Revision::NONE, |desired| desired.revision);
                since == Revision::NONE || node.joined.max(desired) > since
            });
            changed.nodes = nodes.map(|node| node.node.clone()).collect();
            let is_new = |revision| since == Revision::NONE || revision > since;
            let keys = snapshot.keys().filter(|(_, key)| is_new(key.revision));
            changed.keys = keys.map(|(key, _)| key.clone()).collect();
            changed.problems = true;
            let nothing =
                Snapshot::builder(snapshot.group().clone(), Revision::NONE, snapshot.taken());
            for event in Event::between(&nothing.build(), snapshot, &changed, viewer) {
                if self.means(&event) {
                    self.write(&event)?;
                }
            }
        }
        self.write(&Event::new("synced", Happening::Watch, (snapshot, viewer)))
    }

    fn on_link(&self, update: &Update, viewer: &Viewer, lost: &mut bool) -> Outcome {
        let before = *lost;
        self.shell.say_link(&update.link, lost);
        if before == *lost {
            return Ok(());
        }
        let what = if *lost { "watch.lost" } else { "watch.live" };
        self.write(&Event::new(what, Happening::Watch, (&update.snapshot, &viewer.later())))
    }

    fn write_change(&mut self, event: &Event) -> Outcome {
        if self.left == Some(0) || !self.means(event) {
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        self.write(event)
    }

    fn means(&self, event: &Event) -> bool {
        let (what, about) = (&self.args.what, event.about);
        let is_asked = what.is_empty() || what.contains(&about) || about == Happening::Watch;
        let pattern = self.args.key.as_deref();
        let has_key = |pattern| event.key.as_ref().is_some_and(|key| is_meant(pattern, key));
        is_asked && pattern.is_none_or(|pattern| event.key.is_none() || has_key(pattern))
    }

    fn write(&self, event: &Event) -> Outcome {
        if self.as_json {
            return answer_json_line(event);
        }
        Ok(answer(&(self.shell.output.plain(&event.line()) + "\n"))?)
    }
}
