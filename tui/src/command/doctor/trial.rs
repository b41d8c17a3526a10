//! Writing, reading and watching something real: rights and settings alone say nothing of a full disk.

use std::time::Duration;

use divider::GroupName;
use divider::store::{Change, Filter, NatsStore, Outcome, Right, Store, StoreError, Write};

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
    let Ok(store) = connected.account.open(group.clone()).await else { return };
    let may = |what: &str| rights.iter().any(|r| r.what == what && r.refused.is_none());
    findings.push(write(&store, name_of(may)).await);
    if may("watch") {
        findings.push(watch(&store).await);
    }
}

/// A record that the user may write and that no node goes by.
fn name_of(may: impl Fn(&str) -> bool) -> Option<String> {
    if may("say what it stops") {
        Some(format!("stops.{NODE}"))
    } else if may("say what nodes are to do") {
        Some(format!("control.{NODE}"))
    } else {
        may("announce and retract keys").then(|| format!("key.{NODE}"))
    }
}

async fn write(store: &NatsStore, name: Option<String>) -> Finding {
    let Some(name) = name else {
        return Finding::ok("write", "not tried: this user may write nothing");
    };
    let tombstone = Write {
        name: name.clone(),
        value: None,
        expected: None,
        ttl: Some(LIFE),
        expires_in: None,
    };
    let revision = match store.write(tombstone).await {
        Outcome::Acked(revision) => revision,
        Outcome::Refused(error) | Outcome::Unknown(error) => {
            return Finding::fail("write", chain(&error), remedy(&error));
        }
        Outcome::Conflict => {
            return Finding::fail("write", format!("{name}: a conflict over nothing"), UNWELL);
        }
    };
    match store.read(&name).await {
        Ok(Some(record)) if record.revision >= revision => {
            Finding::ok("write", format!("a tombstone of {name} was written and read back"))
        }
        Ok(_) => Finding::fail("write", format!("{name} was written, and is not there"), UNWELL),
        // To write and not to read is what an announcer may.
        Err(StoreError::Denied { .. }) => Finding::ok("write", format!("{name} was written")),
        Err(error) => Finding::fail("write", chain(&error), remedy(&error)),
    }
}

async fn watch(store: &NatsStore) -> Finding {
    match tokio::time::timeout(PATIENCE, read_group(store)).await {
        Ok(Ok(())) => Finding::ok("watch", "a watch was opened, and shows what is there"),
        Ok(Err(error)) => Finding::fail("watch", chain(&error), remedy(&error)),
        Err(_) => Finding::fail("watch", "it was opened, and shows nothing", UNHEARD),
    }
}

async fn read_group(store: &NatsStore) -> Result<(), StoreError> {
    let mut watch = store.watch(Filter { names: vec!["group".to_owned()] }).await?;
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
            "make room: raise the stream's max_bytes, the account's storage limit or the server's \
             max_file_store, or free the disk; leases are not renewed either while the account or the \
             server is full"
        }
        StoreError::Other { what } if what.contains("(10026)") => {
            "raise the limit on consumers (max_consumers) of the account or the stream: each node and \
             each viewer needs one"
        }
        StoreError::Gap { .. } => UNHEARD,
        StoreError::Denied { .. } => "give the user the right",
        _ => UNWELL,
    }
}

const UNHEARD: &str = "what the server sends does not arrive: where the group's stream is in another \
                       account, that has to export (and this one to import) the inboxes that its \
                       answers and watches go to, and $JS.FC.>; see the operations manual";

const UNWELL: &str = "look at the server's log and its disk: after its disk was full, nats-server stores \
                      nothing until it is restarted";
