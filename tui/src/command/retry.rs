//! `divider retry`

use clap::Args;
use divider::Key;
use divider::snapshot::Phase;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::command::key::parse_key;
use crate::exit::Outcome;
use crate::shell::Shell;

/// Retry keys that are in quarantine
///
/// A node takes each key and starts it at once. `divider keys --phase quarantined` lists them, and
/// `divider key KEY` shows the last error. A key that is not in quarantine is refused; the keys before
/// it are still retried.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The keys
    #[arg(value_name = "KEY", required_unless_present = "all", value_parser = parse_key, add = crate::complete::keys())]
    keys: Vec<Key>,
    /// Retry every key in quarantine
    #[arg(long, conflicts_with = "keys")]
    all: bool,
    #[command(flatten)]
    signed: Signed,
}

impl RetryArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let mut keys = self.keys;
        if self.all {
            let snapshot = group.snapshot().await?;
            let quarantined = snapshot.keys().filter(|(_, key)| key.phase == Phase::Quarantined);
            keys = quarantined.map(|(key, _)| key.clone()).collect();
            if keys.is_empty() {
                shell.output.say("no key is in quarantine");
            }
        }
        let (mut changes, mut end) = (Vec::new(), Ok(()));
        for key in &keys {
            match group.retry(key, &self.signed.why()).await {
                Ok(edited) => {
                    changes.push(ChangeReport::edited(key.to_string(), "retried", edited));
                }
                Err(error) => {
                    end = Err(error.into());
                    break;
                }
            }
        }
        shell.answer_changes_until(group.name().as_str(), &changes, end)
    }
}
