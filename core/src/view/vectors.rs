//! The conformance vectors of manifests: which records they supersede.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{KeyEntry, View};
use crate::id::{NodeId, Revision};
use crate::key::Key;
use crate::log::Record;
use crate::time::{Now, Time};
use crate::vectors::check;

/// The records of a snapshot as (name, revision, value), and the names to check.
#[derive(Deserialize)]
struct Given {
    snapshot: Vec<(String, u64, Value)>,
    names: Vec<String>,
}

#[test]
fn superseded() {
    check("superseded", |Given { snapshot, names }| {
        let mut view = View::default();
        view.begin_snapshot();
        for (name, revision, value) in snapshot {
            let now = Now { at: Time(0), unix_us: 0 };
            let value = Some(Bytes::from(value.to_string()));
            let revision = Revision(revision);
            view.apply(now, &Record { name, revision, value, ttl: None, expires_in: None });
        }
        view.end_snapshot();
        let stands = |name: &String| match name.split_once('.') {
            Some(("key", key)) => {
                let ix = view.keys.find(&Key::new(key).expect("a legal key"));
                ix.and_then(|ix| view.keys.get(ix)).is_some_and(KeyEntry::exists)
            }
            Some(("member", node)) => {
                view.members.contains_key(&NodeId::new(node).expect("a node id"))
            }
            _ => panic!("{name}"),
        };
        let superseded: Vec<_> = names.iter().filter(|name| !stands(name)).collect();
        json!({"superseded": superseded})
    });
}
