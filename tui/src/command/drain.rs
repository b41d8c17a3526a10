//! `divider drain`

use std::time::Duration;

use clap::{Args, ValueEnum};
use divider::NodeId;
use divider::group::{DrainOptions, GroupWatch, OnDeadline};
use divider::snapshot::{DrainPreview, Link};
use tokio::time::Instant;

use crate::cli::Signed;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{answer, count, plain, table, tell};
use crate::progress::Progress;
use crate::shell::Shell;
use crate::span::parse_span;

/// Move everything off nodes, and wait until it is done
///
/// A node is drained when no key names it any more, it says that it stops nothing, and what it had
/// has live owners. It gets nothing new until `divider resume`, also after a restart. The drain goes
/// on by itself if this command is stopped; the same command again waits for it.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// The nodes; of several, none gets another's keys
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<NodeId>,
    /// Say what would move where, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until it is done
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
    /// After this it has failed, as 1h; without it, it takes as long as it takes
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    deadline: Option<Duration>,
    /// What becomes of keys that nobody else may take, at the deadline
    #[arg(long, value_name = "WHAT", default_value = "keep", requires = "deadline")]
    on_deadline: OnDeadlineArg,
    /// How many keys of a node may be on their way at a time; 0: all
    #[arg(long, value_name = "N", default_value_t = 256)]
    parallel: u32,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnDeadlineArg {
    /// They keep running, and the drain has failed
    Keep,
    /// They are stopped, and nobody has them
    Free,
}

impl From<OnDeadlineArg> for OnDeadline {
    fn from(then: OnDeadlineArg) -> Self {
        match then {
            OnDeadlineArg::Keep => Self::Keep,
            OnDeadlineArg::Free => Self::Free,
        }
    }
}

impl DrainArgs {
    /// Drains the nodes.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        // Watched from before the drain: only then is it seen whom each key came from.
        let mut watch = group.watch();
        read_all(&mut watch).await?;
        let preview = watch.preview_drain(&self.nodes)?;
        tell_plan(&preview);
        if self.dry_run {
            return answer_moves(&preview);
        }
        let begun = Instant::now();
        group.drain(&self.nodes, &self.options(&preview)).await?;
        if !self.detach {
            self.wait(&mut watch, begun).await?;
        }
        watch.close().await;
        Ok(())
    }
}

impl DrainArgs {
    fn options(&self, preview: &DrainPreview) -> DrainOptions {
        let options = DrainOptions::new()
            .on_deadline(self.on_deadline.into())
            .parallel(self.parallel)
            .planned(preview.revision)
            .why(self.signed.why());
        match self.deadline {
            Some(span) => options.deadline(span),
            None => options,
        }
    }

    /// Waits until all nodes are drained, and says which are.
    async fn wait(&self, watch: &mut GroupWatch, begun: Instant) -> Outcome {
        // What is freed at the deadline is handed over only after it.
        let keep = self.on_deadline == OnDeadlineArg::Keep;
        let deadline = self.deadline.filter(|_| keep).map(|span| begun + span);
        let mut progress = Progress::new(self.nodes.clone());
        loop {
            let update = match deadline {
                None => watch.next().await,
                Some(at) => match tokio::time::timeout_at(at, watch.next()).await {
                    Ok(update) => update,
                    Err(_) => {
                        return Err(Failure::new(Exit::KeysLeft, progress.left(watch.snapshot())));
                    }
                },
            };
            if progress.on_update(&update)? {
                return Ok(());
            }
        }
    }
}

/// Reads the group once through.
async fn read_all(watch: &mut GroupWatch) -> Outcome {
    loop {
        let update = watch.next().await;
        if update.snapshot.is_complete() {
            return Ok(());
        }
        if let Link::Lost { error, attempts: ATTEMPTS.., .. } = update.link {
            return Err(error.into());
        }
    }
}

/// How often the group is tried to be read before anything is changed.
const ATTEMPTS: u32 = 8;

fn tell_plan(preview: &DrainPreview) {
    let moves = preview.moves.len() as u64 - preview.without_receiver;
    let receivers = preview.receivers.len() as u64;
    let revision = preview.revision.0;
    tell(&format!(
        "plan: {} to {} (revision {revision})",
        count(moves, "key"),
        count(receivers, "node")
    ));
    if preview.without_receiver > 0 {
        let keys = count(preview.without_receiver, "key");
        tell(&format!("nobody else may take {keys}: what is left so keeps running where it is"));
    }
}

fn answer_moves(preview: &DrainPreview) -> Outcome {
    let line = |to: &Option<NodeId>| to.as_ref().map_or("-", NodeId::as_str).to_owned();
    let rows: Vec<_> = preview
        .moves
        .iter()
        .map(|m| [plain(m.key.as_str()), m.from.to_string(), line(&m.to)])
        .collect();
    answer(&table(["KEY", "FROM", "TO"], &rows))?;
    Ok(())
}
