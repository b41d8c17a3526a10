//! What was done, a line for each thing it was done to.

use divider::group::WriteResult;
use serde::Serialize;

use crate::exit::Outcome;
use crate::output::{Format, answer, answer_json};
use crate::shell::Shell;

/// Something that was done, or was so already, or would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChangeReport {
    /// As `node/w1`.
    pub(crate) on: String,
    /// As `cordoned`.
    pub(crate) what: String,
    /// Whether the command changed it.
    pub(crate) changed: bool,
    /// The revision of its record; null where nothing was written.
    pub(crate) revision: Option<u64>,
    /// Whether nothing was written because it was only asked what would be.
    pub(crate) dry_run: bool,
}

/// `divider.changes.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    group: &'a str,
    changes: &'a [ChangeReport],
}

impl ChangeReport {
    /// Something that the library did.
    pub(crate) fn edited(on: impl Into<String>, what: &str, edited: WriteResult) -> Self {
        let (changed, revision) = match edited {
            WriteResult::Changed(revision) => (true, revision),
            WriteResult::Already(revision) => (false, revision),
        };
        let (on, what) = (on.into(), what.to_owned());
        Self { on, what, changed, revision: Some(revision.0), dry_run: false }
    }

    /// Something that was done without a record.
    pub(crate) fn done(on: impl Into<String>, what: &str) -> Self {
        let (on, what) = (on.into(), what.to_owned());
        Self { on, what, changed: true, revision: None, dry_run: false }
    }

    /// Something that was only asked about.
    pub(crate) fn would(on: impl Into<String>, what: &str) -> Self {
        let (on, what) = (on.into(), what.to_owned());
        Self { on, what, changed: true, revision: None, dry_run: true }
    }

    fn line(&self, format: Format) -> String {
        let Self { on, what, .. } = self;
        match (format, self.dry_run, self.changed) {
            (Format::Name, ..) => format!("{on}\n"),
            (_, true, _) => format!("{on} would be {what}\n"),
            (_, false, true) => format!("{on} {what}\n"),
            (_, false, false) => format!("{on} already {what}\n"),
        }
    }
}

impl Shell {
    /// Answers with what was done.
    pub(crate) fn answer_changes(&self, group: &str, changes: &[ChangeReport]) -> Outcome {
        match self.output.format(&Format::OF_CHANGES)? {
            Format::Json => answer_json(&Document { schema: "divider.changes.v1", group, changes }),
            format => {
                Ok(answer(&changes.iter().map(|change| change.line(format)).collect::<String>())?)
            }
        }
    }

    /// Answers with what was done before something could not be, and with that.
    pub(crate) fn answer_changes_until(
        &self,
        group: &str,
        changes: &[ChangeReport],
        end: Outcome,
    ) -> Outcome {
        if end.is_ok() || !changes.is_empty() {
            self.answer_changes(group, changes)?;
        }
        end
    }
}
