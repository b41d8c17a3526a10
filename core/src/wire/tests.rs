//! Every record survives a round trip, and malformed values are refused.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::id::{NodeId, Revision, Session, Token};
use crate::key::Key;
use crate::log::MAX_VALUE;

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect(id)
}

fn longest_node() -> NodeId {
    node(&"n".repeat(64))
}

fn session() -> Session {
    Session::from_bits(u128::MAX)
}

fn lease() -> LeaseRecord {
    LeaseRecord {
        session: session(),
        beat: 7,
        lease_ms: 6000,
        state: LeaseState::Live,
        held: 3,
        stopping: 1,
        seen: Revision(9),
        by: None,
    }
}

fn member() -> MemberRecord {
    MemberRecord {
        session: session(),
        joined: Revision(5),
        lease_ms: 6000,
        affinity: 100,
        prefixes: vec!["/process/me/".to_owned(), "ü \"".to_owned()],
        state: MemberState::Active,
        away_ms: 0,
        previous: None,
        balanced: Revision(4),
        settled: Revision(3),
        manual: true,
        rollout: 0,
        rollout_over: false,
        plan: (1, 2),
        labels: BTreeMap::from([("zone".to_owned(), "eu".to_owned())]),
        host: "h".to_owned(),
        build: "orders 4.2.1".to_owned(),
    }
}

#[test]
fn lease_values_have_a_constant_length() {
    let last = LeaseRecord {
        beat: u64::MAX,
        lease_ms: u64::MAX,
        state: LeaseState::Ended,
        held: u64::MAX,
        stopping: u64::MAX,
        seen: Revision(u64::MAX),
        by: Some(longest_node()),
        ..lease()
    };
    let first = LeaseRecord { beat: 0, held: 0, ..lease() };
    let dead = LeaseRecord { state: LeaseState::Dead, by: Some(node("w2")), ..lease() };
    for lease in [first, lease(), dead, last] {
        let value = lease.encode();
        assert_eq!(value.len(), LEASE_LEN);
        assert_eq!(LeaseRecord::decode(&value).expect("its own"), lease);
    }
}

#[test]
fn a_member_record_survives_a_round_trip() {
    for state in [MemberState::Active, MemberState::Leaving] {
        let member = MemberRecord { state, ..member() };
        assert_eq!(MemberRecord::decode(&member.encode()).expect("its own"), member);
    }
}

#[test]
fn a_claim_survives_a_round_trip() {
    let owner = Some(Owner { node: longest_node(), session: session() });
    let cooling_down = vec![CoolDown { node: longest_node(), for_ms: u64::MAX }; MAX_COOL_DOWNS];
    let failed = Failed { runs: u32::MAX, attempts: u32::MAX };
    // Each byte of it takes six in JSON.
    let reason = "\u{1}".repeat(MAX_REASON);
    let quarantine = Some(Quarantine { node: longest_node(), reason, at_ms: u64::MAX });
    for claim in [
        ClaimRecord::new(owner.clone(), Token(1)),
        ClaimRecord {
            cooling_down: cooling_down.clone(),
            failed,
            ..ClaimRecord::new(owner, Token::MAX)
        },
        ClaimRecord { cooling_down, quarantine, ..ClaimRecord::new(None, Token(0)) },
        ClaimRecord { failed, ..ClaimRecord::new(None, Token(0)) },
    ] {
        let value = claim.encode();
        assert!(value.len() <= MAX_VALUE);
        assert_eq!(ClaimRecord::decode(&value).expect("its own"), claim);
    }
}

