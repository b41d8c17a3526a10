//! `divider repair`

use clap::Args;
use divider::snapshot::Problem;
use divider::snapshot::RecordName;
use divider::store::nats::Stray;
use divider::{Key, Revision};
use serde::Serialize;

use crate::connection::Opened;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// List records that no node can read, and remove them
///
/// Without --yes it changes nothing. An announcement under a wrongly encoded subject creates no key;
/// MEANT shows the intended key. Records that nodes use, or repair themselves, are never removed. An
/// unreadable control or rebalance record is removed only by its name: a newer version may have
/// written it.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Only these records, by the names in the list
    #[arg(value_name = "RECORD")]
    records: Vec<String>,
    /// Also announce the intended keys
    #[arg(long)]
    announce: bool,
    /// Apply the changes
    #[arg(short, long)]
    yes: bool,
}

/// `divider.repaired.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    group: &'a str,
    dry_run: bool,
    records: &'a [Row],
}

/// A record that no node can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    record: String,
    revision: u64,
    why: String,
    /// The intended key; null if unknown.
    meant: Option<String>,
    action: Action,
    #[serde(skip)]
    stray: Stray,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Remove,
    RemoveAndAnnounce,
    Keep,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Remove => "remove",
            Self::RemoveAndAnnounce => "remove, announce the key",
            Self::Keep => "keep",
        }
    }
}

const COLUMNS: &[Column<Row>] = &[
    Column::new("RECORD", |row: &Row| row.record.clone()),
    Column::new("MEANT", |row: &Row| row.meant.clone().unwrap_or_else(|| "-".to_owned())),
    Column::new("ACTION", |row: &Row| row.action.as_str().to_owned()),
    Column::new("WHY", |row: &Row| row.why.clone()),
];

impl RepairArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let is_json = shell.output.format(&[Format::Table, Format::Json])? == Format::Json;
        let opened = shell.open().await?;
        let rows = self.rows(&opened).await?;
        if let Some(unknown) =
            self.records.iter().find(|r| rows.iter().all(|row| row.record != **r))
        {
            let words = "no such record, or it is readable";
            return Err(Failure::new(Exit::NotFound, format!("{words}: {unknown}")));
        }
        let changes = || rows.iter().filter(|row| row.action != Action::Keep);
        if self.yes {
            for row in changes() {
                row.repair(&opened).await?;
            }
        }
        let group = opened.group.name();
        if is_json {
            return answer_json(&Document {
                schema: "divider.repaired.v1",
                group: group.as_str(),
                dry_run: !self.yes,
                records: &rows,
            });
        }
        answer(
            &shell.output.table(&List { columns: COLUMNS, rows: &rows, kind: "record" }, |_| true),
        )?;
        let records = count(changes().count() as u64, "record");
        shell.output.say(&match (rows.is_empty(), changes().next().is_some(), self.yes) {
            (true, ..) => "all records are readable".to_owned(),
            (_, false, _) => "nothing changed: these records are kept".to_owned(),
            (_, true, true) => format!("{records} removed"),
            (_, true, false) => {
                format!("{records} to remove; nothing changed, run again with --yes")
            }
        });
        if let Some(row) = rows.iter().find(|row| row.action == Action::Keep && row.is_removable())
        {
            let name = &row.record;
            shell.output.say(&format!("to remove {name}, name it: `divider repair {name} --yes`"));
        }
        Ok(())
    }

    async fn rows(&self, opened: &Opened) -> Result<Vec<Row>, Failure> {
        let account = opened.place.only_nats("`divider repair`")?;
        let group = opened.group.name();
        let snapshot = opened.group.snapshot().await?;
        let of_problem = |problem: &Problem| {
            let stray = account.stray_of(group, &problem.name, problem.revision);
            self.row(problem.name.clone(), problem.revision, problem.why.clone(), stray)
        };
        let mut rows: Vec<Row> = snapshot.problems().shown.iter().map(of_problem).collect();
        for stray in account.strays(group).await? {
            let why = "wrong subject: it contains a wildcard".to_owned();
            rows.push(self.row(stray.subject.clone(), stray.revision, why, stray));
        }
        let is_wanted = |row: &Row| self.records.is_empty() || self.records.contains(&row.record);
        rows.retain(is_wanted);
        Ok(rows)
    }

    fn row(&self, record: String, revision: Revision, why: String, stray: Stray) -> Row {
        let announced =
            record.strip_prefix("key.").or_else(|| record.split_once(".key.").map(|p| p.1));
        let meant = announced.and_then(Key::meant_by);
        let is_removed = match RecordName::parse(&record) {
            Err(_) => true,
            Ok(name) => is_removable(&name) && self.records.contains(&record),
        };
        let action = match (is_removed, &meant) {
            (false, _) => Action::Keep,
            (true, Some(_)) if self.announce => Action::RemoveAndAnnounce,
            (true, _) => Action::Remove,
        };
        let meant = meant.map(|key| key.to_string());
        Row { record, revision: revision.0, why, meant, action, stray }
    }
}

/// Whether a record with that name is removed where somebody names it.
fn is_removable(name: &RecordName) -> bool {
    matches!(
        name,
        RecordName::Control(_)
            | RecordName::Rebalance
            | RecordName::Retry(_)
            | RecordName::Stops(_)
    )
}

impl Row {
    fn is_removable(&self) -> bool {
        RecordName::parse(&self.record).is_ok_and(|name| is_removable(&name))
    }

    /// The key first: a removed record cannot be found again.
    async fn repair(&self, opened: &Opened) -> Outcome {
        if let (Action::RemoveAndAnnounce, Some(meant)) = (self.action, &self.meant) {
            let key =
                Key::new(meant).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
            opened.group.announce(&key).await?;
        }
        let account = opened.place.only_nats("`divider repair`")?;
        account.remove_stray(opened.group.name(), &self.stray).await?;
        Ok(())
    }
}
