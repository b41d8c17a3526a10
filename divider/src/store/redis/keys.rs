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

    pub(super) fn log(&self) -> &str {
        &self.log
    }

    /// The checkpoint of a key.
    pub(super) fn state(&self, key: &Key) -> String {
        format!("{}state:{key}", self.prefix)
    }
}
