//! Keys, ids, and the names of records.

use divider::key::MAX_KEY;
use divider::{GroupName, Key, NodeId, Session};
use divider_core::wire::RecordName;

/// Two texts, divided by the first zero byte: each has one wire form and back, and two have two.
pub fn keys(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (left, right) = text.split_once('\0').unwrap_or((&text, ""));
    let wires = [left, right].map(|text| Key::new(text).ok().map(|key| check_key(text, &key)));
    if let [Some(one), Some(other)] = wires {
        assert_eq!(one == other, left == right, "two keys with one wire form");
    }
    for wire in [left, right] {
        if let Ok(key) = Key::from_wire(wire) {
            assert_eq!(key.wire(), wire, "an alias");
        }
    }
}

/// Checks a key's wire form, and returns it.
fn check_key(text: &str, key: &Key) -> String {
    let wire = key.wire();
    assert_eq!(key.as_str(), text);
    assert!(!wire.is_empty() && wire.len() <= MAX_KEY);
    assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b"-/_=.".contains(&b)));
    assert!(wire.split('.').all(|token| !token.is_empty()));
    assert_eq!(Key::from_wire(&wire).as_ref(), Ok(key));
    wire
}

/// A name of a record, a node, a group and a session: what is read is what it says.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(name) = RecordName::parse(&text) {
        assert_eq!(name.to_string(), text);
    }
    if let Ok(node) = NodeId::new(&text) {
        assert_eq!(node.as_str(), text);
        let name = RecordName::Lease(node);
        assert_eq!(RecordName::parse(&name.to_string()), Ok(name));
    }
    if let Ok(group) = text.parse::<GroupName>() {
        assert_eq!(group.as_str(), text);
    }
    if let Ok(session) = text.parse::<Session>() {
        assert_eq!(session.to_string(), text);
    }
}
