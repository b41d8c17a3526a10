//! Changes by time alone.

use super::*;
use crate::group::watch::model::Due;

/// A model with its own time.
struct Timed {
    model: Model,
    revision: u64,
    now: Now,
}

impl Timed {
    fn new() -> Self {
        let now = Now { at: Time(1_000_000_000), unix_us: 1_700_000_000_000_000 };
        let mut model = Model::new(GroupName::new("g").expect("legal"), now);
        model.begin();
        model.on_caught_up(now);
        Self { model, revision: 0, now }
    }

    fn put(&mut self, name: &str, value: bytes::Bytes) {
        self.put_for(name, value, None);
    }

    fn put_for(&mut self, name: &str, value: bytes::Bytes, ttl: Option<Duration>) {
        self.revision += 1;
        let revision = Revision(self.revision);
        let mut record = Record::new(name, revision, Some(value));
        record.expires_in = ttl;
        self.model.on_record(self.now, &record, Duration::ZERO);
    }

    fn keys(&mut self) -> Vec<String> {
        self.model.publish(self.now, self.now.at);
        self.model.snapshot.keys().map(|(key, _)| key.to_string()).collect()
    }

    fn state(&mut self) -> NodeState {
        self.model.publish(self.now, self.now.at);
        state(&self.model.snapshot, "w1")
    }

    /// Advances to the time when the model is due, which must be this many ms later.
    fn wait(&mut self, ms: u64) {
        let due = self.model.next_due();
        let due = due.of_nodes.into_iter().chain(due.others).min().expect("something is due");
        assert_eq!(due.since(self.now.at), Duration::from_millis(ms));
        self.now.at = due;
        self.now.unix_us += ms * 1000;
    }
}

#[test]
fn a_key_ends_with_its_time_to_live_unless_it_is_announced_again() {
    let ttl = Some(Duration::from_secs(5));
    let mut timed = Timed::new();
    for name in ["key.ends", "key.renewed", "key.kept"] {
        timed.put_for(name, bytes::Bytes::new(), ttl);
    }
    timed.now.at += Duration::from_secs(2);
    timed.put_for("key.renewed", bytes::Bytes::new(), ttl);
    timed.put("key.kept", bytes::Bytes::new());
    assert_eq!(timed.keys(), ["ends", "kept", "renewed"]);
    timed.wait(3_000);
    assert_eq!(timed.keys(), ["kept", "renewed"]);
    timed.wait(2_000);
    assert_eq!(timed.keys(), ["kept"]);
}

#[test]
fn a_node_without_heartbeats_is_late_and_then_lost() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    assert_eq!(timed.state(), NodeState::Ready);
    timed.wait(15_000);
    assert_eq!(timed.state(), NodeState::Late);
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Ready);
    timed.wait(15_000);
    assert_eq!(timed.state(), NodeState::Late);
    timed.wait(63_600 - 15_000);
    assert_eq!(timed.state(), NodeState::Lost);
    assert_eq!(timed.model.next_due(), Due::default());
}

#[test]
fn a_state_has_lasted_since_it_began() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    timed.state();
    let since = |timed: &Timed| timed.model.snapshot.node(&node("w1")).expect("w1").since.0;
    let began = timed.now.at;
    timed.now.at += Duration::from_secs(5);
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    timed.state();
    assert_eq!(since(&timed), began);
    timed.wait(15_000);
    timed.state();
    assert_eq!(since(&timed), timed.now.at);
}

#[test]
fn a_drain_that_frees_empties_its_node_at_the_deadline_and_has_drained_it_when_all_has_owners() {
    let mut timed = Timed::new();
    timed.put("lease.w1", lease("w1", 1).encode());
    timed.put("member.w1", member("w1", 1).encode());
    timed.put("key.a", bytes::Bytes::new());
    timed.put("claim.a", claim("w1", 1, 1).encode());
    timed.state();
    let deadline_ms = Some(timed.now.unix_us / 1000 + 20_000);
    let on_deadline = divider_core::wire::OnDeadline::Free;
    let desired = ControlRecord { deadline_ms, on_deadline, ..ControlRecord::new(Mode::Drain) };
    timed.put("control.w1", desired.encode());
    assert_eq!(timed.state(), NodeState::Draining);
    let free = ClaimRecord::new(None, Token(2));
    timed.put("claim.a", free.encode());
    assert_eq!(timed.state(), NodeState::Draining, "it had no receiver before the deadline");
    timed.now.unix_us += 20_000_000;
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Emptied);
    timed.put("lease.w2", lease("w2", 1).encode());
    timed.put("member.w2", member("w2", 1).encode());
    timed.put("claim.a", claim("w2", 1, 3).encode());
    assert_eq!(timed.state(), NodeState::Drained);
}

/// What a viewer sees who comes when the records are this old.
fn at_first_look(records: &[(&str, bytes::Bytes)], age: Duration) -> Timed {
    let now = Now { at: Time(0) + Duration::from_hours(24), unix_us: 1_700_000_000_000_000 };
    let model = Model::new(GroupName::new("g").expect("legal"), now);
    let mut timed = Timed { model, revision: 0, now };
    timed.model.begin();
    for (name, value) in records {
        timed.revision += 1;
        let record = Record::new(*name, Revision(timed.revision), Some(value.clone()));
        timed.model.on_record(now, &record, age);
    }
    timed.model.on_caught_up(now);
    timed.model.publish(now, now.at);
    timed
}

