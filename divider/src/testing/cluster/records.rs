//! Records that a test writes in the place of others.

use divider_core::timing::ENDED_LEASE_TTL;
use divider_core::wire::{ClaimRecord, LeaseRecord, LeaseState, Owner, RecordName};

use crate::divider::Divider;
use crate::engine::clock::Clock;
use crate::id::{Session, Token};
use crate::key::Key;
use crate::store::{MemoryStore, Outcome, Record, Store, Write};

/// The claim of the key names this node, with a higher token.
pub(super) async fn claim_for(store: &MemoryStore, key: &Key, node: &Divider) {
    let owner = Owner { node: node.node().clone(), session: node.session() };
    replace(store, &RecordName::Claim(key.clone()), |record| {
        let mut claim = ClaimRecord::decode(record.value.as_ref()?).ok()?;
        claim.token = Token(claim.token.0 + 1).max(Token(Clock::of_caller().now().unix_us));
        claim.owner = Some(owner.clone());
        Some(Write::put("", claim.encode(), None))
    })
    .await;
}

/// The lease of this session says that it is over, as if others had seen it unchanged for too long.
pub(super) async fn end_session(store: &MemoryStore, node: &Divider, session: Session) {
    replace(store, &RecordName::Lease(node.node().clone()), |record| {
        let mut lease = LeaseRecord::decode(record.value.as_ref()?).ok()?;
        lease.state = LeaseState::Dead;
        let ended = Write::put("", lease.encode(), None).with_ttl(ENDED_LEASE_TTL);
        (lease.session == session).then_some(ended)
    })
    .await;
}

/// The length of the lease that a node has written.
pub(super) async fn lease_ms(store: &MemoryStore, node: &Divider) -> Option<u64> {
    let name = RecordName::Lease(node.node().clone()).to_string();
    let record = store.read(&name).await.ok()??;
    LeaseRecord::decode(&record.value?).ok().map(|lease| lease.lease_ms)
}

/// Writes over a record until nobody else does at the same time, or there is nothing to be written.
async fn replace(store: &MemoryStore, name: &RecordName, edit: impl Fn(&Record) -> Option<Write>) {
    let name = name.to_string();
    loop {
        let record = store.read(&name).await.expect("a frozen store is thawed before");
        let Some(mut write) = record.as_ref().and_then(&edit) else { return };
        (write.name, write.expected) = (name.clone(), record.map(|record| record.revision));
        match store.write(write).await {
            Outcome::Acked(_) => return,
            Outcome::Conflict => {}
            other => panic!("the store does not take {name}: {other:?}"),
        }
    }
}
