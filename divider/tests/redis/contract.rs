//! The contract of a store, on Redis.

use std::sync::Arc;
use std::time::Duration;

use divider::store::Store;
use divider::store::redis::RedisOptions;
use divider::testing::store::{Broken, Harness, HarnessError, Injected, Suite};
use divider::{GroupName, RedisStore};
use divider_local_server::RedisServer;

use crate::proxy::Proxy;

#[tokio::test]
async fn redis_keeps_the_contract() -> Result<(), Broken> {
    if !RedisServer::is_here_or_skip("redis_keeps_the_contract") {
        return Ok(());
    }
    let server = RedisServer::start().expect("a redis-server");
    let url = server.url();
    let open = move |group: GroupName| {
        let url = url.clone();
        async move {
            let options = RedisStore::options().request_timeout(Duration::from_secs(30));
            options.create_if_missing().connect(&url, group).await
        }
    };
    let suite = Suite::new(open).with_faults(RedisHarness::start).at_once(4);
    let report = suite.run().await;
    println!("{report}");
    assert_eq!(report.not_run().count(), 0, "Redis has all that the contract is about");
    report.assert_holds()
}

struct RedisHarness {
    store: RedisStore,
    proxy: Proxy,
    // Dropped after the store, so that this does not try to reconnect.
    server: RedisServer,
}

impl RedisHarness {
    async fn start(group: GroupName) -> Result<Self, HarnessError> {
        let server = RedisServer::start()?;
        let proxy = Proxy::to(server.port()).await?;
        let url = format!("redis://127.0.0.1:{}", proxy.port());
        // On a busy machine even a server that is there may be too late for the first request.
        let patient = options().wait_for_server(Duration::from_mins(1));
        let store = patient.create_if_missing().connect(url, group).await?;
        Ok(Self { store, proxy, server })
    }
}

fn options() -> RedisOptions {
    RedisStore::options().request_timeout(Duration::from_secs(2))
}

impl Harness for RedisHarness {
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
            self.server.command("FLUSHALL")?;
            let group = self.store.group().clone();
            options().create_if_missing().connect(self.server.url(), group).await?;
            Ok(())
        }))
    }
    fn fill(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            let memory = self.server.command("INFO memory")?;
            let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
            let used: u64 = used.unwrap_or_default().parse()?;
            // Room for a few hundred records: at less, connections count.
            self.server.command(&format!("CONFIG SET maxmemory {}", used + 512 * 1024))?;
            Ok(())
        }))
    }
}
