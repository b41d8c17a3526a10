//! The harness's own way to the log, through the library and beside all proxies.

use std::sync::Arc;
use std::time::Duration;

use divider::store::{Outcome, Store, StoreOptions, Write};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{GROUP, patiently};
use crate::Failure;

/// How long evidence is waited for.
const LOOK: Duration = Duration::from_secs(3);

/// A store that is there throughout.
pub(super) struct Side {
    runtime: Handle,
    url: String,
    store: Arc<dyn Store>,
}

impl Side {
    /// Creates the group where it is missing, and opens it.
    pub(super) fn open(runtime: &Handle, url: String) -> Result<Self, Failure> {
        let store = make(runtime, &url)?;
        Ok(Self { runtime: runtime.clone(), url, store })
    }

    /// Creates the group where it is missing, and opens it for another one.
    pub(super) fn make_group(&self) -> Result<Arc<dyn Store>, Failure> {
        make(&self.runtime, &self.url)
    }

    /// Writes a record's value over whatever is there. Its connection may have been lost to an
    /// earlier fault, so it tries again.
    pub(super) fn put(&self, name: &str, value: &[u8]) -> Result<(), Failure> {
        let write = Write::put(name.to_owned(), value.to_vec(), None);
        let attempt = async || match self.store.write(write.clone()).await {
            Outcome::Acked(_) => Ok(()),
            other => Err(format!("{name} was not written: {other:?}")),
        };
        Ok(self.runtime.block_on(patiently(attempt))?)
    }

    /// What the log has under these names, as far as the server answers.
    pub(super) fn records(&self, names: &[String]) -> Vec<String> {
        let told = names.iter().map(|name| {
            let read = self.store.read(name);
            let answer = self.runtime.block_on(async { timeout(LOOK, read).await });
            let Ok(Ok(Some(record))) = answer else {
                return format!("the log has no record {name}");
            };
            let value = record.value.map(|value| String::from_utf8_lossy(&value).into_owned());
            let value = value.unwrap_or_else(|| "a tombstone".to_owned());
            format!("{name} at {}: {value}", record.revision)
        });
        told.collect()
    }
}

fn make(runtime: &Handle, url: &str) -> Result<Arc<dyn Store>, Failure> {
    let options = StoreOptions::default().create_if_missing();
    let group: divider::GroupName = GROUP.parse()?;
    Ok(runtime.block_on(patiently(async || options.connect(url, group.clone()).await))?)
}
