//! Names of records and of groups.

use super::super::subject::put;
use super::super::verdict::{ensure, ensure_eq};
use super::super::{Given, Verdict};
use crate::store::StoreError;

pub(super) async fn names_are_told_apart_by_each_byte(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let mut names = vec!["key.a", "key.A", "key.a.b", "key.a-b", "key.a/b", "key.a_b", "key.a=b"];
    let mut revisions = Vec::new();
    for name in &names {
        revisions.push(store.write(put(name, *name, 0)).await?);
    }
    for (name, revision) in names.iter().zip(revisions) {
        let record = store.record(name).await?;
        ensure_eq!((record.name.as_str(), record.revision.0), (*name, revision), "the record");
    }
    names.sort_unstable();
    let view = store.view(&["key.>"]).await?;
    ensure_eq!(view.keys().map(String::as_str).collect::<Vec<_>>(), names, "the names of a watch");
    Ok(())
}

pub(super) async fn a_watch_gives_only_what_it_names(given: &Given<'_>) -> Verdict {
    const NAMES: [&str; 8] =
        ["a_b.c", "axb.c", "group", "key.a", "key.a.b", "keys.a", "lease.w1", "lease.w10"];
    const CASES: [(&[&str], &[&str]); 8] = [
        (&["key.>"], &["key.a", "key.a.b"]),
        (&["key.a"], &["key.a"]),
        (&["KEY.>"], &[]),
        (&["a_b.>"], &["a_b.c"]),
        (&["lease.w1"], &["lease.w1"]),
        (&["group", "key.>", "lease.w1"], &["group", "key.a", "key.a.b", "lease.w1"]),
        (&["claim.>"], &[]),
        (&[">"], &NAMES),
    ];
    let store = given.store().await?;
    // Some backends write this one when they create the group.
    store.write(put("group", "", None)).await?;
    let mut watches = Vec::new();
    for (filter, want) in CASES {
        let mut watch = store.watch(filter).await?;
        watch.snapshot().await?;
        watches.push((watch, filter, want));
    }
    for name in NAMES.into_iter().filter(|name| *name != "group") {
        store.write(put(name, "", None)).await?;
    }
    for (filter, want) in CASES {
        let view = store.view(filter).await?;
        let found: Vec<_> = view.keys().map(String::as_str).collect();
        ensure_eq!(found, want, "the snapshot of {filter:?}");
    }
    for (mut watch, filter, want) in watches {
        for name in want.iter().filter(|name| **name != "group") {
            ensure_eq!(watch.record().await?.name, *name, "the next change of {filter:?}");
        }
        watch.close().await?;
    }
    for illegal in [&[][..], &["key.>", "key.a"], &["key.*"], &["key. a"]] {
        let opened = store.try_watch(illegal).await?.map(drop);
        let invalid = matches!(opened, Err(StoreError::Invalid { .. }));
        ensure!(invalid, "a watch of {illegal:?}: {opened:?}, expected Invalid");
    }
    Ok(())
}

pub(super) async fn groups_do_not_share_records(given: &Given<'_>) -> Verdict {
    let (store, other) = (given.store().await?, given.other_group().await?);
    ensure!(
        store.store.group() != other.store.group(),
        "two groups are both called {}",
        store.store.group()
    );
    store.write(put("key.a", "here", 0)).await?;
    ensure_eq!(other.read("key.a").await?, None, "a record of another group");
    other.write(put("key.b", "there", 0)).await?;
    ensure_eq!(other.names().await?, ["key.b"], "the names of the other group");
    Ok(())
}
