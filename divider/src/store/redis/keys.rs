//! The names of a group's keys in Redis.

use crate::id::GroupName;
use crate::key::Key;

#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    log: String,
    records: String,
    order: String,
    expiry: String,
    changes: String,
    history: String,
    history_ids: String,
}

impl Keys {
    pub(super) fn new(group: &GroupName) -> Self {
        // What is in braces decides the slot of a cluster.
        let prefix = format!("{{divider:{group}}}:");
        let key = |name: &str| format!("{prefix}{name}");
        Self {
            log: key("log"),
            records: key("records"),
            order: key("order"),
            expiry: key("expiry"),
            changes: key("changes"),
            history: key("history"),
            history_ids: key("history-ids"),
            prefix,
        }
    }

    /// For `write.lua` and `open.lua`.
    pub(super) fn write(&self) -> [&str; 5] {
        [&self.log, &self.records, &self.order, &self.expiry, &self.changes]
    }

    /// For `read.lua` and `page.lua`.
    pub(super) fn read(&self) -> [&str; 3] {
        [&self.log, &self.records, &self.order]
    }

    pub(super) fn changes(&self) -> &str {
        &self.changes
    }

    /// For `history_append.lua`.
    pub(super) fn history_append(&self) -> [&str; 3] {
        [&self.log, &self.history, &self.history_ids]
    }

    /// For `history_read.lua`.
    pub(super) fn history_read(&self) -> [&str; 2] {
        [&self.log, &self.history]
    }

    /// A pattern of the logs of all groups.
    pub(super) const LOGS: &str = "{divider:*}:log";

    /// The group whose log has this key.
    pub(super) fn group_of_log(key: &str) -> Option<GroupName> {
        let name = key.strip_prefix("{divider:")?.strip_suffix("}:log")?;
        GroupName::new(name).ok()
    }

    /// All keys of the group but its checkpoints.
    pub(super) fn of_group(&self) -> [&str; 7] {
        let [log, records, order, expiry, changes] = self.write();
        [log, records, order, expiry, changes, &self.history, &self.history_ids]
    }

    /// A pattern of the checkpoints of the group.
    pub(super) fn states(&self) -> String {
        format!("{}state:*", self.prefix)
    }

    pub(super) fn log(&self) -> &str {
        &self.log
    }

    /// The checkpoint of a key.
    pub(super) fn state(&self, key: &Key) -> String {
        format!("{}state:{key}", self.prefix)
    }
}
