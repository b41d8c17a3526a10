//! Ways to break a backend.

use Flaw::*;

/// One rule of the contract that a backend breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    // Writes and reads.
    AckNamesAnotherRevision,
    WritesBeforeItIsPolled,
    ReadIsOld,
    TombstoneReadsAsNothing,
    EmptyValueIsATombstone,
    ValueIsText,
    LongValueIsCut,
    InfoIsOld,
    SecondStoreHasAnotherIdentity,
    // Compare-and-set.
    ExpectedIsIgnored,
    CreateReplacesATombstone,
    ConflictAlthoughItLanded,
    NeverExpectedIsNoCondition,
    CompareThenSet,
    // Names and groups.
    NamesIgnoreCase,
    PrefixWithoutItsDot,
    UnderscoreIsAnyCharacter,
    AllGroupsAreOne,
    // Times.
    ExpiryIsShown,
    ExpiresEarly,
    NeverExpires,
    OldTimeStaysInForce,
    SupersededComesBack,
    TimeLeftIsForgotten,
    // Watches.
    NoEndOfSnapshot,
    TwoEndsOfSnapshot,
    EndBeforeTheLastRecord,
    SnapshotLacksTheNewest,
    SnapshotShowsSuperseded,
    TombstonesAreHidden,
    ChangesAreSwapped,
    EachTenthChangeIsLost,
    DroppedNextLosesAChange,
    ReadyShowsTwice,
    IdleWatchEnds,
    CloseEndsAllWatches,
    AgeIsWrong,
    // Writers.
    WriterSwallowsOutcomes,
    WriterStopsAtAConflict,
    WriterReordersWrites,
    WriterSendsWhatWasForgotten,
    // What a backend may have.
    HistoryRepeats,
    CheckpointLosesItsToken,
    // Faults.
    TimedOutWriteIsRefused,
    TimedOutReadIsNothing,
    WatchOutlivesItsLog,
    LostLogKeepsItsIdentity,
    FullStoreRefusesRenewals,
    BrokenWatchGoesOn,
}

impl Flaw {
    /// Each flaw, and the case that is about it.
    pub(crate) const ALL: &[(Flaw, &str)] = &[
        (AckNamesAnotherRevision, "a_read_gives_the_newest_record"),
        (WritesBeforeItIsPolled, "a_write_does_nothing_before_it_is_polled"),
        (ReadIsOld, "a_read_gives_the_newest_record"),
        (TombstoneReadsAsNothing, "a_read_gives_the_newest_record"),
        (EmptyValueIsATombstone, "values_are_kept_byte_for_byte"),
        (ValueIsText, "values_are_kept_byte_for_byte"),
        (LongValueIsCut, "limits_are_kept"),
        (InfoIsOld, "the_log_says_how_far_it_is"),
        (SecondStoreHasAnotherIdentity, "the_log_says_how_far_it_is"),
        (ExpectedIsIgnored, "compare_and_set_takes_only_the_newest_revision"),
        (CreateReplacesATombstone, "compare_and_set_knows_tombstones"),
        (ConflictAlthoughItLanded, "a_conflict_changes_nothing"),
        (NeverExpectedIsNoCondition, "a_write_over_a_revision_that_cannot_exist_is_a_conflict"),
        (CompareThenSet, "of_many_creates_exactly_one_wins"),
        (CompareThenSet, "no_increment_is_lost"),
        (NamesIgnoreCase, "names_are_told_apart_by_each_byte"),
        (PrefixWithoutItsDot, "a_watch_gives_only_what_it_names"),
        (UnderscoreIsAnyCharacter, "a_watch_gives_only_what_it_names"),
        (AllGroupsAreOne, "groups_do_not_share_records"),
        (ExpiryIsShown, "a_record_vanishes_silently_after_its_time"),
        (ExpiresEarly, "a_record_stays_for_the_whole_of_its_time"),
        (NeverExpires, "a_record_vanishes_silently_after_its_time"),
        (OldTimeStaysInForce, "a_record_that_is_written_again_has_only_its_new_time"),
        (SupersededComesBack, "what_was_superseded_stays_superseded"),
        (TimeLeftIsForgotten, "a_record_tells_when_it_is_over_and_stays"),
        (NoEndOfSnapshot, "an_empty_log_catches_up_at_once"),
        (TwoEndsOfSnapshot, "a_watch_gives_the_newest_of_each_and_then_changes"),
        (EndBeforeTheLastRecord, "a_watch_gives_the_newest_of_each_and_then_changes"),
        (SnapshotLacksTheNewest, "a_snapshot_has_everything_that_was_acknowledged"),
        (SnapshotShowsSuperseded, "a_watch_gives_the_newest_of_each_and_then_changes"),
        (TombstonesAreHidden, "a_watch_gives_the_newest_of_each_and_then_changes"),
        (ChangesAreSwapped, "concurrent_writes_are_delivered_in_the_order_of_their_revisions"),
        (EachTenthChangeIsLost, "concurrent_writes_are_delivered_in_the_order_of_their_revisions"),
        (EachTenthChangeIsLost, "a_slow_reader_misses_nothing_silently"),
        (DroppedNextLosesAChange, "a_next_that_is_dropped_loses_nothing"),
        (ReadyShowsTwice, "what_is_ready_and_what_is_waited_for_are_one_sequence"),
        (IdleWatchEnds, "an_idle_watch_stays_open"),
        (CloseEndsAllWatches, "a_watch_that_is_closed_or_dropped_leaves_others_alone"),
        (AgeIsWrong, "an_age_is_not_ahead_of_the_record"),
        (WriterSwallowsOutcomes, "each_write_of_a_writer_has_an_outcome_of_its_own"),
        (WriterStopsAtAConflict, "each_write_of_a_writer_has_an_outcome_of_its_own"),
        (WriterReordersWrites, "writes_of_a_writer_land_in_their_order"),
        (WriterSendsWhatWasForgotten, "a_writer_sends_nothing_that_was_forgotten"),
        (HistoryRepeats, "an_entry_of_the_history_is_kept_once_and_in_order"),
        (CheckpointLosesItsToken, "a_checkpoint_is_kept_with_its_token"),
        (TimedOutWriteIsRefused, "a_frozen_server_leaves_no_future_pending"),
        (TimedOutReadIsNothing, "a_frozen_server_leaves_no_future_pending"),
        (WatchOutlivesItsLog, "a_lost_log_is_another_log"),
        (LostLogKeepsItsIdentity, "a_lost_log_is_another_log"),
        (FullStoreRefusesRenewals, "a_full_store_refuses_what_grows_and_renews_what_does_not"),
        (BrokenWatchGoesOn, "a_cut_connection_loses_no_change_silently"),
    ];

    /// Whether it is about writers, which memory has none of.
    pub(crate) fn is_of_writers(self) -> bool {
        matches!(
            self,
            WriterSwallowsOutcomes
                | WriterStopsAtAConflict
                | WriterReordersWrites
                | WriterSendsWhatWasForgotten
        )
    }
}
