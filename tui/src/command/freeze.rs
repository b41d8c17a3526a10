//! `divider freeze` and `divider thaw`

use std::time::Duration;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::now_ms;
use crate::shell::Shell;
use crate::span::parse_span;

/// Delay the moves of joins and rebalances for the whole group
///
/// It delays moves that are not planned yet: those of a join or a rebalance that has begun continue, as
/// do drains, releases and take-overs. The delayed moves follow after the thaw. A second freeze replaces
/// the first.
#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    /// Duration; default: until `divider thaw`
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_span, conflicts_with = "until")]
    span: Option<Duration>,
    /// End time, such as 2026-08-23T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<OffsetDateTime>,
    #[command(flatten)]
    signed: Signed,
}

/// End a freeze
#[derive(Debug, Args)]
pub(crate) struct ThawArgs {}

impl FreezeArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let span = match self.until {
            Some(until) => Some(span_until(until)?),
            None => self.span,
        };
        let group = shell.open().await?.group;
        let edited = group.freeze(span, &self.signed.why()).await?;
        let change = ChangeReport::edited(format!("group/{}", group.name()), "frozen", edited);
        shell.answer_changes(group.name().as_str(), &[change])
    }
}

impl ThawArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let edited = group.thaw().await?;
        let change = ChangeReport::edited(format!("group/{}", group.name()), "thawed", edited);
        shell.answer_changes(group.name().as_str(), &[change])
    }
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("expected a time such as 2026-08-23T18:00:00Z: {error}"))
}

fn span_until(until: OffsetDateTime) -> Result<Duration, Failure> {
    let until_ms = u64::try_from(until.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    match until_ms.checked_sub(now_ms()) {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err(Failure::new(Exit::Usage, "--until is in the past")),
    }
}
