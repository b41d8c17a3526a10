//! What the store says when its server is hurt.

use super::super::subject::put;
use super::super::verdict::{Stop, ensure, ensure_eq};
use super::super::{Given, Harness, Injected, Verdict};
use crate::id::Revision;
use crate::store::{Change, Outcome};

/// Injects a fault, or says that the harness cannot.
pub(super) async fn inject<'a>(
    name: &str,
    harness: &'a mut Box<dyn Harness>,
    fault: impl FnOnce(&'a mut Box<dyn Harness>) -> Option<Injected<'a>>,
) -> Verdict {
    let Some(injecting) = fault(harness) else {
        return Err(Stop::NotRun(format!("the harness cannot {name}")));
    };
    injecting.await.map_err(|error| Stop::Failed(format!("the harness could not {name}: {error}")))
}

pub(super) async fn a_frozen_server_leaves_no_future_pending(given: &Given<'_>) -> Verdict {
    let (mut harness, store) = given.harness().await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.snapshot().await?;
    inject("freeze the server", &mut harness, |harness| harness.freeze()).await?;
    let outcome = store.outcome(put("key.a", "", 0)).await?;
    let told = matches!(outcome, Outcome::Unknown(_) | Outcome::Refused(_));
    ensure!(told, "a write to a frozen server: {outcome:?}, expected Unknown");
    let read = store.try_read("key.a").await?;
    ensure!(read.is_err(), "a read from a frozen server: {read:?}, expected an error");
    let opened = store.try_watch(&["key.>"]).await?;
    // A watch may open without the server, but it does not say that it has seen everything.
    if let Ok(mut opened) = opened {
        let change = tokio::time::timeout(std::time::Duration::from_secs(1), opened.watch.next());
        let change = change.await;
        ensure!(!matches!(change, Ok(Ok(_))), "a frozen server shows {change:?}");
    }
    inject("thaw the server", &mut harness, |harness| harness.thaw()).await?;
    store.until_it_answers().await?;
    // What was written after the thaw comes after what was held up.
    store.fill([put("key.end", "", None)].into_iter()).await?;
    if let Outcome::Refused(error) = outcome {
        let found = store.read("key.a").await?;
        ensure_eq!(found, None, "a write that was refused ({error})");
    }
    // The watch goes on and misses nothing, or it ends.
    loop {
        match watch.try_next().await? {
            Ok(Change::Record(record)) if record.name == "key.end" => break,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(())
}

pub(super) async fn a_cut_connection_loses_no_change_silently(given: &Given<'_>) -> Verdict {
    let (mut harness, store) = given.harness().await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.caught_up().await?;
    let mut names = Vec::new();
    for n in 0..5 {
        let name = format!("key.{n}");
        store.fill([put(&name, "", None)].into_iter()).await?;
        names.push(name);
        inject("cut the connections", &mut harness, |harness| harness.cut()).await?;
    }
    store.fill([put("key.end", "", None)].into_iter()).await?;
    let mut shown = std::collections::BTreeSet::new();
    loop {
        match watch.try_next().await? {
            Ok(Change::Record(record)) if record.name == "key.end" => break,
            Ok(Change::Record(record)) => shown.insert(record.name),
            Ok(Change::CaughtUp) => return Err(Stop::Failed("the snapshot ended twice".into())),
            // It said that it has lost its place: nobody takes it for complete.
            Err(_) => return all_there(&store, &names).await,
        };
    }
    ensure!(names.iter().all(|name| shown.contains(name)), "the watch has shown only {shown:?}");
    all_there(&store, &names).await
}

async fn all_there(store: &super::super::Subject, names: &[String]) -> Verdict {
    store.until_it_answers().await?;
    let view = store.view(&["key.>"]).await?;
    for name in names {
        ensure!(view.contains_key(name), "{name} is missing in a new watch");
    }
    Ok(())
}

pub(super) async fn a_crash_keeps_what_was_acknowledged_or_makes_another_log(
    given: &Given<'_>,
) -> Verdict {
    let (mut harness, store) = given.harness().await?;
    let before = store.info().await?;
    let mut revisions = Vec::new();
    for n in 0..20 {
        revisions.push(store.write(put(&format!("key.{n}"), "x", 0)).await?);
    }
    let mut watch = store.watch(&["key.>"]).await?;
    watch.snapshot().await?;
    inject("kill the server", &mut harness, |harness| harness.kill()).await?;
    watch.end().await?;
    inject("restart the server", &mut harness, |harness| harness.restart()).await?;
    let open_again = || async { Ok(store.store.info().await.is_ok()) };
    store.until("the store tells the state of the log again", open_again).await?;
    let after = store.info().await?;
    if after.created != before.created {
        return Ok(());
    }
    let view = store.view(&["key.>"]).await?;
    for (n, revision) in revisions.iter().enumerate() {
        let name = format!("key.{n}");
        let found = view.get(&name).map(|record| record.revision);
        ensure_eq!(found, Some(Revision(*revision)), "{name} after a crash, in the same log");
    }
    ensure!(after.last >= before.last, "the log goes back: from {:?} to {:?}", before, after);
    let next = store.write(put("key.next", "", None)).await?;
    ensure!(Some(&next) > revisions.last(), "revision {next} after a crash: {revisions:?}");
    Ok(())
}

pub(super) async fn what_was_refused_during_an_outage_never_lands(given: &Given<'_>) -> Verdict {
    let (mut harness, store) = given.harness().await?;
    inject("kill the server", &mut harness, |harness| harness.kill()).await?;
    let mut refused = Vec::new();
    for n in 0..6 {
        // Each has a name of its own: what nobody answered may land later.
        let name = format!("key.{n}");
        match store.outcome(put(&name, "", 0)).await? {
            Outcome::Refused(_) | Outcome::Conflict => refused.push(name),
            Outcome::Unknown(_) => {}
            acked @ Outcome::Acked(_) => {
                return Err(Stop::Failed(format!("a write to a killed server: {acked:?}")));
            }
        }
    }
    inject("restart the server", &mut harness, |harness| harness.restart()).await?;
    store.until_it_answers().await?;
    // What a client kept while it had no connection goes out before this.
    store.fill([put("group", "", None)].into_iter()).await?;
    for name in refused {
        ensure_eq!(store.read(&name).await?, None, "{name}, whose write was refused");
    }
    Ok(())
}
