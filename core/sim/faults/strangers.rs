//! Records that no node of the group wrote.

use crate::id::{NodeId, Revision, Session};
use crate::key::Key;
use crate::sim::world::World;
use crate::timing::Timing;
use crate::wire::{MemberRecord, MemberState, RecordName};

/// Foreign names and values.
const LITTER: [(&str, &[u8]); 10] = [
    ("key.=zz", b""),
    ("key.a..b", b""),
    ("claim.=2G", b"{}"),
    ("claim./process/me/0=20", b"{\"v\":1,\"node\":null,\"session\":null,\"token\":1}"),
    ("member.n0", b"\xff\xfe"),
    ("member.stranger", b"{\"v\":1}"),
    ("control.n0", b"{\"v\":1,\"mode\":\"dance\"}"),
    ("group", b"[]"),
    ("rebalance", b"\x00"),
    ("nothing.we.know", b"{}"),
];

fn ghost_id() -> NodeId {
    NodeId::new("ghost").expect("a legal id")
}

impl World {
    pub(super) fn garble(&mut self, key: Key) {
        let values: [&[u8]; 4] = [b"{garbage", b"", b"null", b"{\"v\":9,\"token\":1}"];
        let value = values[self.rng.usize(..values.len())];
        self.put(&RecordName::Claim(key), Some(value), None);
    }

    /// The owner of the key continues for a lease without the right to write claims.
    pub(super) fn smother(&mut self, key: &Key) {
        let owner = self.hosts.iter().position(|h| h.is_up() && h.app.runs.contains_key(key));
        let Some(owner) = owner else { return };
        self.hosts[owner].link.denied.insert("claim.");
        self.garble(key.clone());
        self.newcomer();
    }

    pub(super) fn litter(&mut self, kind: u8) {
        let (name, value) = LITTER[usize::from(kind) % LITTER.len()];
        self.member_deleted |= name.starts_with("member.");
        self.put_named(name.to_owned(), Some(value), None);
    }

    pub(super) fn delete_member(&mut self, at: usize) {
        self.member_deleted = true;
        let id = self.hosts[at].id.clone();
        self.put(&RecordName::Member(id), None, None);
    }

    /// A member without a lease: of another build, with other plan versions.
    pub(super) fn ghost(&mut self, plan: (u32, u32)) {
        self.member_deleted = true;
        let record = MemberRecord {
            session: Session::from_bits(self.rng.u128(..)),
            joined: Revision(self.log.last().0),
            lease_ms: u64::try_from(Timing::of(self.lease).lease.as_millis()).expect("short"),
            affinity: 100,
            prefixes: Vec::new(),
            state: MemberState::Active,
            away_ms: 0,
            previous: None,
            balanced: Revision::NONE,
            settled: Revision::NONE,
            manual: false,
            rollout: 0,
            rollout_over: false,
            plan,
            labels: std::collections::BTreeMap::new(),
            host: "elsewhere".into(),
            build: "other".into(),
        };
        self.put(&RecordName::Member(ghost_id()), Some(&record.encode()), None);
    }

    pub(super) fn delete_ghost(&mut self) {
        self.put(&RecordName::Member(ghost_id()), None, None);
    }
}
