//! `divider reconcile`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::exit::Outcome;
use crate::input::read_lines;
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// Make the keys under a prefix exactly those of a list
///
/// Announces those that do not exist, and retracts those that exist and are not listed. An empty list
/// retracts everything under the prefix. A key that somebody announces meanwhile stays.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// What the keys begin with; "" stands for all keys of the group
    #[arg(long, value_name = "TEXT")]
    prefix: String,
    /// The list, one key a line; - for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// `divider.reconciled.v1`
#[derive(Serialize)]
struct Reconciled<'a> {
    schema: &'static str,
    group: &'a str,
    dry_run: bool,
    announced: u64,
    retracted: u64,
    /// Keys that were to be retracted and were announced again meanwhile.
    kept: u64,
    /// Which they are; only of what would be done.
    keys: &'a [Change],
}

#[derive(Serialize)]
struct Change {
    key: String,
    action: &'static str,
}

const COLUMNS: &[Column<Change>] = &[
    Column::new("KEY", |change| change.key.clone()),
    Column::new("ACTION", |change| change.action.to_owned()),
];

impl ReconcileArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let is_json = shell.output.format(&[Format::Table, Format::Json])? == Format::Json;
        let wanted = read_lines(&self.file)?;
        let group = shell.open().await?.group;
        let difference = group.difference(&self.prefix, wanted).await?;
        let missing = difference.missing().iter().map(|key| (key, "announce"));
        let changes = missing.chain(difference.extra().map(|key| (key, "retract")));
        let mut done = Reconciled {
            schema: "divider.reconciled.v1",
            group: group.name().as_str(),
            dry_run: self.dry_run,
            announced: difference.missing().len() as u64,
            retracted: difference.extra().len() as u64,
            kept: 0,
            keys: &[],
        };
        let changes: Vec<_> =
            changes.map(|(key, action)| Change { key: key.to_string(), action }).collect();
        if self.dry_run {
            done.keys = &changes;
            if !is_json {
                let list = List { columns: COLUMNS, rows: &changes, kind: "key" };
                answer(&shell.output.table(&list, |_| true))?;
                let (new, old) = (count(done.announced, "key"), count(done.retracted, "key"));
                shell.output.say(&format!("{new} to announce, {old} to retract"));
                return Ok(());
            }
            return answer_json(&done);
        }
        let applied = group.apply(&difference).await?;
        (done.announced, done.retracted) = (applied.announced, applied.retracted);
        done.kept = applied.kept;
        if is_json {
            return answer_json(&done);
        }
        let (new, old) = (count(done.announced, "key"), count(done.retracted, "key"));
        answer(&format!("{new} announced, {old} retracted\n"))?;
        if done.kept > 0 {
            let kept = count(done.kept, "key");
            shell.output.say(&format!("{kept} stayed, since they were announced meanwhile"));
        }
        Ok(())
    }
}
