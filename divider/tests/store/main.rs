//! What every store does, run over every store; and what only a real server can do to one.
//!
//! `NATS_SERVER=/path/to/nats-server` runs it on another version than the pinned one.

mod faults;
mod garbage;
mod open;
mod said;
mod start;
mod subjects;
mod suite;
mod support;
mod watch;
mod writer;

use divider::{GroupName, MemoryStore};

use support::Nats;

/// One test for each behaviour and each store.
macro_rules! over_every_store {
    ($($module:ident: $($behaviour:ident)+;)+) => {
        mod in_memory {
            $($(
                #[tokio::test]
                async fn $behaviour() {
                    let group = super::GroupName::new("suite").expect("legal");
                    super::$module::$behaviour(&super::MemoryStore::new(group)).await;
                }
            )+)+
        }
        mod on_nats {
            $($(
                #[tokio::test]
                async fn $behaviour() {
                    let nats = super::Nats::start().await;
                    super::$module::$behaviour(&nats.store).await;
                }
            )+)+
        }
    };
}

over_every_store! {
    suite:
        a_write_gets_a_higher_revision
        compare_and_set_takes_only_the_newest_revision
        of_many_creates_exactly_one_wins
        a_write_over_a_revision_that_cannot_exist_is_a_conflict
        a_read_gives_the_newest_record
        a_record_tells_when_it_is_over_and_stays
        a_record_vanishes_silently_after_its_time
        limits_are_kept
        thousands_of_writes_go_out_together
        the_log_says_how_far_it_is;
    watch:
        an_empty_log_catches_up_at_once
        a_watch_gives_the_newest_of_each_and_then_changes
        concurrent_writes_are_delivered_in_the_order_of_their_revisions
        a_watch_gives_only_what_it_names
        a_snapshot_whose_end_expired_catches_up
        what_is_rewritten_during_a_snapshot_comes_before_its_end
        a_next_that_is_dropped_loses_nothing
        what_is_ready_and_what_is_waited_for_are_one_sequence
        a_watch_that_is_closed_leaves_others_alone;
}
