//! A whole group in a file.

use divider::Revision;
use divider::snapshot::Freeze;
use divider::snapshot::{Problem, Snapshot};
use serde::{Deserialize, Serialize};

use super::anchor::unix_ms;
use super::key::since;
use super::{Anchor, Head, KeyRow, NodeRow, Summary, Viewer};
use crate::gone::{self, Deaths, GoneRow};
use crate::output::rfc3339;

/// The name and version of the form.
const SCHEMA: &str = "divider.export.v1";

/// `divider.export.v1`: everything that a snapshot has, to be read back as one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Export {
    #[serde(flatten)]
    head: Head,
    summary: Summary,
    generation: u64,
    freeze: Option<FreezeRow>,
    nodes: Vec<NodeRow>,
    #[serde(default)]
    gone: Vec<GoneRow>,
    keys: Vec<KeyRow>,
    problems: Vec<ProblemRow>,
    problems_found: u64,
}

/// Who holds balance moves back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FreezeRow {
    by: String,
    reason: String,
    /// Null: until it is thawed.
    until: Option<String>,
}

/// A record that cannot be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProblemRow {
    name: String,
    revision: u64,
    why: String,
}

impl Export {
    pub(crate) fn new(snapshot: &Snapshot, viewer: &Viewer) -> Self {
        let key = |(key, status)| {
            KeyRow::new(key, status, since(snapshot, key, status, viewer), &viewer.anchor)
        };
        let problem = |problem: &Problem| ProblemRow {
            name: problem.name.clone(),
            revision: problem.revision.0,
            why: problem.why.clone(),
        };
        Self {
            head: Head::new(SCHEMA, snapshot, viewer),
            summary: Summary::new(snapshot),
            generation: snapshot.generation().0,
            freeze: snapshot.freeze().map(FreezeRow::new),
            nodes: snapshot.nodes().map(|node| NodeRow::new(node, viewer)).collect(),
            gone: gone::rows(snapshot, &Deaths::new(), viewer),
            keys: snapshot.keys().map(key).collect(),
            problems: snapshot.problems().shown.iter().map(problem).collect(),
            problems_found: snapshot.problems().found,
        }
    }

    /// Puts other texts in the place of what may be nobody's business: keys become `key-1`, hosts,
    /// builds, labels, operators and their reasons become empty.
    pub(crate) fn redacted(mut self) -> Self {
        let mut names = std::collections::HashMap::new();
        let mut hide = |key: &mut String| {
            let number = names.len() + 1;
            let name = names.entry(std::mem::take(key)).or_insert_with(|| format!("key-{number}"));
            key.clone_from(name);
        };
        self.keys.iter_mut().for_each(|row| hide(&mut row.key));
        for node in &mut self.nodes {
            node.unconfirmed.oldest.iter_mut().for_each(|stop| hide(&mut stop.key));
            node.prefixes.clear();
            node.labels.clear();
            node.host.clear();
            node.build.clear();
            if let Some(intent) = &mut node.intent {
                intent.by.clear();
                intent.reason.clear();
            }
        }
        if let Some(freeze) = &mut self.freeze {
            freeze.by.clear();
            freeze.reason.clear();
        }
        self.problems.clear();
        self
    }

    /// Reads what [`new`](Self::new) made. Ages are as they were when it was made.
    pub(crate) fn read(text: &str) -> Result<(Snapshot, Viewer), String> {
        let export: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let head = &export.head;
        if head.schema != SCHEMA {
            return Err(format!("expected the schema {SCHEMA}, found {}", head.schema));
        }
        let taken = head.taken_at.as_deref().and_then(unix_ms);
        let anchor = Anchor::at(taken.ok_or("taken_at is not a time")?);
        let group = head.group.parse().map_err(|error| format!("{error}"))?;
        let mut builder = Snapshot::builder(group, Revision(head.revision), anchor.moment());
        if !head.complete {
            builder = builder.incomplete();
        }
        for row in export.nodes {
            builder = builder.node(row.status(&anchor)?);
        }
        for row in export.keys {
            let (key, status) = row.status(&anchor)?;
            builder = builder.key(key, status);
        }
        let problem = |row: ProblemRow| Problem::new(row.name, Revision(row.revision), row.why);
        let problems = export.problems.into_iter().map(problem).collect();
        let gone: Result<Vec<_>, String> =
            export.gone.into_iter().map(|row| row.gone(&anchor)).collect();
        let snapshot = builder
            .gone(gone?)
            .unplaced(export.summary.unplaced)
            .problems(problems, export.problems_found)
            .freeze(export.freeze.map(FreezeRow::freeze))
            .generation(Revision(export.generation))
            .build();
        Ok((snapshot, Viewer::of_file(anchor)))
    }
}

impl FreezeRow {
    pub(crate) fn new(freeze: &Freeze) -> Self {
        Self {
            by: freeze.by.clone(),
            reason: freeze.reason.clone(),
            until: freeze.until.and_then(rfc3339),
        }
    }

    fn freeze(self) -> Freeze {
        let until = self.until.as_deref().and_then(unix_ms);
        Freeze::new(self.by, self.reason, until)
    }
}
