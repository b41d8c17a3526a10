//! The stream of a group: its names, its configuration, and whether one that exists keeps the rules.

use std::fmt;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::MAX_VALUE;
use super::inspect::ClusterInfo;
use super::options::StreamOptions;
use crate::id::GroupName;

/// Room for a message's headers: the server counts them in with the value.
const HEADER_ROOM: usize = 512;

/// The names of a group on the server.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `KV_divider_<group>`.
    pub(super) stream: String,
    /// `$KV.divider_<group>.`: a record's name follows.
    pub(super) records: String,
    /// `divider.<group>.key.`: where anybody may announce a key by a plain publish.
    pub(super) announce: String,
}

impl Names {
    /// Where keys of any group are announced: every group's stream listens below it.
    pub(super) const ANY_ANNOUNCE: &str = "divider.*.key.>";

    /// The group whose stream has this name, if it is one's.
    pub(super) fn group_of(stream: &str) -> Option<GroupName> {
        GroupName::new(stream.strip_prefix("KV_divider_")?).ok()
    }

    pub(super) fn new(group: &GroupName) -> Self {
        Self {
            stream: format!("KV_divider_{group}"),
            records: format!("$KV.divider_{group}."),
            announce: format!("divider.{group}.key."),
        }
    }

    /// The configuration that a group is created with.
    pub(super) fn config(&self, options: &StreamOptions) -> Value {
        let mut config = json!({
            "name": self.stream,
            "description": "Divider: keys, claims and leases of one group",
            "num_replicas": options.replicas,
            "max_bytes": options.max_bytes.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX)),
        });
        let fields = config.as_object_mut().expect("it is written as an object above");
        fields.extend(self.rules().into_iter().map(|(setting, needed)| (setting.into(), needed)));
        if let Some(placement) = options.placement() {
            fields.insert("placement".into(), placement);
        }
        config
    }

    /// Every rule that a stream breaks.
    pub(super) fn broken_rules(&self, found: &Value) -> Vec<BrokenRule> {
        broken_among(self.rules(), found)
    }

    /// What the protocol rests on, as the server names it. A setting that is off may be left out.
    fn rules(&self) -> Vec<(&'static str, Value)> {
        let (from, to) = (format!("{}>", self.announce), format!("{}key.>", self.records));
        vec![
            ("subjects", json!([format!("{}>", self.records), from])),
            ("subject_transform", json!({"src": from, "dest": to})),
            ("retention", json!("limits")),
            ("storage", json!("file")),
            ("discard", json!("new")),
            ("max_msgs_per_subject", json!(1)),
            ("max_msgs", json!(-1)),
            ("max_age", json!(0)),
            ("max_msg_size", json!(MAX_VALUE + HEADER_ROOM)),
            // Nanoseconds. Nothing here sends message ids; the window costs memory.
            ("duplicate_window", json!(2_000_000_000u64)),
            ("allow_msg_ttl", json!(true)),
            // A marker of an expiry can wipe an acknowledged renewal, and needs rollups.
            ("subject_delete_marker_ttl", json!(0)),
            // One message with a rollup header would wipe the whole group.
            ("allow_rollup_hdrs", json!(false)),
            ("deny_delete", json!(true)),
            ("deny_purge", json!(true)),
            ("allow_direct", json!(false)),
            ("discard_new_per_subject", json!(false)),
            ("no_ack", json!(false)),
            ("sealed", json!(false)),
            ("allow_msg_counter", json!(false)),
            ("persist_mode", json!("")),
            ("mirror", Value::Null),
            ("sources", Value::Null),
        ]
    }
}

/// Which of these settings a stream does not have.
pub(super) fn broken_among(rules: Vec<(&'static str, Value)>, found: &Value) -> Vec<BrokenRule> {
    let broken = |(setting, needed): (&'static str, Value)| {
        let found = found.get(setting).unwrap_or(&Value::Null);
        (!same(found, &needed)).then(|| BrokenRule {
            setting,
            found: found.to_string(),
            needed: needed.to_string(),
            is_harmless: is_harmless(setting, found),
        })
    };
    rules.into_iter().filter_map(broken).collect()
}

/// Whether the protocol holds although a setting is not as it makes it: by itself it deletes nothing,
/// loses nothing and refuses nothing.
fn is_harmless(setting: &str, found: &Value) -> bool {
    match setting {
        // Nothing here reads directly or sends message ids; and it takes somebody who deletes, with a
        // right of the API that no role has.
        "allow_direct" | "duplicate_window" | "deny_delete" | "deny_purge" => true,
        // Values are not longer for it.
        "max_msg_size" => {
            let needed = i64::try_from(MAX_VALUE + HEADER_ROOM).expect("a constant below it");
            found.as_i64().is_some_and(|found| found < 0 || found > needed)
        }
        _ => false,
    }
}

/// Whether a setting is as needed. What is off is sometimes left out, and lists have no order.
fn same(found: &Value, needed: &Value) -> bool {
    let off = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty() || text == "default",
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    };
    match (found, needed) {
        (Value::Array(found), Value::Array(needed)) => {
            found.len() == needed.len() && needed.iter().all(|item| found.contains(item))
        }
        _ => found == needed || (off(found) && off(needed)),
    }
}

