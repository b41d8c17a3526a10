//! `divider init`

use clap::Args;
use divider::store::nats::OpenError;
use divider::store::nats::StreamOptions;
use serde::Serialize;

use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Format, answer, answer_json};
use crate::shell::Shell;
use crate::size::parse_size;

/// Create a group
///
/// An existing group is checked and not changed. A group always uses file storage and keeps one
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
}

#[derive(Serialize)]
struct Made {
    schema: &'static str,
    group: String,
    /// Whether it was not there before.
    is_new: bool,
}

impl InitArgs {
    /// Makes the group, unless it is there: then its configuration is checked and left as it is.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&Format::OF_DEEDS)?;
        let connected = shell.connect().await?;
        let Some(group) = connected.wanted().cloned() else {
            let words = "the new group needs a name: set --group or DIVIDER_GROUP";
            return Err(Failure::new(Exit::Usage, words));
        };
        let is_new = match connected.account.open(group.clone()).await {
            Ok(_) => false,
            Err(OpenError::NoGroup { .. }) => {
                connected.account.open_or_create(group.clone(), self.stream()).await?;
                true
            }
            Err(error) => return Err(error.into()),
        };
        let what = if is_new { "created" } else { "already exists" };
        match format {
            Format::Json => {
                let group = group.to_string();
                answer_json(&Made { schema: "divider.init.v1", group, is_new })
            }
            Format::Name => Ok(answer(&format!("group/{group}\n"))?),
            _ => Ok(answer(&format!("group/{group} {what}\n"))?),
        }
    }

    fn stream(self) -> StreamOptions {
        let mut stream = StreamOptions::default().replicas(usize::from(self.replicas));
        if let Some(most) = self.max_bytes {
            stream = stream.max_bytes(most);
        }
        if let Some(cluster) = self.cluster {
            stream = stream.cluster(cluster);
        }
        self.tag.into_iter().fold(stream, StreamOptions::tag)
    }
}
