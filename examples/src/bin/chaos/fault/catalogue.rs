//! Which faults there are for which backend.

use clap::ValueEnum;

use super::{Kind, nats, network, operators, postgres, redis, rights, servers, store, workers};
use crate::bed::Backend;

impl Backend {
    /// The faults that fit it. Their order decides what a seed means.
    pub(crate) fn faults(self) -> Vec<&'static Kind> {
        let groups = match self {
            Self::Nats => NATS,
            Self::Postgres => POSTGRES,
            Self::Redis => REDIS,
        };
        groups.iter().copied().flatten().collect()
    }

    /// The other backends that have a fault of this name.
    pub(crate) fn others_with(self, name: &str) -> Vec<String> {
        let has = |it: &&Self| **it != self && it.faults().iter().any(|kind| kind.name == name);
        Self::value_variants().iter().filter(has).map(ToString::to_string).collect()
    }
}

const NATS: &[&[Kind]] = &[
    WORKERS,
    SERVERS,
    &[nats::STEP_DOWN, nats::LOSE_QUORUM, nats::SPLIT, nats::UPGRADE],
    NETWORK,
    &[store::FULL, store::GARBAGE, store::DELETE, store::RESTORE, rights::REVOKE],
    OPERATORS,
];

const POSTGRES: &[&[Kind]] = &[
    WORKERS,
    SERVERS,
    &[
        postgres::PROMOTE,
        postgres::OPEN_TRANSACTION,
        postgres::TERMINATE,
        postgres::LOCK,
        postgres::VACUUM_FULL,
    ],
    NETWORK,
    &[store::FULL, store::GARBAGE, store::DELETE, store::RESTORE, rights::REVOKE_RECORDS],
    OPERATORS,
];

const REDIS: &[&[Kind]] = &[
    WORKERS,
    SERVERS,
    &[redis::PROMOTE, redis::CLIENT_KILL],
    NETWORK,
    &[redis::MAXMEMORY, store::GARBAGE, redis::FLUSHALL, store::RESTORE, rights::REVOKE_COMMANDS],
    OPERATORS,
];

const WORKERS: &[Kind] = &[
    workers::KILL,
    workers::KILL_MANY,
    workers::FREEZE,
    workers::FREEZE_MANY,
    workers::BLINK,
    workers::LEAVE,
    workers::TWIN,
];

const SERVERS: &[Kind] = &[servers::KILL, servers::STOP, servers::FREEZE];

const NETWORK: &[Kind] = &[
    network::PARTITION,
    network::DEAF,
    network::MUTE,
    network::LATE,
    network::SLOW,
    network::SLOW_ALL,
    network::HALF_OPEN,
    network::CUT,
    network::SWIZZLE,
];

const OPERATORS: &[Kind] = &[operators::DRAIN, operators::REBALANCE];

/// The list for the help of the command.
pub(crate) fn help() -> String {
    let list = |backend: Backend| {
        let names: Vec<&str> = backend.faults().iter().map(|kind| kind.name).collect();
        names.join(", ")
    };
    let told = |it: &Backend| format!("Faults with --store {it}: {}", list(*it));
    Backend::value_variants().iter().map(told).collect::<Vec<_>>().join("\n\n")
}