/// A setting of a stream that is not as the protocol needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenRule {
    /// The setting, by its name in the stream's configuration.
    pub setting: &'static str,
    /// What it is, as JSON; `null` where it is not there.
    pub found: String,
    /// What it has to be, as JSON.
    pub needed: String,
    /// Whether the protocol holds all the same: the group opens, with a word about it.
    pub is_harmless: bool,
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, needed {}", self.setting, self.found, self.needed)
    }
}

/// What the server says about a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: Value,
    pub(super) created: String,
    pub(super) state: StreamState,
    #[serde(default)]
    pub(super) cluster: Option<ClusterInfo>,
    /// The server's clock, since 2.10.
    #[serde(default)]
    ts: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    #[serde(default)]
    pub(super) messages: u64,
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) first_seq: u64,
    #[serde(default)]
    pub(super) last_seq: u64,
}

impl StreamInfo {
    /// The creation time in nanoseconds since 1970; 0 where it cannot be read.
    pub(super) fn created(&self) -> i128 {
        let since =
            time(&self.created).and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.and_then(|since| i128::try_from(since.as_nanos()).ok()).unwrap_or(0)
    }

    /// The server's clock when it answered, if it said so.
    pub(super) fn server_time(&self) -> Option<SystemTime> {
        time(&self.ts)
    }

    pub(super) fn replicas(&self) -> usize {
        let replicas = self.config.get("num_replicas").and_then(Value::as_u64);
        replicas.and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
    }

    pub(super) fn max_bytes(&self) -> Option<u64> {
        self.config.get("max_bytes").and_then(Value::as_u64).filter(|&max| max > 0)
    }
}

/// A time as the server writes it, in nanoseconds since 1970.
pub(super) fn unix_ns(text: &str) -> Option<u64> {
    let since = time(text)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

fn time(text: &str) -> Option<SystemTime> {
    async_nats::datetime::parse_rfc3339(text).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(&GroupName::new("g").expect("legal"))
    }

    #[derive(Deserialize)]
    struct Given {
        group: String,
        #[serde(default)]
        replicas: Option<usize>,
        #[serde(default)]
        changed: Option<serde_json::Map<String, Value>>,
    }

    #[test]
    fn vectors() {
        divider_core::vectors::check("stream", |Given { group, replicas, changed }| {
            let names = Names::new(&GroupName::new(group).expect("legal"));
            let options = StreamOptions::default().replicas(replicas.unwrap_or(1));
            let mut config = names.config(&options);
            let Some(changed) = changed else { return json!({"config": config}) };
            for (setting, value) in changed {
                config[setting] = value;
            }
            let which = |harmless: bool| {
                let broken = names.broken_rules(&config).into_iter();
                broken.filter(|b| b.is_harmless == harmless).map(|b| b.setting).collect::<Vec<_>>()
            };
            json!({"broken": which(false), "harmless": which(true)})
        });
    }

    #[test]
    fn a_stream_names_its_group() {
        let group = |stream: &str| Names::group_of(stream).map(|group| group.to_string());
        assert_eq!(group(&names().stream).as_deref(), Some("g"));
        assert_eq!(group("KV_divider_"), None);
        assert_eq!(group("KV_divided"), None);
        assert_eq!(group("divider_g"), None);
    }

    #[test]
    fn what_is_created_keeps_the_rules() {
        let config = names().config(&StreamOptions::default());
        assert_eq!(names().broken_rules(&config), []);
        assert_eq!(config["subjects"], json!(["$KV.divider_g.>", "divider.g.key.>"]));
    }

    #[test]
    fn each_broken_rule_is_named_with_what_was_found() {
        let check = |setting: &'static str, found: Value, broken: bool| {
            let mut config = names().config(&StreamOptions::default());
            config[setting] = found;
            let rules = names().broken_rules(&config);
            let named: Vec<_> = rules.iter().map(|rule| rule.setting).collect();
            assert_eq!(named, if broken { vec![setting] } else { vec![] });
        };
        check("subjects", json!(["divider.g.key.>", "$KV.divider_g.>"]), false);
        check("subjects", json!(["$KV.divider_g.>"]), true);
        check("allow_rollup_hdrs", json!(true), true);
        check("allow_rollup_hdrs", Value::Null, false);
        check("deny_purge", Value::Null, true);
        check("storage", json!("memory"), true);
        check("subject_delete_marker_ttl", json!(60_000_000_000u64), true);
        check("persist_mode", json!("async"), true);
        check("persist_mode", json!("default"), false);
        check("mirror", json!({"name": "other"}), true);
        check("num_replicas", json!(5), false);
        check("metadata", json!({"_nats.ver": "2.15.1"}), false);
    }

    #[test]
    fn what_deletes_loses_or_refuses_nothing_is_harmless() {
        let check = |setting: &'static str, found: Value, harmless: bool| {
            let mut config = names().config(&StreamOptions::default());
            config[setting] = found;
            let rules = names().broken_rules(&config);
            let named: Vec<_> = rules.iter().map(|r| (r.setting, r.is_harmless)).collect();
            assert_eq!(named, [(setting, harmless)]);
        };
        check("allow_direct", json!(true), true);
        check("duplicate_window", json!(120_000_000_000u64), true);
        check("deny_purge", json!(false), true);
        check("max_msg_size", json!(-1), true);
        check("max_msg_size", json!(1 << 20), true);
        check("max_msg_size", json!(1024), false);
        check("max_age", json!(10_000_000_000u64), false);
        check("max_msgs", json!(20), false);
        check("discard", json!("old"), false);
        check("allow_rollup_hdrs", json!(true), false);
        check("storage", json!("memory"), false);
    }
}
