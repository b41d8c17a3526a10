//! The contract of a store, on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use divider::GroupName;
use divider::store::Store;
use divider::store::postgres::{PostgresOptions, PostgresStore};
use divider::testing::store::{Broken, Harness, HarnessError, Injected, Suite};
use divider_local_server::LocalPostgres;

use crate::proxy::Proxy;
use crate::support::{creating, server};

#[tokio::test]
async fn postgres_keeps_the_contract() -> Result<(), Broken> {
    keeps_the_contract(true).await
}

#[tokio::test]
async fn postgres_without_notifications_keeps_the_contract() -> Result<(), Broken> {
    keeps_the_contract(false).await
}

async fn keeps_the_contract(notify: bool) -> Result<(), Broken> {
    let Some(server) = server() else { return Ok(()) };
    let url = server.url();
    let open = move |group: GroupName| {
        let url = url.clone();
        async move { creating().notify(notify).connect(&url, group).await }
    };
    let start = move |group| PostgresHarness::start(group, notify);
    let report = Suite::new(open).with_faults(start).at_once(2).run().await;
    assert_eq!(report.not_run().count(), 0, "PostgreSQL has all that it asks for: {report}");
    report.assert_holds()
}

struct PostgresHarness {
    store: PostgresStore,
    proxy: Proxy,
    notify: bool,
    server: LocalPostgres,
}

impl PostgresHarness {
    async fn start(group: GroupName, notify: bool) -> Result<Self, HarnessError> {
        let server = LocalPostgres::start()?;
        let proxy = Proxy::to(server.port()).await?;
        creating().connect(server.url(), group.clone()).await?;
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port());
        let mut tries = 0;
        let store = loop {
            tries += 1;
            // On a busy machine even a server that is there may be too late for it.
            match options(notify).connect(&url, group.clone()).await {
                Err(_) if tries < 10 => {}
                store => break store?,
            }
        };
        Ok(Self { store, proxy, notify, server })
    }

    /// A statement about the group, beside the store.
    fn sql(&self, statement: &str) -> Result<(), HarnessError> {
        let of_group = format!("{statement} WHERE name = '{}'", self.store.group());
        Ok(self.server.sql(&of_group).map(drop)?)
    }
}

fn options(notify: bool) -> PostgresOptions {
    PostgresStore::options().request_timeout(Duration::from_secs(5)).notify(notify)
}

impl Harness for PostgresHarness {
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
            self.sql("DELETE FROM divider.groups")?;
            let (url, group) = (self.server.url(), self.store.group().clone());
            options(self.notify).create_if_missing().connect(url, group).await?;
            Ok(())
        }))
    }
    fn fill(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async { self.sql("UPDATE divider.groups SET max_bytes = bytes") }))
    }
}