#[test]
fn a_claim_beyond_its_bounds_is_malformed() {
    let check = |value: &str, want: &str| {
        let error = ClaimRecord::decode(value.as_bytes()).expect_err(value).to_string();
        assert!(error.contains(want), "{value}: {error}");
    };
    let session = session();
    check(
        r#"{"v":2,"node":null,"session":null,"token":1}"#,
        "written in format 2; this divider reads format 1",
    );
    check(r#"{"v":3,"owner":"w1"}"#, "written in format 3; this divider reads format 1");
    check(r#"{"v":1,"node":null,"session":null,"token":4611686018427387905}"#, "range: token");
    check(r#"{"v":1,"node":"w1","session":null,"token":1}"#, "range: session");
    check(&format!(r#"{{"v":1,"node":"a..b","session":"{session}","token":1}}"#), "node id has");
    check(r#"{"v":1,"node":"w1","session":"ab","token":1}"#, "hexadecimal");
    check(r#"{"v":1,"node":null,"session":null,"token":-1}"#, "malformed record");
    check(r#"{"v":1,"node":null,"session":null}"#, "missing field `token`");
    let cooling_down = [r#"{"node":"w1","for_ms":1}"#; MAX_COOL_DOWNS + 1].join(",");
    let many = format!(
        r#"{{"v":1,"node":null,"session":null,"token":1,"cooling_down":[{cooling_down}]}}"#
    );
    check(&many, "range: cooling_down");
    check("", "malformed record");
    check("null", "malformed record");
}

#[test]
fn a_claim_of_a_newer_build_is_read() {
    let value = r#"{"v":1,"node":null,"session":null,"token":3,"zone":"eu","cooling_down":[]}"#;
    assert_eq!(ClaimRecord::decode(value.as_bytes()).expect("version 1").token, Token(3));
}

#[test]
fn a_stops_record_is_cut_to_the_size_limit() {
    let stop = |key: &str| OldestStop {
        key: Key::new(key).expect("short enough"),
        token: Token(1),
        since_ms: 41_000,
        given: false,
    };
    let few = StopsRecord {
        session: session(),
        count: 2,
        given: 0,
        oldest: vec![stop("a"), stop("ü b")],
    };
    assert_eq!(StopsRecord::decode(&few.encode()).expect("its own"), few);

    let many = StopsRecord { count: 100, oldest: vec![stop("a"); 100], ..few.clone() };
    let read = StopsRecord::decode(&many.encode()).expect("its own");
    assert_eq!((read.count, read.oldest.len()), (100, MAX_STOPS));

    // A control character has one byte in the key, three on the wire and six in JSON.
    let long = StopsRecord { oldest: vec![stop(&"\u{1}".repeat(170)); MAX_STOPS], ..few };
    let value = long.encode();
    assert!(value.len() <= MAX_VALUE);
    let read = StopsRecord::decode(&value).expect("its own");
    assert!((1..MAX_STOPS).contains(&read.oldest.len()));
}

#[test]
fn a_control_record_keeps_unknown_fields() {
    let value = r#"{"v":1,"mode":"drain","zone":{"a":[1,null]}}"#;
    let record = ControlRecord::decode(value.as_bytes()).expect("version 1");
    assert_eq!((record.mode, record.parallel), (Mode::Drain, DEFAULT_PARALLEL));
    assert_eq!(record.on_deadline, OnDeadline::Keep);
    let again = ControlRecord::decode(&record.encode()).expect("its own");
    assert_eq!(again, record);
    assert_eq!(again.rest["zone"]["a"][0], 1);
    let fresh = ControlRecord::default();
    assert_eq!(ControlRecord::decode(&fresh.encode()).expect("its own"), fresh);
}

#[test]
fn a_group_record_of_any_protocol_is_read() {
    let value = r#"{"v":1,"protocol":9,"slots":64}"#;
    let record = GroupRecord::decode(value.as_bytes()).expect("version 1");
    assert_eq!((record.protocol, record.freeze.is_none()), (9, true));
    assert_eq!(GroupRecord::decode(&record.encode()).expect("its own"), record);
    let frozen = GroupRecord {
        freeze: Some(Freeze { by: "ana".into(), reason: String::new(), until: Some(1) }),
        ..record
    };
    assert_eq!(GroupRecord::decode(&frozen.encode()).expect("its own"), frozen);
}

#[test]
fn a_rebalance_record_survives_a_round_trip() {
    let record = RebalanceRecord::new("ana", "kernel 6.8");
    assert_eq!(RebalanceRecord::decode(&record.encode()).expect("its own"), record);
    RebalanceRecord::decode(br#"{"v":3}"#).expect_err("version 3");
}

#[test]
fn record_names_are_parsed_by_kind() {
    let check = |text: &str, name: RecordName| {
        assert_eq!(RecordName::parse(text).expect(text), name);
        assert_eq!(name.to_string(), text);
    };
    let key = |text: &str| Key::new(text).expect(text);
    check("key.orders.17", RecordName::Key(key("orders.17")));
    check("claim./process/me=20x", RecordName::Claim(key("/process/me x")));
    check("key.key.a", RecordName::Key(key("key.a")));
    check("lease.w1", RecordName::Lease(node("w1")));
    check("member.w1", RecordName::Member(node("w1")));
    check("stops.w1", RecordName::Stops(node("w1")));
    check("control.w1", RecordName::Control(node("w1")));
    check("rebalance", RecordName::Rebalance);
    check("group", RecordName::Group);
}

#[test]
fn unknown_record_names_are_refused() {
    for text in [
        "",
        "key",
        "key.",
        "keys.a",
        "key.a=2e",
        "lease",
        "lease.",
        "lease.a..b",
        "member.a b",
        "group.",
        "group.x",
        "rebalance.x",
        "Group",
        ".",
        "key..a",
        "stops.=20",
        "pin.a",
    ] {
        assert!(RecordName::parse(text).is_err(), "{text}");
    }
}

/// Text that resembles a record: parts of real ones in random order.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(r#"{"v":1,"#.to_owned()),
        Just(r#""session":"ffffffffffffffffffffffffffffffff","#.to_owned()),
        Just(r#""state":"live","#.to_owned()),
        Just(r#""mode":"drain","#.to_owned()),
        Just(r#""token":18446744073709551615,"#.to_owned()),
        Just(r#""oldest":[{"key":"","token":1,"since_ms":1}],"#.to_owned()),
        Just(r#""cooling_down":[{"node":"a","for_ms":-1}],"#.to_owned()),
        Just(r#""node":null,"#.to_owned()),
        Just(r#""count":0}"#.to_owned()),
        "\\PC{0,8}",
    ];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn arbitrary_records_are_decoded_or_refused(bytes in nearly(), name in "\\PC{0,40}") {
        let _ = LeaseRecord::decode(&bytes);
        let _ = MemberRecord::decode(&bytes);
        let _ = StopsRecord::decode(&bytes);
        let _ = ControlRecord::decode(&bytes);
        let _ = GroupRecord::decode(&bytes);
        let _ = RebalanceRecord::decode(&bytes);
        if let Ok(claim) = ClaimRecord::decode(&bytes) {
            prop_assert_eq!(ClaimRecord::decode(&claim.encode()).expect("its own"), claim);
        }
        if let Ok(read) = RecordName::parse(&name) {
            prop_assert_eq!(read.to_string(), name);
        }
    }

    #[test]
    fn a_lease_survives_a_round_trip(numbers: [u64; 5], bits: u128, by in "[a-z]{0,64}") {
        let [beat, lease_ms, held, stopping, seen] = numbers;
        let (session, seen) = (Session::from_bits(bits), Revision(seen));
        let by = NodeId::new(by).ok();
        let state = LeaseState::Dead;
        let lease = LeaseRecord { session, beat, lease_ms, state, held, stopping, seen, by };
        let value = lease.encode();
        prop_assert_eq!(value.len(), LEASE_LEN);
        prop_assert_eq!(LeaseRecord::decode(&value).expect("its own"), lease);
    }
}
