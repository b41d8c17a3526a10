//! `divider reconcile`

use std::path::PathBuf;

use clap::Args;
use divider::Revision;
use divider::group::{AnnounceError, MaxRetract, ReconcileOptions};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::input::read_lines;
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// Make the keys under a prefix equal to a list
///
/// Announces listed keys that do not exist, and retracts keys that are not listed. A key announced
/// while the command runs stays. A key announced after the list was made, but before the command,
/// is retracted unless --since gives the revision of the list.
///
/// Refuses an empty list, and a list that would retract more than half of the keys under the prefix
/// (up to ten are always allowed): it then exits with 4 and changes nothing.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Prefix of the keys; "" means all keys of the group
    #[arg(long, value_name = "TEXT")]
    prefix: String,
    /// The list, one key on each line; - for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The revision of the log at which the list was made: keys that changed later stay. Before you
    /// make the list, read it from `divider status -o json`
    #[arg(long, value_name = "REVISION")]
    since: Option<u64>,
    /// Accept an empty list, which retracts all keys under the prefix
    #[arg(long)]
    allow_empty: bool,
    /// Maximum number of keys to retract: a number, or a percentage of those under the prefix, such as 20%
    #[arg(long, value_name = "N", value_parser = parse_most)]
    max_retract: Option<MaxRetract>,
    /// Show what would change, without changing it
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
    /// Keys that stay because they changed after the list was made.
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
        let options = self.options();
        let difference = group.difference(&self.prefix, wanted, &options).await?;
        let missing = difference.missing().iter().map(|key| (key, "announce"));
        let changes = missing.chain(difference.extra().map(|key| (key, "retract")));
        let mut done = Reconciled {
            schema: "divider.reconciled.v1",
            group: group.name().as_str(),
            dry_run: self.dry_run,
            announced: difference.missing().len() as u64,
            retracted: difference.extra().len() as u64,
            kept: difference.newer(),
            keys: &[],
        };
        let changes: Vec<_> =
            changes.map(|(key, action)| Change { key: key.to_string(), action }).collect();
        if self.dry_run {
            done.keys = &changes;
            if is_json {
                answer_json(&done)?;
            } else {
                let list = List { columns: COLUMNS, rows: &changes, kind: "key" };
                answer(&shell.output.table(&list, |_| true))?;
                let (new, old) = (count(done.announced, "key"), count(done.retracted, "key"));
                shell.output.say(&format!("{new} to announce, {old} to retract"));
            }
            return difference.check(&options).map_err(refused);
        }
        difference.check(&options).map_err(refused)?;
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
            shell.output.say(&format!("{kept} kept: changed after the list was made"));
        }
        Ok(())
    }

    fn options(&self) -> ReconcileOptions {
        let mut options = ReconcileOptions::new();
        if let Some(since) = self.since {
            options = options.since(Revision(since));
        }
        if let Some(most) = self.max_retract {
            options = options.max_retract(most);
        }
        if self.allow_empty { options.allow_empty() } else { options }
    }
}

/// What would be needed to have it done all the same.
fn refused(error: AnnounceError) -> Failure {
    let flag = match &error {
        AnnounceError::EmptyList { .. } => ": --allow-empty".to_owned(),
        AnnounceError::TooManyRetracted { retracted, .. } => format!(": --max-retract {retracted}"),
        _ => String::new(),
    };
    Failure::from(error).with(&flag)
}

fn parse_most(text: &str) -> Result<MaxRetract, String> {
    let wrong = || format!("expected a number, or a percentage from 0% to 100%, found {text:?}");
    match text.strip_suffix('%') {
        Some(share) => {
            let percent = share.parse().ok().filter(|percent| *percent <= 100);
            percent.map(MaxRetract::Percent).ok_or_else(wrong)
        }
        None => text.parse().map(MaxRetract::Keys).map_err(|_| wrong()),
    }
}
