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

/// Make the keys under a prefix exactly those of a list
///
/// Announces those that do not exist, and retracts those that exist and are not listed. A key that was
/// announced after the list was read and before this command is retracted, unless --since says when the
/// list was read; one that somebody announces while it runs stays.
///
/// An empty list is refused, and so is one that would retract more than half of the keys under the
/// prefix (up to ten may always go): ends with 4 then, and nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// What the keys begin with; "" stands for all keys of the group
    #[arg(long, value_name = "TEXT")]
    prefix: String,
    /// The list, one key a line; - for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The list was read at this revision of the log: what changed later stays. `divider status -o json`
    /// has it; ask before the list is read
    #[arg(long, value_name = "REVISION")]
    since: Option<u64>,
    /// An empty list retracts everything under the prefix
    #[arg(long)]
    allow_empty: bool,
    /// So many keys may be retracted: a number, or a share of those under the prefix as in 20%
    #[arg(long, value_name = "N", value_parser = parse_most)]
    max_retract: Option<MaxRetract>,
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
    /// Keys that stay as they are, since they changed after the list was read.
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
            shell.output.say(&format!("{kept} stayed as they are, since they changed meanwhile"));
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
    let wrong = || format!("expected a number of keys, or a share from 0% to 100%: {text:?}");
    match text.strip_suffix('%') {
        Some(share) => {
            let percent = share.parse().ok().filter(|percent| *percent <= 100);
            percent.map(MaxRetract::Percent).ok_or_else(wrong)
        }
        None => text.parse().map(MaxRetract::Keys).map_err(|_| wrong()),
    }
}
