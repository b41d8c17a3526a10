//! What a server says about itself.

use super::super::StoreError;
use super::error::Failure;
use super::link::{Link, Live};
use super::record::data;

/// The settings of a server that decide what it may lose, and how full it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The version of Redis, or the one that Valkey is compatible with.
    pub version: String,
    /// `master` or `slave`, in the server's words.
    pub role: String,
    /// How many replicas are connected. They may lag behind.
    pub replicas: u64,
    /// Whether it writes changes to a file (`appendonly`).
    pub appendonly: bool,
    /// When it syncs that file (`appendfsync`): `always`, `everysec` or `no`. `None` without the
    /// right to read the configuration.
    pub appendfsync: Option<String>,
    /// What it does when its memory is full (`maxmemory-policy`): a group needs `noeviction`.
    pub maxmemory_policy: String,
    /// The limit of its memory in bytes; `None` if it has none.
    pub maxmemory: Option<u64>,
    /// The memory that it uses, in bytes.
    pub used_memory: u64,
}

impl Inspection {
    /// A primary of this version that keeps what it has acknowledged. The settings are public fields.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            role: "master".into(),
            replicas: 0,
            appendonly: true,
            appendfsync: Some("always".into()),
            maxmemory_policy: "noeviction".into(),
            maxmemory: None,
            used_memory: 0,
        }
    }

    /// What may be lost with these settings, each as a sentence with its remedy. Empty: the server
    /// keeps every write that it has acknowledged, as long as its disk does.
    pub fn risks(&self) -> Vec<String> {
        let mut risks = Vec::new();
        if !self.appendonly {
            risks.push(
                "a crash loses acknowledged writes of minutes: set appendonly yes and appendfsync \
                 always"
                    .to_owned(),
            );
        } else if self.appendfsync.as_deref().is_some_and(|fsync| fsync != "always") {
            risks.push(
                "a crash loses acknowledged writes of about a second: set appendfsync always"
                    .into(),
            );
        }
        if self.maxmemory.is_some() && self.maxmemory_policy != "noeviction" {
            risks.push(format!(
                "a full server evicts parts of the group: set maxmemory-policy noeviction, found {}",
                self.maxmemory_policy
            ));
        }
        if self.replicas > 0 {
            risks.push(
                "a replica that is promoted lacks the last acknowledged writes: two nodes may then \
                 own a key until they notice it"
                    .to_owned(),
            );
        }
        risks
    }
}

pub(super) async fn inspect(link: &Link) -> Result<Inspection, StoreError> {
    let live = link.live().await?;
    inspect_on(link, live).await
}

pub(super) async fn inspect_on(link: &Link, mut live: Live) -> Result<Inspection, StoreError> {
    let text = |value: redis::Value| Ok(String::from_utf8_lossy(data(&value)?).into_owned());
    let info = link.command(&mut live, &redis::cmd("INFO")).await.map_err(Failure::into_error)?;
    let info: String = text(info)?;
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("appendfsync");
    // Managed servers hide their configuration.
    let appendfsync = match link.command(&mut live, &command).await {
        Ok(redis::Value::Array(values)) => values.into_iter().nth(1).map(text).transpose()?,
        _ => None,
    };
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim().to_owned())
    };
    let number = |name: &str| field(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    Ok(Inspection {
        version: field("redis_version").unwrap_or_default(),
        role: field("role").unwrap_or_default(),
        replicas: number("connected_slaves"),
        appendonly: number("aof_enabled") == 1,
        appendfsync,
        maxmemory_policy: field("maxmemory_policy").unwrap_or_default(),
        maxmemory: Some(number("maxmemory")).filter(|bytes| *bytes > 0),
        used_memory: number("used_memory"),
    })
}
