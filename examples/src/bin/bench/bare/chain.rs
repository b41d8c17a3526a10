//! The least that an announcement and its claim can take: the key is stored, delivered to every
//! watcher, and one of them writes its claim by compare-and-set and hears that it stands.

use std::thread;
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap, Subscriber};
use divider_examples::journal::now_ns;
use futures_util::StreamExt;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::writes::{CLAIM, consume};
use crate::setup::{Failure, servers};

/// The stream's group.
pub(crate) const GROUP: &str = "chain";

/// Announcements, and watchers that claim them in turn.
pub(crate) struct Chains {
    js: Context,
    count: u64,
    claimed: UnboundedReceiver<u64>,
}

impl Chains {
    /// So many watchers, each on a thread of its own. They end when this is dropped.
    pub(crate) async fn open(url: &str, watchers: u32) -> Result<Self, Failure> {
        let (tell, mut claimed) = unbounded_channel();
        for own in 0..u64::from(watchers) {
            let (url, tell) = (url.to_owned(), tell.clone());
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(watch(&url, own, u64::from(watchers), &tell))
            });
        }
        for _ in 0..watchers {
            // Each says that it is there.
            claimed.recv().await.ok_or("a watcher of the bench failed")?;
        }
        Ok(Self { js: jetstream::new(async_nats::connect(servers(url)).await?), count: 0, claimed })
    }

    /// How long the next one takes.
    pub(crate) async fn next(&mut self) -> Result<Duration, Failure> {
        let begun = now_ns();
        let subject = format!("divider.{GROUP}.key.{:07}", self.count);
        self.count += 1;
        self.js.publish(subject, "".into()).await?.await?;
        let at_ns = self.claimed.recv().await.ok_or("a watcher of the bench failed")?;
        Ok(Duration::from_nanos(at_ns - begun))
    }
}

async fn watch(
    url: &str,
    own: u64,
    watchers: u64,
    tell: &UnboundedSender<u64>,
) -> Result<(), Failure> {
    let client = async_nats::connect(servers(url)).await?;
    let (mut deliveries, _) = consume(&client, GROUP, "new").await?;
    let inbox = client.new_inbox();
    let mut acks = client.subscribe(inbox.clone()).await?;
    tell.send(0)?;
    loop {
        let message = tokio::select! {
            () = tell.closed() => return Ok(()),
            message = deliveries.next() => message.ok_or("the connection is closed")?,
        };
        let key = message.subject.strip_prefix("$KV.divider_chain.key.");
        if let Some(key) = key
            && key.parse::<u64>()? % watchers == own
        {
            claim(&client, key, inbox.clone(), &mut acks).await?;
            tell.send(now_ns())?;
        }
    }
}

async fn claim(
    client: &Client,
    key: &str,
    inbox: String,
    acks: &mut Subscriber,
) -> Result<(), Failure> {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
    let subject = format!("$KV.divider_chain.claim.{key}");
    client.publish_with_reply_and_headers(subject, inbox, headers, CLAIM.into()).await?;
    acks.next().await.ok_or("the connection is closed")?;
    Ok(())
}
