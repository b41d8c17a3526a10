//! Groups in memory, and the faults that they can have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use divider::store::Store;
use divider::testing::store::{Harness, Injected};
use divider::{GroupName, MemoryStore};

use crate::broken::BrokenStore;
use crate::flaw::Flaw;

/// The groups of one imagined server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups(Arc<Mutex<BTreeMap<GroupName, MemoryStore>>>);

impl Groups {
    pub(crate) fn open(&self, group: &GroupName) -> MemoryStore {
        let mut groups = self.0.lock().expect("nobody panics with it");
        groups.entry(group.clone()).or_insert_with(|| MemoryStore::new(group.clone())).clone()
    }
}

pub(crate) struct MemoryHarness {
    memory: MemoryStore,
    store: Arc<dyn Store>,
}

impl MemoryHarness {
    pub(crate) fn new(groups: &Groups, group: &GroupName, flaw: Option<Flaw>) -> Self {
        let store = Arc::new(BrokenStore::new(groups, group, flaw));
        Self { memory: groups.open(group), store }
    }

    fn inject(&mut self, fault: fn(&MemoryStore)) -> Injected<'_> {
        Box::pin(async move {
            fault(&self.memory);
            Ok(())
        })
    }
}

impl Harness for MemoryHarness {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }
    fn freeze(&mut self) -> Option<Injected<'_>> {
        Some(self.inject(MemoryStore::freeze))
    }
    fn thaw(&mut self) -> Option<Injected<'_>> {
        Some(self.inject(MemoryStore::thaw))
    }
    fn cut(&mut self) -> Option<Injected<'_>> {
        Some(self.inject(MemoryStore::break_watches))
    }
    fn lose(&mut self) -> Option<Injected<'_>> {
        Some(self.inject(|store| {
            store.delete_group();
            store.create_group();
        }))
    }
    fn fill(&mut self) -> Option<Injected<'_>> {
        Some(self.inject(|store| store.set_max_bytes(Some(1))))
    }
}
