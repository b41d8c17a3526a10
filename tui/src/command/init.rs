//! `divider init`

use std::time::Duration;

use clap::Args;
use divider::GroupName;
use divider::store::nats::{CheckpointOptions, HistoryOptions, NatsAccount, StreamOptions};
use divider::store::{Backend, ConnectError};
use serde::Serialize;

use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, answer, answer_json, chain};
use crate::shell::Shell;
use crate::size::parse_size;
use crate::span::parse_span;

/// Create a group
///
/// An existing group is checked and not changed; a history is added if it has none, and checkpoints if
/// they are requested. The history is a second stream, `divider_history_GROUP`, of at most 10 000 entries: about one for each join, death,
/// drain and request. A group always uses file storage and keeps one
/// revision of each record, as the protocol requires. `nats stream edit` can change replicas and
/// limits later.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Number of replicas; with 3, one server may fail
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// Maximum size of the group, such as 512MiB; a key with its claim takes about 400 bytes
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// The cluster whose servers store the group
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// A tag that the servers must have; may be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How long to keep the history of the group, for `divider events`
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "7d")]
    history: Duration,
    /// Keep no history
    #[arg(long, conflicts_with = "history")]
    no_history: bool,
    /// Add a stream for checkpoints, the saved state of keys: `KV_divider_state_GROUP`
    #[arg(long)]
    checkpoints: bool,
    /// Maximum size of all checkpoints, such as 4GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "checkpoints")]
    checkpoints_max_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Made {
    schema: &'static str,
    group: String,
    /// Whether it was not there before.
    is_new: bool,
    /// Whether a history was made now; null without one.
    history_is_new: Option<bool>,
    /// Whether checkpoints were made now; null if they were not requested.
    checkpoints_are_new: Option<bool>,
}

impl InitArgs {
    /// Makes the group, unless it is there: then its configuration is checked and left as it is.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&Format::OF_CHANGES)?;
        let connected = shell.connect().await?;
        let Some(group) = connected.wanted().cloned() else {
            let words = "the new group needs a name: set --group or DIVIDER_GROUP";
            return Err(Failure::new(Exit::Usage, words));
        };
        let (stream, history) = (self.stream(), self.history());
        self.check_backend(connected.server.backend())?;
        let is_new = match connected.server.open(group.clone()).await {
            Ok(_) => false,
            Err(ConnectError::NoGroup { .. }) => {
                connected.server.open_or_create(group.clone(), stream.clone()).await?;
                true
            }
            Err(error) => return Err(error.into()),
        };
        let history_is_new = match (connected.server.nats(), &history) {
            (Some(account), Some(options)) => {
                add_history(shell, account, &group, &stream, options).await
            }
            _ => None,
        };
        let checkpoints_are_new = match (connected.server.nats(), self.checkpoint_options()) {
            (Some(account), Some(options)) => {
                Some(account.create_checkpoints(&group, &stream, &options).await?)
            }
            _ => None,
        };
        let what = match (is_new, history_is_new, checkpoints_are_new) {
            (true, ..) => "created",
            (false, Some(true), Some(true)) => "already exists; history and checkpoints added",
            (false, Some(true), _) => "already exists; history added",
            (false, _, Some(true)) => "already exists; checkpoints added",
            (false, ..) => "already exists",
        };
        match format {
            Format::Json => answer_json(&Made {
                schema: "divider.init.v1",
                group: group.to_string(),
                is_new,
                history_is_new,
                checkpoints_are_new,
            }),
            Format::Name => Ok(answer(&format!("group/{group}\n"))?),
            _ => Ok(answer(&format!("group/{group} {what}\n"))?),
        }
    }

    /// Refuses the settings that only a NATS stream has.
    fn check_backend(&self, backend: Backend) -> Outcome {
        let flag = match self {
            _ if backend == Backend::Nats => return Ok(()),
            Self { replicas: 2.., .. } => "--replicas",
            Self { max_bytes: Some(_), .. } => "--max-bytes",
            Self { cluster: Some(_), .. } => "--cluster",
            Self { tag, .. } if !tag.is_empty() => "--tag",
            Self { checkpoints_max_bytes: Some(_), .. } => "--checkpoints-max-bytes",
            _ => return Ok(()),
        };
        let words = format!("{flag} is a setting of NATS streams, and this server is {backend}");
        Err(Failure::new(Exit::Usage, words))
    }

    fn history(&self) -> Option<HistoryOptions> {
        (!self.no_history).then(|| HistoryOptions::default().max_age(self.history))
    }

    fn checkpoint_options(&self) -> Option<CheckpointOptions> {
        let options = CheckpointOptions::default();
        let with_limit = self.checkpoints_max_bytes.map(|max| options.clone().max_bytes(max));
        self.checkpoints.then(|| with_limit.unwrap_or(options))
    }

    fn stream(&self) -> StreamOptions {
        let mut stream = StreamOptions::default().replicas(usize::from(self.replicas));
        if let Some(most) = self.max_bytes {
            stream = stream.max_bytes(most);
        }
        if let Some(cluster) = &self.cluster {
            stream = stream.cluster(cluster);
        }
        self.tag.iter().fold(stream, StreamOptions::tag)
    }
}

/// Makes the history, if there is none. A group works without one, so a failure is only said.
async fn add_history(
    shell: &Shell,
    account: &NatsAccount,
    group: &GroupName,
    stream: &StreamOptions,
    options: &HistoryOptions,
) -> Option<bool> {
    match account.create_history(group, stream, options).await {
        Ok(is_new) => Some(is_new),
        Err(error) => {
            shell.output.say(&format!("the group has no history: {}", chain(&error)));
            None
        }
    }
}
