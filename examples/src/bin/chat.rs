//! Bots of chat channels. Each channel is a key, so one node at a time has it: it hears the lines
//! of the channel in their order, remembers who spoke and the last words, and answers who asks.
//! When the channel moves, what it remembers moves along.
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin chat -- --create --channel rust --channel nats
//! cargo run --bin chat -- --say rust "ferris: hello"
//! cargo run --bin chat -- --ask rust          # from any machine: the owner answers
//! ```
//!
//! Start a second node with `cargo run --bin chat`, kill the first one with `kill -9`, and ask
//! again. Any NATS client can do the same: `nats pub chat.rust "ferris: hello"`, and `nats request
//! divider.chat.to.rust ""`.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use async_nats::jetstream;
use clap::Parser;
use divider::store::nats::StreamOptions;
use divider::{Assignment, BoxError, Finish, Group, GroupName, Key, NatsStore};
use divider_examples::cli::{NodeArgs, exit_code, shutdown};
use serde::{Deserialize, Serialize};

/// Bots of chat channels, each on one node
#[derive(Debug, Parser)]
struct Args {
    /// The nats-server
    #[arg(long, value_name = "URL", env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// The group
    #[arg(long, value_name = "NAME", default_value = "chat")]
    group: GroupName,
    /// Create the group and the stream CHAT if they do not exist
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    node: NodeArgs,
    /// Announce this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<Key>,
    /// Say a line in a channel, such as "ferris: hello", and end
    #[arg(long, num_args = 2, value_names = ["CHANNEL", "LINE"])]
    say: Option<Vec<String>>,
    /// Ask the owner of a channel what it remembers, and end
    #[arg(long, value_name = "CHANNEL")]
    ask: Option<Key>,
}

/// What is remembered of a channel. It is saved with the position of the last line, in one write.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Channel {
    /// How many lines each person said.
    people: BTreeMap<String, u64>,
    /// The last lines, oldest first.
    last: VecDeque<String>,
}

impl Channel {
    fn hear(&mut self, line: &str) {
        let (person, _) = line.split_once(':').unwrap_or(("somebody", line));
        *self.people.entry(person.to_owned()).or_default() += 1;
        self.last.push_back(line.to_owned());
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve(Args::parse()).await)
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown()?;
    let client = async_nats::connect(&args.server).await?;
    if let Some(said) = &args.say {
        return say(client, &said[0], &said[1]).await;
    }
    let mut options = NatsStore::options();
    if args.create {
        let subjects = vec!["chat.>".to_owned()];
        let config =
            jetstream::stream::Config { name: STREAM.into(), subjects, ..Default::default() };
        jetstream::new(client).get_or_create_stream(config).await?;
        options = options.create_if_missing(StreamOptions::default());
    }
    let store = options.connect(&args.server, args.group).await?;
    let group = Group::open(store.clone());
    if let Some(channel) = &args.ask {
        // To ask changes nothing, so it may be asked again if an owner dies over it.
        let reply = group.request(channel, "").deadline(ANSWER).idempotent(true).await?;
        let answer = reply.payload();
        return Ok(writeln!(std::io::stdout(), "{}", String::from_utf8_lossy(answer))?);
    }
    group.announce_all(args.channel).await?;
    let (divider, events) = args.node.join(store).await?;
    divider::run(divider, events, bot).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

/// The bot of one channel: it runs on this node alone, until the channel has to move.
async fn bot(mine: Assignment) -> Result<Finish, BoxError> {
    let mut state = mine.checkpoint::<Channel>().await?;
    let mut channel = state.value()?.unwrap_or_default();
    let mut lines = mine.messages(STREAM, format!("chat.{}", mine.key())).await?;
    let mut requests = mine.requests().await?;
    eprintln!("in {} with {} people", mine.key(), channel.people.len());
    loop {
        tokio::select! {
            line = lines.next() => {
                let Some(line) = line? else { return Ok(Finish::Release) };
                channel.hear(&String::from_utf8_lossy(line.payload()));
                state.save_with(&channel, &line).await?;
            }
            request = requests.next() => {
                let Some(request) = request else { return Ok(Finish::Release) };
                request.reply(serde_json::to_vec(&channel)?).await?;
            }
        }
    }
}

async fn say(client: async_nats::Client, channel: &str, line: &str) -> Result<(), Box<dyn Error>> {
    let stream = jetstream::new(client);
    // Stored when the second wait is over.
    stream.publish(format!("chat.{channel}"), line.to_owned().into()).await?.await?;
    Ok(())
}

const STREAM: &str = "CHAT";

/// How many lines are remembered.
const LAST: usize = 20;

/// How long an answer is waited for: long enough for a channel that moves or whose node has died.
const ANSWER: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use divider::testing::Cluster;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_channel_remembers_every_line_in_order_when_its_node_crashes() {
        let cluster = Cluster::new();
        cluster.store().create_stream(STREAM, "chat.>");
        for node in ["w1", "w2"] {
            cluster.node(node).run(bot).await;
        }
        cluster.announce(["rust"]).await;
        for number in 0..30 {
            cluster.store().publish("chat.rust", format!("ferris: {number}"));
            if number == 15 {
                cluster.owner("rust").await.crash().await;
            }
        }
        cluster.settled().await;
        let reply = cluster.group().request(&"rust".parse().unwrap(), "").await.unwrap();
        let channel: Channel = serde_json::from_slice(reply.payload()).unwrap();
        let last: Vec<_> = (10..30).map(|number| format!("ferris: {number}")).collect();
        assert_eq!(channel.last, last);
        assert_eq!(channel.people["ferris"], 30);
    }
}
