//! The example of a backend keeps the contract of a store.

mod store;

use std::path::PathBuf;
use std::sync::Arc;

use divider::GroupName;
use divider::store::Store;
use divider::testing::store::{Broken, Harness, HarnessError, Injected, Suite};
use divider_local_server::Scratch;
use rusqlite::Connection;

use store::SqliteStore;

#[tokio::test]
async fn sqlite_keeps_the_contract() -> Result<(), Broken> {
    let scratch = Scratch::new().expect("a folder");
    let path = scratch.path().join("groups.db");
    let open = move |group: GroupName| {
        let path = path.clone();
        async move { SqliteStore::open(&path, group).await }
    };
    let report = Suite::new(open).with_faults(SqliteHarness::start).at_once(4).run().await;
    println!("{report}");
    // It has no server that could be hurt, no writer, and nothing that a backend may leave out.
    let expected = [
        "each_write_of_a_writer_has_an_outcome_of_its_own",
        "writes_of_a_writer_land_in_their_order",
        "a_writer_sends_nothing_that_was_forgotten",
        "an_entry_of_the_history_is_kept_once_and_in_order",
        "a_checkpoint_is_kept_with_its_token",
        "a_frozen_server_leaves_no_future_pending",
        "a_cut_connection_loses_no_change_silently",
        "a_crash_keeps_what_was_acknowledged_or_makes_another_log",
        "what_was_refused_during_an_outage_never_lands",
        "outcomes_are_true_while_connections_break",
        "a_full_store_refuses_what_grows_and_renews_what_does_not",
    ];
    assert_eq!(report.not_run().collect::<Vec<_>>(), expected);
    report.assert_holds()
}

struct SqliteHarness {
    store: SqliteStore,
    path: PathBuf,
    _scratch: Scratch,
}

impl SqliteHarness {
    async fn start(group: GroupName) -> Result<Self, HarnessError> {
        let scratch = Scratch::new()?;
        let path = scratch.path().join("groups.db");
        let store = SqliteStore::open(&path, group).await?;
        Ok(Self { store, path, _scratch: scratch })
    }
}

impl Harness for SqliteHarness {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    fn lose(&mut self) -> Option<Injected<'_>> {
        Some(Box::pin(async {
            let file = Connection::open(&self.path)?;
            file.execute_batch("DELETE FROM record; DELETE FROM log")?;
            SqliteStore::open(&self.path, self.store.group().clone()).await?;
            Ok(())
        }))
    }
}
