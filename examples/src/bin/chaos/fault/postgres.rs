//! What only happens to PostgreSQL.

use std::fmt;

use super::{Cost, Fault, Kind, Reach, Target};
use crate::Failure;
use crate::arena::Arena;
use crate::bed::PostgresBed;

const POSTGRES: Kind = Kind {
    name: "",
    weight: 4,
    target: Target::Group,
    reach: Reach::All,
    cost: Cost::Durable,
    garbles: false,
    servers: 1,
    leases: (0.2, 2.0),
    make: |_, _| None,
};

/// The primary crashes for good, and its synchronous standby is promoted.
pub(super) const PROMOTE: Kind = Kind {
    name: "promote",
    weight: 6,
    reach: Reach::Some,
    servers: 2,
    leases: (0.5, 3.0),
    make: |_, _| Some(Box::new(Promote)),
    ..POSTGRES
};

/// A transaction with a snapshot stays open for minutes: nothing that dies meanwhile is vacuumed.
pub(super) const OPEN_TRANSACTION: Kind = Kind {
    name: "open-transaction",
    weight: 1,
    target: Target::Workers,
    reach: Reach::Some,
    leases: (20.0, 50.0),
    make: |_, _| Some(Box::new(Session { what: "with a snapshot", statements: SNAPSHOT })),
    ..POSTGRES
};

/// The tables of the log are locked against everybody.
pub(super) const LOCK: Kind = Kind {
    name: "lock",
    make: |rng, _| {
        let (what, statements) = if rng.bool() {
            ("the table of records", LOCK_RECORDS)
        } else {
            ("the row of the group", LOCK_GROUP)
        };
        Some(Box::new(Session { what, statements }))
    },
    ..POSTGRES
};

/// The tables are written anew, again and again.
pub(super) const VACUUM_FULL: Kind = Kind {
    name: "vacuum-full",
    weight: 2,
    make: |_, _| Some(Box::new(Session { what: "of all tables", statements: VACUUM })),
    ..POSTGRES
};

/// Sessions are ended by an administrator.
pub(super) const TERMINATE: Kind = Kind {
    name: "terminate",
    reach: Reach::Some,
    leases: (0.0, 0.1),
    make: |rng, shape| {
        let (what, condition) = match rng.usize(..3) {
            0 => ("all sessions".to_owned(), "true".to_owned()),
            1 => ("all listeners".to_owned(), "query LIKE 'LISTEN%'".to_owned()),
            _ => {
                let slot = shape.any(rng)?;
                (format!("sessions of w{slot}"), format!("usename = 'w{slot}'"))
            }
        };
        Some(Box::new(Terminate { what, condition }))
    },
    ..POSTGRES
};

const SNAPSHOT: &[&str] = &[
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "SELECT count(*) FROM divider.records",
    "SELECT pg_sleep(3600)",
];

const LOCK_RECORDS: &[&str] =
    &["BEGIN", "LOCK TABLE divider.records IN ACCESS EXCLUSIVE MODE", "SELECT pg_sleep(3600)"];

const LOCK_GROUP: &[&str] =
    &["BEGIN", "SELECT 1 FROM divider.groups FOR UPDATE", "SELECT pg_sleep(3600)"];

const VACUUM: &[&str] = &[
    "VACUUM FULL divider.records",
    "VACUUM FULL divider.groups",
    "SELECT pg_sleep(0.3)",
    "VACUUM FULL divider.records",
    "SELECT pg_sleep(0.3)",
    "VACUUM FULL divider.records",
    "VACUUM FULL divider.groups",
];

struct Promote;

impl Fault for Promote {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<PostgresBed>()?.promote()
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed.revive()
    }
}

impl fmt::Display for Promote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the standby")
    }
}

/// A session of the superuser that is in the way.
struct Session {
    what: &'static str,
    statements: &'static [&'static str],
}

impl Fault for Session {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<PostgresBed>()?.intrude(self.statements)
    }

    fn undo(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<PostgresBed>()?.expel()
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

struct Terminate {
    what: String,
    condition: String,
}

impl Fault for Terminate {
    fn inject(&mut self, arena: &mut Arena) -> Result<(), Failure> {
        arena.bed_of::<PostgresBed>()?.terminate_nodes(&self.condition)
    }

    fn undo(&mut self, _: &mut Arena) -> Result<(), Failure> {
        Ok(())
    }
}

impl fmt::Display for Terminate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
