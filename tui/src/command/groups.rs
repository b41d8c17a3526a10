//! `divider groups`

use clap::Args;
use divider::{Group, GroupName};
use serde::Serialize;

use crate::connection::Connected;
use crate::contract::Summary;
use crate::exit::{Failure, Outcome};
use crate::output::{Column, List};
use crate::shell::Shell;

/// List the groups in the account
#[derive(Debug, Args)]
pub(crate) struct GroupsArgs {}

/// One group. What cannot be read has no numbers, and says why.
#[derive(Serialize)]
struct GroupRow {
    group: String,
    summary: Option<Summary>,
    error: Option<String>,
}

/// `divider.groups.v1`
#[derive(Serialize)]
struct GroupsDocument<'a> {
    schema: &'static str,
    server: String,
    groups: &'a [GroupRow],
}

const COLUMNS: &[Column<GroupRow>] = &[
    Column::new("GROUP", |row: &GroupRow| row.group.clone()),
    Column::number("NODES", |row: &GroupRow| number(row, |summary| summary.nodes)),
    Column::number("READY", |row: &GroupRow| number(row, |summary| summary.ready)),
    Column::number("KEYS", |row: &GroupRow| number(row, |summary| summary.keys)),
    Column::number("MOVING", |row: &GroupRow| number(row, |summary| summary.moving)),
    Column::number("ORPHANED", |row: &GroupRow| number(row, |summary| summary.orphaned)),
    Column::number("SPREAD", spread),
    Column::new("ERROR", |row: &GroupRow| row.error.clone().unwrap_or_default()).wide(),
];

impl GroupsArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let connected = shell.connect().await?;
        let mut rows = Vec::new();
        for group in connected.groups().await? {
            rows.push(match look(&connected, group.clone()).await {
                Ok(summary) => {
                    GroupRow { group: group.to_string(), summary: Some(summary), error: None }
                }
                Err(failure) => {
                    shell.output.say(&format!("{group} cannot be read: {failure}"));
                    let error = Some(failure.to_string());
                    GroupRow { group: group.to_string(), summary: None, error }
                }
            });
        }
        if rows.is_empty() {
            shell.output.say("no groups in this account; create one with `divider init -g NAME`");
        }
        let server = connected.settings.server();
        let document = GroupsDocument { schema: "divider.groups.v1", server, groups: &rows };
        shell.output.list(&List { columns: COLUMNS, rows: &rows, kind: "group" }, &document)
    }
}

async fn look(connected: &Connected, group: GroupName) -> Result<Summary, Failure> {
    let store = connected.server.open(group).await?;
    Ok(Summary::new(&Group::open(store).snapshot().await?))
}

fn number(row: &GroupRow, of: fn(&Summary) -> u64) -> String {
    row.summary.as_ref().map_or_else(|| "?".to_owned(), |summary| of(summary).to_string())
}

fn spread(row: &GroupRow) -> String {
    let spread = row.summary.as_ref().and_then(|summary| summary.spread);
    spread.map_or_else(|| "-".to_owned(), |spread| format!("{spread:.2}"))
}
