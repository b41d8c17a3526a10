//! `divider events`

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use divider::group::{History, HistoryEntry, HistoryKind};
use divider::{Group, NodeId};
use serde::Serialize;
use tokio::time::Instant;

use crate::exit::{Exit, Failure, Outcome};
use crate::label::node_id;
use crate::output::{
    Column, Format, List, answer, answer_json_line, count, date_time, is_read, rfc3339,
};
use crate::shell::Shell;
use crate::span::parse_span;
use crate::words::requester;

/// Show what happened in the group: joins, deaths, drains, and who requested them
///
/// The history of a group is kept beside it, for a week unless `divider init` said otherwise. A group
/// without one shows what its records still tell: the nodes that died or left in the last day, and the
/// newest request for each node.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// How far to look back
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "1h")]
    since: Duration,
    /// Only events of this node
    #[arg(long, value_name = "NODE", value_parser = node_id, add = crate::complete::nodes())]
    node: Option<NodeId>,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind())]
    kind: Vec<HistoryKind>,
    /// Keep watching, and print each new event
    #[arg(short, long)]
    watch: bool,
}

/// Reads the name of a kind.
fn kind() -> impl TypedValueParser<Value = HistoryKind> {
    let of = |name: &str| HistoryKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    PossibleValuesParser::new(HistoryKind::ALL.map(HistoryKind::as_str))
        .map(move |name| of(&name).expect("one of the possible values"))
}

/// `divider.events.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    group: &'a str,
    /// Whether the group keeps a history. Without one the events are what its records still tell.
    kept: bool,
    events: &'a [EventRow],
}

/// One event, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct EventRow {
    pub(crate) at: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) node: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) keys: Option<u64>,
    pub(crate) revision: Option<u64>,
    pub(crate) sentence: String,
    #[serde(skip)]
    at_ms: u64,
}

const COLUMNS: &[Column<EventRow>] = &[
    Column::new("TIME", |row: &EventRow| date_time(row.at_ms)),
    Column::new("KIND", |row: &EventRow| row.kind.to_owned()),
    Column::new("EVENT", |row: &EventRow| row.sentence.clone()),
];

/// How often a history that is followed is read.
const POLL: Duration = Duration::from_secs(1);

impl EventsArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&Format::OF_LISTS)?;
        let group = shell.open().await?.group;
        let history = group.history(self.since).await?;
        let last = history.entries.last().map_or(0, |entry| entry.number);
        let rows = self.rows(&history.entries);
        if self.watch && matches!(format, Format::Json | Format::Jsonl) {
            rows.iter().try_for_each(answer_json_line)?;
        } else {
            show(shell, &group, &history, &rows)?;
        }
        match (self.watch, history.missing) {
            (false, _) => Ok(()),
            (true, None) => self.follow(shell, &group, last, format).await,
            (true, Some(missing)) => {
                Err(Failure::new(Exit::Failed, format!("nothing to follow: {missing}")))
            }
        }
    }

    async fn follow(&self, shell: &Shell, group: &Group, mut last: u64, format: Format) -> Outcome {
        let (mut failed, begun) = (false, Instant::now());
        while is_read() {
            tokio::time::sleep(POLL).await;
            // Without an entry yet, every one of this time is new.
            let read = match last {
                0 => {
                    let span = self.since + begun.elapsed();
                    group.history(span).await.map(|history| history.entries)
                }
                last => group.history_after(last).await,
            };
            let entries = match read {
                Ok(entries) => entries,
                Err(error) => {
                    if !std::mem::replace(&mut failed, true) {
                        shell.output.say(&format!("the history cannot be read, retrying: {error}"));
                    }
                    continue;
                }
            };
            if std::mem::take(&mut failed) {
                shell.output.say("connected again");
            }
            last = entries.last().map_or(last, |entry| entry.number);
            for row in self.rows(&entries) {
                if matches!(format, Format::Json | Format::Jsonl) {
                    answer_json_line(&row)?;
                } else {
                    let line = format!("{}  {}  {}", date_time(row.at_ms), row.kind, row.sentence);
                    answer(&(shell.output.plain(&line) + "\n"))?;
                }
            }
        }
        Ok(())
    }

    fn rows(&self, entries: &[HistoryEntry]) -> Vec<EventRow> {
        let is_meant = |entry: &&HistoryEntry| {
            let is_of = self.node.is_none() || entry.node == self.node;
            is_of && (self.kind.is_empty() || self.kind.contains(&entry.kind))
        };
        entries.iter().filter(is_meant).map(EventRow::new).collect()
    }
}

fn show(shell: &Shell, group: &Group, history: &History, rows: &[EventRow]) -> Outcome {
    let (name, kept) = (group.name().as_str(), history.missing.is_none());
    let document = Document { schema: "divider.events.v1", group: name, kept, events: rows };
    shell.output.list(&List { columns: COLUMNS, rows, kind: "event" }, &document)?;
    if !kept {
        let words = "this group keeps no history, so this is only what its records still tell \
                     (the ends of the last day, the newest request for each node)";
        shell.output.say(&format!("{words}; `divider init -g {name}` makes a history"));
    } else if rows.is_empty() {
        shell.output.say("no events in this time");
    }
    Ok(())
}

