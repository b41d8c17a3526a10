//! `divider status`

use clap::Args;
use serde::Serialize;

use crate::conditions::{Clock, Code, Condition, MOST_SUBJECTS, Seen, conditions, few_ready};
use crate::contract::{Head, Summary};
use crate::exit::Outcome;
use crate::gone::{self, Deaths, GoneRow, deaths};
use crate::look::{EveryArgs, FromArgs, Look, read};
use crate::output::{Format, Tone, answer, answer_json, padded, tone_of};
use crate::shell::Shell;

/// Show the group's health
///
/// It judges by the times of the records, so a node whose lease has ended is lost also at one look. With
/// --watch it also knows how long other problems have lasted.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// How many nodes are expected to be ready; fewer are a problem
    #[arg(long, value_name = "N", env = "DIVIDER_EXPECT")]
    expect: Option<u64>,
    #[command(flatten)]
    every: EveryArgs,
    #[command(flatten)]
    from: FromArgs,
}

/// Where the group is, for the first line, and what is known beside the snapshot.
struct Place<'a> {
    server: &'a str,
    context: Option<&'a str>,
    expected: Option<u64>,
    deaths: Deaths,
}

/// `divider.status.v1`
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: Head,
    server: &'a str,
    context: Option<&'a str>,
    summary: Summary,
    expected: Option<u64>,
    conditions: Vec<ConditionRow>,
    gone: &'a [GoneRow],
}

/// Something that is wrong, or worth a word.
#[derive(Serialize)]
pub(crate) struct ConditionRow {
    severity: &'static str,
    code: &'static str,
    sentence: String,
    count: u64,
    subjects: Vec<String>,
    next: Option<String>,
}

impl StatusArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&Format::OF_ONE)?;
        if let Some(file) = &self.from.from {
            let look = read(file)?;
            shell.say_when(&look);
            let seen = Seen::at_once(&look.snapshot, None);
            let server = file.display().to_string();
            return show(
                shell,
                &look,
                &Place {
                    server: &server,
                    context: None,
                    expected: self.expect,
                    deaths: Deaths::new(),
                },
                format,
                &seen,
            );
        }
        let opened = shell.open().await?;
        // It is no reason to say nothing that the store does not say how large it is.
        let info = opened.group.info().await.ok();
        let mut watch = opened.group.watch();
        let first = self.every.first(&mut watch).await?;
        let mut seen = Seen::at_once(&first.snapshot, info);
        // The same holds for what no watch shows.
        let strays = match opened.place.nats() {
            Some(account) => account.strays(opened.group.name()).await.unwrap_or_default(),
            None => Vec::new(),
        };
        seen.strays = strays.into_iter().map(|stray| stray.subject).collect();
        let place = Place {
            server: &opened.server,
            context: opened.context.as_deref(),
            expected: self.expect,
            deaths: deaths(&opened.group, &first.snapshot).await,
        };
        shell
            .repeat(watch, first, &self.every, |look, changed| match changed {
                None => show(shell, look, &place, format, &seen),
                Some(changed) => {
                    seen.on_update(&look.snapshot, changed, look.viewer.anchor.moment());
                    Ok(())
                }
            })
            .await
    }
}

fn show(shell: &Shell, look: &Look, place: &Place<'_>, format: Format, seen: &Seen) -> Outcome {
    let Look { snapshot, viewer } = look;
    let clock = Clock { at: viewer.anchor.moment(), unix_ms: viewer.anchor.unix_ms() };
    let mut found = conditions(snapshot, seen, clock);
    found.extend(place.expected.and_then(|expected| few_ready(snapshot, expected)));
    found.sort_by_key(|condition| std::cmp::Reverse(condition.severity));
    let gone = gone::rows(snapshot, &place.deaths, viewer);
    let summary = Summary::new(snapshot);
    let head = Head::new("divider.status.v1", snapshot, viewer);
    if format == Format::Json {
        let conditions = found.iter().map(ConditionRow::new).collect();
        let Place { server, context, expected, .. } = place;
        let (context, expected, gone) = (*context, *expected, &gone[..]);
        return answer_json(&Document {
            head,
            server,
            context,
            summary,
            expected,
            conditions,
            gone,
        });
    }
    let context = place.context.map_or_else(String::new, |context| format!("  context {context}"));
    let mut lines = vec![
        format!("group     {}{context}  {}", head.group, place.server),
        format!("nodes     {}", nodes_line(&summary, place.expected)),
        format!("keys      {}", keys_line(&summary)),
    ];
    if let Some(spread) = summary.spread {
        let times = if shell.output.ascii { 'x' } else { '×' };
        lines.push(format!("spread    fullest node: {spread:.2}{times} its share"));
    }
    lines.extend(gone::lines(&gone, snapshot).iter().map(|line| format!("gone      {line}")));
    if found.is_empty() {
        lines.push("no problems".to_owned());
    }
    let mut text: String = lines.into_iter().map(|line| shell.output.plain(&line) + "\n").collect();
    for condition in &found {
        let word = condition.severity.as_str();
        let tone = if shell.output.color { tone_of(word) } else { Tone::Plain };
        let sentence = shell.output.plain(&condition.sentence(shell.output.ascii));
        text = text + &tone.paint(&padded(word, 8)) + "  " + &sentence + "\n";
        if condition.code == Code::Problems {
            for problem in snapshot.problems().shown.iter().take(MOST_SUBJECTS).skip(1) {
                let line = format!("          {}: {}", problem.name, problem.why);
                text = text + &shell.output.plain(&line) + "\n";
            }
        }
        let next = condition.next().filter(|next| !condition.sentence.contains(next));
        if let Some(next) = next {
            text = text + &shell.output.plain(&format!("          next: {next}")) + "\n";
        }
    }
    Ok(answer(&text)?)
}

/// `3: 2 ready, 1 draining`
fn nodes_line(summary: &Summary, expected: Option<u64>) -> String {
    let of = expected.map_or_else(String::new, |expected| format!(" of {expected} expected"));
    let states = [
        (summary.ready, "ready"),
        (summary.joining, "joining"),
        (summary.cordoned, "cordoned"),
        (summary.draining, "draining"),
        (summary.drained, "drained"),
        (summary.emptied, "emptied"),
        (summary.leaving, "leaving"),
        (summary.late, "late"),
        (summary.lost, "lost"),
    ];
    let each = states.iter().filter(|(nodes, _)| *nodes > 0);
    let word = |(nodes, state): &(u64, &str)| match *state {
        "ready" => format!("{nodes}{of} ready"),
        state => format!("{nodes} {state}"),
    };
    let each: Vec<_> = each.map(word).collect();
    match summary.nodes {
        0 => "none".to_owned(),
        nodes => format!("{nodes}: {}", each.join(", ")),
    }
}

fn keys_line(summary: &Summary) -> String {
    let Summary { keys, running, stopping, orphaned, quarantined, .. } = summary;
    let more = crate::words::quarantined(*quarantined);
    format!("{keys}: {running} running, {stopping} stopping, {orphaned} without an owner{more}")
}

impl ConditionRow {
    pub(crate) fn new(condition: &Condition) -> Self {
        Self {
            severity: condition.severity.as_str(),
            code: condition.code.as_str(),
            sentence: condition.sentence.clone(),
            count: condition.count,
            subjects: condition.subjects.clone(),
            next: condition.next(),
        }
    }
}
