//! What all scenarios share: a server, a group on it, its nodes, and what they were told.

use std::time::Duration;

use divider::{Group, Key};
use futures_util::future::try_join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::node::{Node, Seen, What};
use crate::servers::Servers;
use crate::setup::{Failure, Setup};

/// The group that is measured.
pub(crate) const GROUP: &str = "bench";

/// How long anything may take, unless it makes progress.
const PATIENCE: Duration = Duration::from_mins(1);

/// A group under measurement.
pub(crate) struct Stage {
    pub(crate) setup: Setup,
    pub(crate) group: Group,
    pub(crate) nodes: Vec<Node>,
    /// Everything that the nodes were told, as it was heard of.
    pub(crate) seen: Vec<Seen>,
    news: mpsc::UnboundedReceiver<Vec<Seen>>,
    tell: mpsc::UnboundedSender<Vec<Seen>>,
    running: i64,
    // Last: the nodes go before it does.
    pub(crate) servers: Servers,
}

impl Stage {
    /// A server with an empty group.
    pub(crate) async fn open(setup: &Setup) -> Result<Self, Failure> {
        let servers = Servers::start(setup)?;
        let group = servers.make(GROUP).await?;
        let (tell, news) = mpsc::unbounded_channel();
        let (nodes, seen) = (Vec::new(), Vec::new());
        Ok(Self { setup: *setup, group, nodes, seen, news, tell, running: 0, servers })
    }

    /// The same with its nodes and keys, all of them running.
    pub(crate) async fn full(setup: &Setup) -> Result<Self, Failure> {
        let mut stage = Self::open(setup).await?;
        stage.announce(0..setup.keys).await?;
        stage.join(0..setup.nodes).await?;
        stage.settle().await?;
        Ok(stage)
    }

    /// Starts nodes of these numbers together and waits until they are members.
    pub(crate) async fn join(&mut self, numbers: std::ops::Range<u32>) -> Result<(), Failure> {
        let (url, wanted) = (self.servers.url(), numbers.len());
        let before = self.count(|what| what == What::Joined);
        let start = |number| Node::start(&self.setup, &url, number, self.tell.clone());
        let nodes = try_join_all(numbers.map(start)).await?;
        self.nodes.extend(nodes);
        let joined = |stage: &Self| stage.count(|what| what == What::Joined) >= before + wanted;
        self.until("nodes to join", joined).await
    }

    /// Makes these keys exist.
    pub(crate) async fn announce(&self, numbers: std::ops::Range<u32>) -> Result<(), Failure> {
        let keys: Result<Vec<Key>, _> = numbers.map(|number| Key::new(key(number))).collect();
        self.group.announce_all(keys?).await?;
        Ok(())
    }

    /// How many of what has been seen are so.
    pub(crate) fn count(&self, is: impl Fn(What) -> bool) -> usize {
        self.seen.iter().filter(|seen| is(seen.what)).count()
    }

    /// How many keys run.
    pub(crate) fn running(&self) -> i64 {
        self.running
    }

    /// What has been seen since there were this many.
    pub(crate) fn since(&self, mark: usize) -> &[Seen] {
        &self.seen[mark..]
    }

    /// Listens until it is so. It fails when nothing is heard for a minute.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), Failure> {
        while !done(self) {
            let Ok(Some(seen)) = timeout(PATIENCE, self.news.recv()).await else {
                return Err(format!(
                    "waited for {what}: nothing happened for a minute, {} keys run",
                    self.running
                )
                .into());
            };
            self.hear(seen);
        }
        Ok(())
    }

    /// Listens until all keys run and nothing has moved for a second.
    pub(crate) async fn settle(&mut self) -> Result<(), Failure> {
        let keys = i64::from(self.setup.keys);
        self.until("all keys to run", |stage| stage.running >= keys).await?;
        self.quiet(Duration::from_secs(1)).await;
        Ok(())
    }

    /// Listens until nothing has happened for so long.
    pub(crate) async fn quiet(&mut self, span: Duration) {
        while let Ok(Some(seen)) = timeout(span, self.news.recv()).await {
            self.hear(seen);
        }
    }

    /// Listens for so long.
    pub(crate) async fn listen(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while let Ok(Some(seen)) = tokio::time::timeout_at(end, self.news.recv()).await {
            self.hear(seen);
        }
    }

    fn hear(&mut self, news: Vec<Seen>) {
        for seen in &news {
            match seen.what {
                What::Start(_) => self.running += 1,
                What::Stop(_) | What::Lost(_) => self.running -= 1,
                What::Joined => {}
            }
        }
        self.seen.extend(news);
    }

    /// A node was killed with so many keys, which it will not be told to stop.
    pub(crate) fn forget(&mut self, keys: i64) {
        self.running -= keys;
    }

    /// The keys that a node runs now.
    pub(crate) fn keys_of(&self, node: u32) -> i64 {
        let of = self.seen.iter().filter(|seen| seen.node == node);
        of.map(|seen| match seen.what {
            What::Start(_) => 1,
            What::Stop(_) | What::Lost(_) => -1,
            What::Joined => 0,
        })
        .sum()
    }

    /// Ends all nodes, without handing anything over.
    pub(crate) async fn close(self) {
        let tasks = self.nodes.iter().filter_map(Node::divider);
        futures_util::future::join_all(tasks.map(divider::Divider::cancel)).await;
    }
}

/// The text of the key with that number.
pub(crate) fn key(number: u32) -> String {
    format!("bench.key.{number:07}")
}