impl EventRow {
    pub(crate) fn new(entry: &HistoryEntry) -> Self {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            at: rfc3339(entry.at_ms),
            kind: entry.kind.as_str(),
            node: entry.node.as_ref().map(ToString::to_string),
            by: text(&entry.by),
            reason: text(&entry.reason),
            keys: entry.keys,
            revision: Some(entry.revision.0).filter(|revision| *revision > 0),
            sentence: sentence(entry),
            at_ms: entry.at_ms,
        }
    }
}

/// What happened, in words.
pub(crate) fn sentence(entry: &HistoryEntry) -> String {
    use HistoryKind as Kind;
    let node = entry.node.as_ref().map_or("the group", NodeId::as_str);
    let keys = entry.keys.map(|keys| count(keys, "key"));
    let with =
        |before: &str| keys.as_ref().map_or_else(String::new, |keys| format!("{before}{keys}"));
    let because =
        if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
    let asked = || format!(" by {}{because}", requester(&entry.by));
    match entry.kind {
        Kind::Joined => format!("{node} joined"),
        Kind::Left => format!("{node} left{because}"),
        Kind::Died => {
            let by = if entry.by.is_empty() {
                String::new()
            } else {
                format!(", ended by {}", entry.by)
            };
            format!("{node} died{by}{}", with("; last reported "))
        }
        Kind::Fenced => format!("{node} was fenced{}{because}", with(" and lost ")),
        Kind::DrainRequested => format!("drain of {node} requested{}", asked()),
        Kind::DrainPaused => format!("drain of {node} paused"),
        Kind::DrainContinued => format!("drain of {node} continued"),
        Kind::Drained => format!("{node} gave away{}{because}", with(" ")),
        Kind::Cordoned => format!("{node} cordoned{}", asked()),
        Kind::Resumed => format!("{node} resumed{}", asked()),
        Kind::AffinitySet => format!("affinity of {node} changed{}", asked()),
        Kind::MoveRequested => format!("move of a key of {node} requested{}", asked()),
        Kind::Quarantined => format!("{node} put a key into quarantine{because}"),
        Kind::Retried => format!("retry of a key in quarantine requested{}", asked()),
        Kind::Forgotten => format!("request for the absent {node} removed{}", asked()),
        Kind::RebalanceRequested => format!("rebalance requested{}", asked()),
        Kind::Frozen => format!("balance moves frozen{}", asked()),
        Kind::Thawed => "balance moves thawed".to_owned(),
        Kind::OrphansLasting => format!("{} without an owner for 30 s", with("")),
        Kind::OrphansOver => "every key has an owner again".to_owned(),
        Kind::SpreadLasting => {
            format!("{node} had far more than its share for 2 min{}{because}", with(": "))
        }
        Kind::SpreadOver => "every node is near its share again".to_owned(),
        Kind::LogLost => format!("the log lost acknowledged writes; noticed by {}", entry.by),
        _ => format!("{}{because}", entry.kind.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_sentence() {
        let node = NodeId::new("w1").expect("legal");
        let check = |entry: HistoryEntry, expected: &str| assert_eq!(sentence(&entry), expected);
        let of = |kind| HistoryEntry::new(kind).of(&node);
        check(of(HistoryKind::Joined), "w1 joined");
        let died = of(HistoryKind::Died).by("w2", "").with_keys(Some(100));
        check(died, "w1 died, ended by w2; last reported 100 keys");
        let drain = of(HistoryKind::DrainRequested).by("ana", "kernel 6.8");
        check(drain, "drain of w1 requested by ana: kernel 6.8");
        check(of(HistoryKind::Cordoned), "w1 cordoned by unknown");
        let quarantined = of(HistoryKind::Quarantined).by("", "a: no such table");
        check(quarantined, "w1 put a key into quarantine: a: no such table");
        let retried = of(HistoryKind::Retried).by("ana", "a: it exists now");
        check(retried, "retry of a key in quarantine requested by ana: a: it exists now");
        let fenced = of(HistoryKind::Fenced).by("", "lease").with_keys(Some(1));
        check(fenced, "w1 was fenced and lost 1 key: lease");
        let orphans = HistoryEntry::new(HistoryKind::OrphansLasting).with_keys(Some(3));
        check(orphans, "3 keys without an owner for 30 s");
    }

    #[test]
    fn every_kind_can_be_named() {
        let command = clap::Command::new("events");
        for expected in HistoryKind::ALL {
            let read = kind().parse_ref(&command, None, expected.as_str().as_ref());
            assert_eq!(read.ok(), Some(expected));
        }
    }
}
