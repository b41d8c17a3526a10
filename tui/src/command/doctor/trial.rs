//! Writing, reading and watching something real: rights and settings alone say nothing of a full disk.

use std::time::Duration;

use divider::GroupName;
use divider::store::nats::Right;
use divider::store::{Change, Filter, Outcome, Store, StoreError, Write};

use super::Finding;
use crate::connection::Connected;
use crate::output::chain;

/// What is written: a tombstone of a node that there is none of, which goes by itself.
const NODE: &str = "divider-doctor";
const LIFE: Duration = Duration::from_secs(1);

/// How long a watch may take to show what is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries what the user's rights let it try.
pub(super) async fn try_it(
    connected: &Connected,
    group: &GroupName,
    rights: &[Right],
    findings: &mut Vec<Finding>,
) {
    // Why it cannot be opened stands in another line.
    let Ok(store) = connected.server.open(group.clone()).await else { return };
    let may = |what: &str| rights.iter().any(|r| r.what == what && r.refused.is_none());
    findings.push(write(&*store, name_of(may)).await);
    if may("watch") {
        findings.push(watch(&*store).await);
    }
}

/// Tries everything, whatever the user's rights are.
pub(super) async fn try_all(store: &dyn Store, findings: &mut Vec<Finding>) {
    findings.push(write(store, Some(format!("stops.{NODE}"))).await);
    findings.push(watch(store).await);
}

/// A record that the user may write and that no node uses.
fn name_of(may: impl Fn(&str) -> bool) -> Option<String> {
    if may("write its unconfirmed stops") {
        Some(format!("stops.{NODE}"))
    } else if may("write control records") {
        Some(format!("control.{NODE}"))
    } else {
        may("announce and retract keys").then(|| format!("key.{NODE}"))
    }
}

async fn write(store: &dyn Store, name: Option<String>) -> Finding {
    let Some(name) = name else {
        return Finding::ok("write", "not tested: this user may not write");
    };
    let tombstone = Write::delete(name.clone(), None).with_ttl(LIFE);
    let revision = match store.write(tombstone).await {
        Outcome::Acked(revision) => revision,
        Outcome::Refused(error) | Outcome::Unknown(error) => {
            return Finding::fail("write", chain(&error), remedy(&error));
        }
        Outcome::Conflict => {
            return Finding::fail("write", format!("{name}: unexpected conflict"), UNWELL);
        }
    };
    match store.read(&name).await {
        Ok(Some(record)) if record.revision >= revision => {
            Finding::ok("write", format!("wrote a tombstone of {name} and read it"))
        }
        Ok(_) => Finding::fail("write", format!("wrote {name}, but it is missing"), UNWELL),
        // To write and not to read is what an announcer may.
        Err(StoreError::Denied { .. }) => Finding::ok("write", format!("wrote {name}")),
        Err(error) => Finding::fail("write", chain(&error), remedy(&error)),
    }
}

async fn watch(store: &dyn Store) -> Finding {
    match tokio::time::timeout(PATIENCE, read_group(store)).await {
        Ok(Ok(())) => Finding::ok("watch", "opened a watch, and received records"),
        Ok(Err(error)) => Finding::fail("watch", chain(&error), remedy(&error)),
        Err(_) => Finding::fail("watch", "opened a watch, but received nothing", UNHEARD),
    }
}

async fn read_group(store: &dyn Store) -> Result<(), StoreError> {
    let mut watch = store.watch(Filter::new(["group"])).await?;
    let result = loop {
        match watch.next().await {
            Ok(Change::CaughtUp) => break Ok(()),
            Ok(Change::Record(_)) => {}
            Err(error) => break Err(error),
        }
    };
    watch.close().await;
    result
}

/// What to do about an error of a server that can be reached.
fn remedy(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full { .. } => {
            "free space: raise the stream's max_bytes, the account's storage limit or the server's \
             max_file_store, or free the disk; while the account or the server is full, leases are \
             not renewed"
        }
        StoreError::Other { what } if what.contains("(10026)") => {
            "raise the limit on consumers (max_consumers) of the account or the stream: each node and \
             each viewer needs one"
        }
        StoreError::Gap { .. } => UNHEARD,
        StoreError::Denied { .. } => "grant the user the right",
        _ => UNWELL,
    }
}

const UNHEARD: &str = "messages of the server do not arrive: if the group's stream is in another \
                       account, that account must export (and this one import) the inboxes of \
                       replies and watches, and $JS.FC.>; see the operations manual";

const UNWELL: &str = "check the server's log and disk: after a full disk, nats-server stores nothing \
                      until it is restarted";
