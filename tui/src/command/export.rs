//! `divider export`

use std::path::PathBuf;

use clap::Args;

use crate::contract::Export;
use crate::exit::{Exit, Failure, Outcome};
use crate::look::FromArgs;
use crate::output::{Format, answer_json, count, json_escaped};
use crate::shell::Shell;

/// Write the whole group to a file, for `divider top --from` and `divider nodes --from`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file; default: standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Anonymise keys; omit hosts, builds, labels, and requests of operators
    #[arg(long)]
    redact: bool,
}

impl ExportArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        // The one format that there is may be said, too.
        if shell.output.is_format_given() {
            shell.output.format(&[Format::Json])?;
        }
        let look = shell.look(&FromArgs::default()).await?;
        let export = Export::new(&look.snapshot, &look.viewer);
        let export = if self.redact { export.redacted() } else { export };
        let Some(file) = &self.out else { return answer_json(&export) };
        let text = json_escaped(&serde_json::to_string_pretty(&export)?) + "\n";
        std::fs::write(file, text).map_err(|error| {
            let words = format!("cannot write the file {}: {error}", file.display());
            Failure::new(Exit::Failed, words)
        })?;
        let counts = look.snapshot.counts();
        let nodes = count(look.snapshot.nodes().len() as u64, "node");
        shell.output.say(&format!("wrote {nodes} and {}", count(counts.all(), "key")));
        Ok(())
    }
}
