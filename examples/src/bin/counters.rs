//! Counters that are divided among nodes, with state that moves: each key adds up the numbers that are
//! published for it, and no number is lost or counted twice, whatever happens to the nodes.
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin counters -- --create --keys 8 --publish
//! ```
//!
//! Start a second one without `--publish`, kill one with `kill -9`, freeze one with `kill -STOP`, and
//! look at a counter with `nats kv get divider_state_counters k0`, or at all with `--show`.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use async_nats::jetstream;
use clap::Parser;
use divider::store::Store;
use divider::store::nats::StreamOptions;
use divider::{Assignment, BoxError, Finish, Group, GroupName, Key, NatsStore};
use divider_examples::cli::{NodeArgs, exit_code, shutdown};
use serde::{Deserialize, Serialize};

/// Adds up the numbers that are published for each key
#[derive(Debug, Parser)]
struct Args {
    /// The nats-server
    #[arg(long, value_name = "URL", env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// The group
    #[arg(long, value_name = "NAME", default_value = "counters")]
    group: GroupName,
    /// Create the group and the stream COUNTERS if they do not exist
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Announce so many counters, k0 and so on
    #[arg(long, value_name = "N", default_value_t = 0)]
    keys: u32,
    /// Publish a number for some counter every few milliseconds
    #[arg(long, requires = "keys")]
    publish: bool,
    /// Show the counters and end
    #[arg(long)]
    show: bool,
}

/// What a counter has added up. It is saved with the position of the last message, in one write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counter {
    /// How many numbers there were.
    count: u64,
    /// What they add up to.
    sum: u64,
    /// The sequence of the last one.
    last: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve(Args::parse()).await)
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown()?;
    let client = async_nats::connect(&args.server).await?;
    let mut options = NatsStore::options();
    if args.create {
        let subjects = vec!["counters.>".to_owned()];
        let config =
            jetstream::stream::Config { name: STREAM.into(), subjects, ..Default::default() };
        jetstream::new(client.clone()).get_or_create_stream(config).await?;
        options = options.create_if_missing(StreamOptions::default());
    }
    let store = options.connect(&args.server, args.group.clone()).await?;
    let keys = (0..args.keys).map(|number| Key::new(format!("k{number}")));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let group = Group::open(store.clone());
    group.announce_all(keys.iter().cloned()).await?;
    if args.show {
        return show(&store, &group).await;
    }
    let (divider, events) = args.node.join(store).await?;
    let publisher = args.publish.then(|| tokio::spawn(publish(client, keys)));
    divider::run(divider, events, count).with_graceful_shutdown(shutdown).await?;
    if let Some(publisher) = publisher {
        publisher.abort();
    }
    Ok(())
}

/// The work on one counter: this node alone does it, until the key has to stop.
async fn count(mine: Assignment) -> Result<Finish, BoxError> {
    let mut state = mine.checkpoint::<Counter>().await?;
    let mut inbox = mine.messages(STREAM, format!("counters.{}", mine.key())).await?;
    let mut counter = state.value()?.unwrap_or_default();
    eprintln!("start {} at {counter:?}", mine.key());
    while let Some(message) = inbox.next().await? {
        let number: u64 = std::str::from_utf8(message.payload())?.parse()?;
        counter.count += 1;
        counter.sum += number;
        counter.last = message.sequence();
        // The sum and the position in one write: a number counts once, also if this process ends here.
        state.save_with(&counter, &message).await?;
    }
    eprintln!("stop {} at {counter:?}", mine.key());
    Ok(Finish::Release)
}

async fn publish(client: async_nats::Client, keys: Vec<Key>) {
    let stream = jetstream::new(client);
    loop {
        let key = &keys[fastrand::usize(..keys.len())];
        let number = fastrand::u8(1..10).to_string();
        let sent = stream.publish(format!("counters.{key}"), number.into()).await;
        if let Err(error) = sent {
            eprintln!("not published: {error}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Prints each counter as it is saved, also if no node is up.
async fn show(store: &NatsStore, group: &Group) -> Result<(), Box<dyn Error>> {
    let checkpoints = store.checkpoints()?;
    for (key, _) in group.snapshot().await?.keys() {
        let found = checkpoints.read(key).await?.and_then(|record| record.content);
        let value = found.and_then(|content| content.value);
        let counter = value.map(|value| serde_json::from_slice::<Counter>(&value)).transpose()?;
        let counter = serde_json::to_string(&counter.unwrap_or_default())?;
        writeln!(std::io::stdout(), "{key} {counter}")?;
    }
    Ok(())
}

const STREAM: &str = "COUNTERS";

#[cfg(test)]
mod tests {
    use divider::testing::Cluster;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_counter_is_exact_whatever_happens_to_its_nodes() {
        let cluster = Cluster::new();
        cluster.store().create_stream(STREAM, "counters.>");
        for node in ["w1", "w2", "w3"] {
            cluster.node(node).run(count).await;
        }
        cluster.announce(["k0"]).await;
        let mut published = Counter::default();
        for round in 0..5 {
            for number in 0..100 {
                cluster.store().publish("counters.k0", number.to_string());
                published.count += 1;
                published.sum += number;
                published.last += 1;
            }
            let owner = cluster.owner("k0").await;
            match round {
                0 => owner.pause_past_lease().await,
                1 => drop(cluster.steal("k0").await),
                2 => owner.fence().await,
                3 => owner.crash().await,
                _ => drop(owner.shut_down().await),
            }
            cluster.settled().await;
            let counter = cluster.saved::<Counter>("k0").await;
            assert_eq!(counter, Some(published.clone()), "after round {round}");
        }
    }
}