fn one_node() -> [(&'static str, bytes::Bytes); 4] {
    [
        ("lease.w1", lease("w1", 1).encode()),
        ("member.w1", member("w1", 1).encode()),
        ("key.a", bytes::Bytes::new()),
        ("claim.a", claim("w1", 1, 1).encode()),
    ]
}

#[test]
fn a_dead_group_is_dead_at_the_first_look() {
    let check = |age_ms, expected: NodeState, phase: Phase, since_ms| {
        let age = Duration::from_millis(age_ms);
        let timed = at_first_look(&one_node(), age);
        let snapshot = &timed.model.snapshot;
        assert_eq!(state(snapshot, "w1"), expected, "{age:?}");
        let key = snapshot.key(&key("a")).expect("a");
        assert_eq!(key.phase, phase, "{age:?}");
        let since = timed.now.at.since(key.since.0);
        assert_eq!(since, Duration::from_millis(since_ms), "{age:?}");
        let beat = snapshot.node(&node("w1")).expect("w1").last_beat.expect("one");
        assert_eq!(timed.now.at.since(beat.0), age);
    };
    check(1_000, NodeState::Ready, Phase::Running, 1_000);
    check(20_000, NodeState::Late, Phase::Running, 20_000);
    check(100_000, NodeState::Lost, Phase::Orphaned, 100_000 - 63_600);
}

#[test]
fn a_node_is_ready_since_its_member_record_at_the_first_look_and_later_since_it_is_seen() {
    let age = Duration::from_secs(10);
    let mut timed = at_first_look(&one_node(), age);
    let since = |timed: &Timed| timed.model.snapshot.node(&node("w1")).expect("w1").since.0;
    assert_eq!(timed.now.at.since(since(&timed)), age);
    timed.now.at += Duration::from_secs(10);
    assert_eq!(timed.state(), NodeState::Late);
    timed.now.at += Duration::from_secs(1);
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Ready);
    assert_eq!(since(&timed), timed.now.at, "it was late in between");
}

#[test]
fn silence_says_nothing_of_a_node_while_the_store_is_not_heard() {
    let mut timed = at_first_look(&one_node(), Duration::ZERO);
    let heard = timed.now.at + Duration::from_secs(5);
    timed.now.at += Duration::from_mins(2);
    timed.model.publish(timed.now, heard);
    assert_eq!(state(&timed.model.snapshot, "w1"), NodeState::Ready);
    assert_eq!(timed.model.snapshot.counts().running, 1);
    timed.model.publish(timed.now, timed.now.at);
    assert_eq!(state(&timed.model.snapshot, "w1"), NodeState::Lost);
    assert_eq!(
        (timed.model.snapshot.counts().running, timed.model.snapshot.counts().orphaned),
        (0, 1)
    );
    timed.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode());
    assert_eq!(timed.state(), NodeState::Ready);
    assert_eq!(timed.model.snapshot.counts().running, 1);
}

#[test]
fn a_gone_node_is_shown_with_who_ended_it() {
    use crate::snapshot::NodeEnd;
    let by = Some(node("w2"));
    let dead = LeaseRecord { state: LeaseState::Dead, by: by.clone(), ..lease("w1", 1) };
    let ended = LeaseRecord { state: LeaseState::Ended, ..lease("w3", 1) };
    let records = [("lease.w1", dead.encode()), ("lease.w3", ended.encode())];
    let timed = at_first_look(&records, Duration::from_hours(2));
    let gone = timed.model.snapshot.gone();
    let found: Vec<_> = gone.iter().map(|gone| (gone.node.as_str(), gone.end.clone())).collect();
    assert_eq!(found, [("w1", NodeEnd::Died { by: by.clone() }), ("w3", NodeEnd::Left)]);
    assert_eq!(timed.now.at.since(gone[0].since.0), Duration::from_hours(2));
    assert_eq!(gone[0].keys, None, "nobody was there");

    let mut timed = at_first_look(&one_node(), Duration::ZERO);
    timed.put("lease.w1", LeaseRecord { state: LeaseState::Dead, by, ..lease("w1", 1) }.encode());
    timed.model.publish(timed.now, timed.now.at);
    assert_eq!(timed.model.snapshot.gone(), [], "it is a member until its record is deleted");
    timed.revision += 1;
    let deleted = Record::new("member.w1", Revision(timed.revision), None);
    timed.model.on_record(timed.now, &deleted, Duration::ZERO);
    timed.model.publish(timed.now, timed.now.at);
    assert_eq!(timed.model.snapshot.gone()[0].keys, Some(1));
    timed.put("lease.w1", lease("w1", 2).encode());
    timed.put("member.w1", member("w1", 2).encode());
    timed.model.publish(timed.now, timed.now.at);
    assert_eq!(timed.model.snapshot.gone(), [], "it is back");
}
