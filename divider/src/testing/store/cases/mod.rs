//! The cases. Each is named by what a backend does.

mod checkpoints;
mod compare_and_set;
mod expiry;
mod faults;
mod history;
mod names;
mod outage;
mod snapshot;
mod watch;
mod writer;
mod writes;

use futures_util::future::BoxFuture;

use super::{Given, Verdict};

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) check: for<'a> fn(&'a Given<'a>) -> BoxFuture<'a, Verdict>,
}

macro_rules! cases {
    ($($module:ident: $($name:ident)+;)+) => {
        pub(super) const CASES: &[Case] = &[$($(
            Case { name: stringify!($name), check: |given| Box::pin($module::$name(given)) },
        )+)+];
    };
}

cases! {
    writes:
        a_write_gets_a_higher_revision
        a_write_does_nothing_before_it_is_polled
        a_read_gives_the_newest_record
        values_are_kept_byte_for_byte
        limits_are_kept
        thousands_of_writes_go_out_together
        the_log_says_how_far_it_is;
    compare_and_set:
        compare_and_set_takes_only_the_newest_revision
        compare_and_set_knows_tombstones
        a_conflict_changes_nothing
        a_write_over_a_revision_that_cannot_exist_is_a_conflict
        of_many_creates_exactly_one_wins
        no_increment_is_lost;
    names:
        names_are_told_apart_by_each_byte
        a_watch_gives_only_what_it_names
        groups_do_not_share_records;
    expiry:
        a_record_vanishes_silently_after_its_time
        a_record_stays_for_the_whole_of_its_time
        a_record_that_is_written_again_has_only_its_new_time
        what_was_superseded_stays_superseded
        revisions_rise_after_everything_has_expired
        a_record_tells_when_it_is_over_and_stays;
    snapshot:
        an_empty_log_catches_up_at_once
        a_watch_gives_the_newest_of_each_and_then_changes
        a_snapshot_has_everything_that_was_acknowledged
        a_snapshot_whose_end_expired_catches_up
        what_is_rewritten_during_a_snapshot_comes_before_its_end;
    watch:
        concurrent_writes_are_delivered_in_the_order_of_their_revisions
        a_slow_reader_misses_nothing_silently
        a_next_that_is_dropped_loses_nothing
        what_is_ready_and_what_is_waited_for_are_one_sequence
        an_idle_watch_stays_open
        an_age_is_not_ahead_of_the_record
        a_watch_that_is_closed_or_dropped_leaves_others_alone;
    writer:
        each_write_of_a_writer_has_an_outcome_of_its_own
        writes_of_a_writer_land_in_their_order
        a_writer_sends_nothing_that_was_forgotten;
    history:
        an_entry_of_the_history_is_kept_once_and_in_order;
    checkpoints:
        a_checkpoint_is_kept_with_its_token;
    faults:
        a_frozen_server_leaves_no_future_pending
        a_cut_connection_loses_no_change_silently
        a_crash_keeps_what_was_acknowledged_or_makes_another_log
        what_was_refused_during_an_outage_never_lands;
    outage:
        outcomes_are_true_while_connections_break
        a_lost_log_is_another_log
        a_full_store_refuses_what_grows_and_renews_what_does_not;
}
