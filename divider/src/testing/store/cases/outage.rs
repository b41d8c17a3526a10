//! Outages under load, the loss of the log, and a full server.

use futures_util::future::join_all;

use super::super::subject::{delete, put};
use super::super::verdict::{Stop, ensure, ensure_eq, in_time};
use super::super::{Given, Verdict};
use super::faults::inject;
use crate::store::{Outcome, StoreError};

pub(super) async fn outcomes_are_true_while_connections_break(given: &Given<'_>) -> Verdict {
    const ROUNDS: usize = 5;
    const EACH: usize = 200;
    let (mut harness, store) = given.harness().await?;
    let mut outcomes = Vec::new();
    for round in 0..ROUNDS {
        let name = |n: usize| format!("claim.{round}.{n}");
        let write = |n: usize| {
            let write = store.store.write(put(&name(n), "", 0));
            async move {
                // Some are on their way when the connection breaks, and some come later.
                for _ in 0..n / 20 {
                    tokio::task::yield_now().await;
                }
                (name(n), write.await)
            }
        };
        let writing = join_all((0..EACH).map(write));
        let cutting = inject("cut the connections", &mut harness, |harness| harness.cut());
        let both = async { tokio::join!(writing, cutting) };
        let (written, cut) = in_time(given.suite.patience, "200 writes end", both).await?;
        cut?;
        outcomes.extend(written);
        store.until_it_answers().await?;
    }
    // Nothing of the earlier connections can land after this.
    store.fill([put("group", "", None)].into_iter()).await?;
    let view = store.view(&["claim.>"]).await?;
    for (name, outcome) in outcomes {
        let found = view.get(&name).map(|record| record.revision);
        match outcome {
            Outcome::Acked(revision) => ensure_eq!(found, Some(revision), "{name}, acknowledged"),
            Outcome::Refused(_) => ensure_eq!(found, None, "{name}, refused"),
            Outcome::Unknown(_) => {}
            // Each name was written once, over nothing.
            Outcome::Conflict => {
                return Err(Stop::Failed(format!("{name}: a conflict with nobody")));
            }
        }
    }
    Ok(())
}

pub(super) async fn a_lost_log_is_another_log(given: &Given<'_>) -> Verdict {
    let (mut harness, store) = given.harness().await?;
    store.write(put("key.a", "old", 0)).await?;
    let before = store.info().await?;
    let mut watch = store.watch(&["key.>"]).await?;
    watch.snapshot().await?;
    inject("lose the log", &mut harness, |harness| harness.lose()).await?;
    watch.end().await?;
    let another = || async {
        let info = in_time(given.suite.patience, "the log's state is told", store.store.info());
        Ok(info.await?.is_ok_and(|info| info.created != before.created))
    };
    store.until("the store says that it is another log", another).await?;
    ensure_eq!(store.read("key.a").await?, None, "a record of the log that was lost");
    store.write(put("key.a", "new", 0)).await?;
    ensure_eq!(store.names().await?, ["key.a"], "the names of the new log");
    Ok(())
}

pub(super) async fn a_full_store_refuses_what_grows_and_renews_what_does_not(
    given: &Given<'_>,
) -> Verdict {
    const MANY: usize = 100_000;
    let (mut harness, store) = given.harness().await?;
    let lease = store.write(put("lease.w1", vec![b'x'; 300], 0)).await?;
    let key = store.write(put("key.a", vec![b'x'; 500], 0)).await?;
    inject("fill the server", &mut harness, |harness| harness.fill()).await?;
    let mut full = None;
    for n in 0..MANY {
        match store.outcome(put(&format!("key.more.{n}"), vec![b'x'; 1_000], 0)).await? {
            Outcome::Acked(_) => {}
            other => {
                full = Some(other);
                break;
            }
        }
    }
    let refused = matches!(full, Some(Outcome::Refused(StoreError::Full { .. })));
    ensure!(refused, "a full store says {full:?}, expected Refused(Full)");
    let mut lease = lease;
    for _ in 0..100 {
        lease = store.write(put("lease.w1", vec![b'y'; 300], lease)).await?;
    }
    store.write(delete("lease.w1", lease)).await?;
    store.write(delete("key.a", key)).await?;
    Ok(())
}
