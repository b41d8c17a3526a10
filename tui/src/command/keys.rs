//! `divider keys`

use std::time::Duration;

use clap::Args;
use divider::snapshot::{KeyStatus, Phase};
use divider::{Key, NodeId};

use crate::contract::{Head, KeyRow, KeysDocument, Summary, phase_of, since};
use crate::exit::Outcome;
use crate::glob::is_meant;
use crate::look::{FromArgs, Look};
use crate::output::{Column, List, answer, count, tone_of};
use crate::shell::Shell;
use crate::span::parse_span;
use crate::words::sum_up;

/// List the keys, with the owner and the fencing token of each
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// Only keys that match this pattern: * matches any text, ? one character; without either, the
    /// pattern is a prefix
    #[arg(value_name = "GLOB", default_value = "")]
    pattern: String,
    /// Only keys of this node
    #[arg(long, value_name = "NODE")]
    node: Option<NodeId>,
    /// Only keys in this phase: quarantined, orphaned, running, stopping
    #[arg(long, value_name = "PHASE", value_parser = phase_of, add = crate::complete::phases())]
    phase: Option<Phase>,
    /// Only keys that have been in their phase for longer than this, as far as known; of stops, the
    /// node reports it
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    older: Option<Duration>,
    /// Maximum number of keys to list; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Only print the number of keys
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    from: FromArgs,
}

const COLUMNS: &[Column<KeyRow>] = &[
    Column::new("KEY", |row: &KeyRow| row.key.clone()),
    Column::new("OWNER", |row: &KeyRow| or_dash(row.owner.as_ref())),
    Column::new("PHASE", |row: &KeyRow| row.phase.clone()).toned(|row| tone_of(&row.phase)),
    Column::new("TO", |row: &KeyRow| or_dash(row.to.as_ref())),
    Column::number("TOKEN", |row: &KeyRow| row.token.to_string()),
    Column::new("SINCE", |row: &KeyRow| or_dash(row.since.as_ref())).wide(),
    Column::number("REV", |row: &KeyRow| row.revision.to_string()).wide(),
];

impl KeysArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let look = shell.look(&self.from).await?;
        let matching =
            || look.snapshot.keys().filter(|(key, status)| self.means(key, status, &look));
        let all = matching().count();
        if self.count {
            return Ok(answer(&format!("{all}\n"))?);
        }
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let Look { snapshot, viewer } = &look;
        let row = |(key, status)| {
            let since = since(snapshot, key, status, viewer);
            KeyRow::new(key, status, since, &viewer.anchor)
        };
        let rows: Vec<_> = matching().take(limit).map(row).collect();
        let document = KeysDocument {
            head: Head::new("divider.keys.v1", snapshot, viewer),
            summary: Summary::new(snapshot),
            matching: all as u64,
            keys: &rows,
        };
        shell.output.list(&List { columns: COLUMNS, rows: &rows, kind: "key" }, &document)?;
        if all > rows.len() {
            let all = count(all as u64, "key");
            shell
                .output
                .say(&format!("showing the first {} of {all}; --limit 0 shows all", rows.len()));
        }
        sum_up(&shell.output, snapshot);
        Ok(())
    }

    fn means(&self, key: &Key, status: &KeyStatus, look: &Look) -> bool {
        let Look { snapshot, viewer } = look;
        let is_older = |than: Duration| {
            let since = since(snapshot, key, status, viewer);
            since.is_some_and(|since| viewer.anchor.moment().since(since) > than)
        };
        is_meant(&self.pattern, key.as_str())
            && self.node.as_ref().is_none_or(|node| status.owner.as_ref() == Some(node))
            && self.phase.is_none_or(|phase| status.phase == phase)
            && self.older.is_none_or(is_older)
    }
}

/// A text, or a dash in its place.
pub(crate) fn or_dash(text: Option<&String>) -> String {
    text.map_or("-", String::as_str).to_owned()
}
