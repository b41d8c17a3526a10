//! `divider init`

use clap::Args;
use divider::store::StreamOptions;
use divider::{NatsStore, OpenError};

use crate::Outcome;
use crate::cli::Place;
use crate::output::answer;

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// How many servers keep a copy; with 3, one may fail
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// The most bytes that the group may take; a key with its claim takes about 400
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
}

/// Makes the group, unless it is there: then its configuration is checked and left as it is.
pub(crate) async fn run(args: InitArgs) -> Outcome {
    let InitArgs { place, replicas, max_bytes } = args;
    let found = NatsStore::connect(&place.server, place.group.clone()).await;
    let made = match found {
        Ok(_) => false,
        Err(OpenError::NoGroup { .. }) => {
            let mut stream = StreamOptions::default().replicas(usize::from(replicas));
            if let Some(most) = max_bytes {
                stream = stream.max_bytes(most);
            }
            let options = NatsStore::options().create_if_missing(stream);
            options.connect(&place.server, place.group.clone()).await?;
            true
        }
        Err(error) => return Err(error.into()),
    };
    let what = if made { "made" } else { "already there" };
    answer(&format!("group/{} {what}\n", place.group))?;
    Ok(())
}
