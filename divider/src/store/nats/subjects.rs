//! The subjects that writes go to.

use async_nats::Subject;

use super::super::Write;

/// Where writes go.
#[derive(Debug)]
pub(super) struct Subjects {
    /// Where a record's name follows.
    pub(super) records: String,
    /// Where the name of a key follows that is announced; none in another domain, which does not
    /// map it.
    pub(super) announce: Option<String>,
}

impl Subjects {
    /// The subject of a write.
    ///
    /// A key is announced and retracted where everybody may do so, so that an announcer needs the
    /// right to that subject only. Not with an expected revision: 2.11 on several replicas compares
    /// it with the subject before its transform, where there never is a record.
    pub(super) fn of(&self, write: &Write) -> Subject {
        let key = write.name.strip_prefix("key.").filter(|_| write.expected.is_none());
        match (key, &self.announce) {
            (Some(key), Some(announce)) => format!("{announce}{key}").into(),
            _ => format!("{}{}", self.records, write.name).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Given {
        group: String,
        name: String,
        delete: bool,
        expected: Option<u64>,
        ttl_ms: Option<u64>,
        #[serde(default)]
        expires_in_ms: Option<u64>,
    }

    #[test]
    fn vectors() {
        divider_core::vectors::check("writes", |given: Given| {
            let group = crate::id::GroupName::new(given.group).expect("legal");
            let names = super::super::stream::Names::new(&group);
            let subjects = Subjects { records: names.records, announce: Some(names.announce) };
            let expected = given.expected.map(crate::id::Revision);
            let mut write = Write::delete(given.name, expected)
                .with_ttl(given.ttl_ms.map(std::time::Duration::from_millis))
                .with_expires_in(given.expires_in_ms.map(std::time::Duration::from_millis));
            write.value = (!given.delete).then(|| bytes::Bytes::from_static(b"x"));
            let headers = super::super::message::headers(&write);
            let headers: std::collections::BTreeMap<String, String> = headers
                .iter()
                .map(|(name, values)| (name.to_string(), values[0].to_string()))
                .collect();
            serde_json::json!({"subject": subjects.of(&write).as_str(), "headers": headers})
        });
    }

    #[test]
    fn only_a_blind_write_of_a_key_is_an_announcement() {
        let check = |announce: Option<&str>, name: &str, expected: Option<u64>, want: &str| {
            let announce = announce.map(str::to_owned);
            let subjects = Subjects { records: "$KV.b.".into(), announce };
            let expected = expected.map(crate::id::Revision);
            let write = Write::delete(name, expected);
            assert_eq!(subjects.of(&write).as_str(), want);
        };
        check(Some("divider.g.key."), "key.a.b", None, "divider.g.key.a.b");
        check(Some("divider.g.key."), "key.a.b", Some(0), "$KV.b.key.a.b");
        check(Some("divider.g.key."), "claim.a", None, "$KV.b.claim.a");
        check(None, "key.a", None, "$KV.b.key.a");
    }
}
