//! The contract of a store, on NATS.

use std::sync::Arc;
use std::time::Duration;

use divider::store::Store;
use divider::store::nats::{HistoryOptions, NatsOptions, StreamOptions};
use divider::testing::store::{Broken, Harness, HarnessError, Injected, Suite};
use divider::{GroupName, NatsStore};
use divider_local_server::LocalServer;
use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::support::{api, creating};

#[tokio::test]
async fn nats_keeps_the_contract() -> Result<(), Broken> {
    let server = LocalServer::start().expect("a nats-server");
    let url = server.url();
    let open = move |group: GroupName| {
        let url = url.clone();
        async move {
            let store = creating().connect(&url, group.clone()).await?;
            let account = NatsStore::options().account(&url).await?;
            let (stream, history) = (StreamOptions::default(), HistoryOptions::default());
            account.create_history(&group, &stream, &history).await?;
            Ok::<_, HarnessError>(store)
        }
    };
    let suite = Suite::new(open).with_faults(NatsHarness::start).at_once(4);
    let report = suite.run().await;
    println!("{report}");
    assert_eq!(report.not_run().count(), 0, "NATS has all that a backend may have");
    report.assert_holds()
}

struct NatsHarness {
    store: NatsStore,
    stream: String,
    proxy: Proxy,
    // Dropped after the store, so that this does not try to reconnect.
    server: LocalServer,
}

impl NatsHarness {
    async fn start(group: GroupName) -> Result<Self, HarnessError> {
        let server = LocalServer::start()?;
        let proxy = Proxy::to(server.port()).await?;
        let url = format!("nats://127.0.0.1:{}", proxy.port());
        creating().connect(server.url(), group.clone()).await?;
        let mut tries = 0;
        let store = loop {
            tries += 1;
            // On a busy machine even a server that is there may be too late for it.
            match options().connect(&url, group.clone()).await {
                Err(_) if tries < 10 => {}
                store => break store?,
            }
        };
        Ok(Self { store, stream: format!("KV_divider_{group}"), proxy, server })
    }

    /// A request to the server, beside the store.
    async fn ask(&self, what: &str, body: Value) -> Result<Value, HarnessError> {
        let client = async_nats::connect(self.server.url()).await?;
        Ok(api(&client, &format!("STREAM.{what}.{}", self.stream), body).await)
    }
}

fn options() -> NatsOptions {
    let options = NatsStore::options().request_timeout(Duration::from_secs(2));
    options.ignore_discovered_servers().create_if_missing(StreamOptions::default())
}

impl Harness for NatsHarness {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }
    fn kill(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            self.server.kill();
            Ok(())
        }))
    }
    fn restart(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async { Ok(self.server.restart()?) }))
    }
    fn freeze(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            self.server.freeze();
            Ok(())
        }))
    }
    fn thaw(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            self.server.thaw();
            Ok(())
        }))
    }
    fn cut(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            self.proxy.cut();
            Ok(())
        }))
    }
    fn lose(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            self.ask("DELETE", Value::Null).await?;
            options().connect(self.server.url(), self.store.group().clone()).await?;
            Ok(())
        }))
    }
    fn fill(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            let mut config = self.ask("INFO", Value::Null).await?["config"].take();
            config["max_bytes"] = json!(self.store.info().await?.bytes);
            let updated = self.ask("UPDATE", config).await?;
            match updated.get("error") {
                Some(error) => Err(error.to_string().into()),
                None => Ok(()),
            }
        }))
    }
}
