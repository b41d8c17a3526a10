//! `divider check`

mod measure;
mod threshold;
mod write;

use std::time::Duration;

use clap::{Args, ValueEnum};

use self::measure::{Measure, measures};
use self::threshold::{Limits, Pair};
use self::write::Report;
use crate::exit::{Failure, Outcome};
use crate::look::Look;
use crate::output::{Format, answer};
use crate::shell::Shell;
use crate::span::parse_span;

/// Check the group against limits, for monitoring
///
/// Exits with 0 for OK, 1 for WARNING, 2 for CRITICAL, and 3 for UNKNOWN, which includes an
/// unreachable server and a wrong command line. It listens until each node has sent a heartbeat or
/// is late: at most about a quarter of the longest lease.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Critical if fewer nodes are ready
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_ready: u64,
    /// Warn if fewer nodes are ready than this
    #[arg(long, value_name = "N", env = "DIVIDER_EXPECT")]
    expect: Option<u64>,
    /// Critical if more nodes are late
    #[arg(long, value_name = "N")]
    max_late: Option<u64>,
    /// Critical if more keys have no owner
    #[arg(long, value_name = "N")]
    max_orphaned: Option<u64>,
    /// Critical if the fullest node has more than X times its share
    #[arg(long, value_name = "X")]
    max_spread: Option<f64>,
    /// Critical if a stop is unconfirmed for longer
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_handover: Option<Duration>,
    /// Warn beyond this limit, such as late=0; names: ready, late, lost, orphaned, spread, handover (seconds), problems, full (%)
    #[arg(long, value_name = "NAME=LIMIT")]
    warn: Vec<Pair>,
    /// Critical beyond this limit; the same names
    #[arg(long, value_name = "NAME=LIMIT")]
    crit: Vec<Pair>,
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = For::Nagios)]
    format: For,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum For {
    /// One line with performance data
    Nagios,
    /// One document
    Json,
    /// Metrics for a text file collector
    Prometheus,
    /// A line for each limit
    Text,
}

/// The exit code for what could not be found out.
pub(crate) const UNKNOWN: u8 = 3;

impl CheckArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let report = match self.look(shell).await {
            Ok(report) => report,
            Err(failure) => Report::unknown(&failure.to_string()),
        };
        let asked = shell.output.format(&[Format::Plain, Format::Json]);
        let format = if asked.is_ok_and(|f| f == Format::Json) { For::Json } else { self.format };
        match format {
            For::Nagios => answer(&(shell.output.plain(&report.nagios()) + "\n"))?,
            For::Text => answer(&report.text(&shell.output))?,
            For::Prometheus => answer(&report.prometheus())?,
            For::Json => report.json()?,
        }
        end(report.exit())
    }

    async fn look(&self, shell: &Shell) -> Result<Report, Failure> {
        let limits = self.limits();
        let opened = shell.open().await?;
        let info = opened.group.info().await.ok();
        let mut watch = opened.group.watch();
        let look = Look::listened(&mut watch).await?;
        watch.close().await;
        let measures: Vec<Measure> = measures(&look, info.as_ref(), &limits);
        Ok(Report::new(&look.snapshot, measures))
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.crit("ready", Some(threshold::number(self.min_ready)));
        limits.warn("ready", self.expect.map(threshold::number));
        limits.crit("late", self.max_late.map(threshold::number));
        limits.crit("orphaned", self.max_orphaned.map(threshold::number));
        limits.crit("spread", self.max_spread);
        limits.crit("handover", self.max_handover.map(|span| span.as_secs_f64()));
        self.warn.iter().for_each(|pair| limits.warn(pair.name, Some(pair.limit)));
        self.crit.iter().for_each(|pair| limits.crit(pair.name, Some(pair.limit)));
        limits
    }
}

fn end(code: u8) -> Outcome {
    if code == 0 { Ok(()) } else { Err(Failure::silent(code)) }
}
