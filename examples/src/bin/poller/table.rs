//! The table of lines, which refuses those who have lost their tenant.

use std::path::Path;
use std::time::Duration;

use divider::Token;
use rusqlite::{Connection, TransactionBehavior, params};

/// The database, which all nodes share.
pub(crate) struct Table(Connection);

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imported {
    /// So many were new, and are in the table.
    Lines(u64),
    /// Nothing was written: a higher token was here before.
    Fenced,
}

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS owners (
    key   TEXT PRIMARY KEY,
    token INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS lines (
    tenant TEXT NOT NULL,
    place  INTEGER NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (tenant, place)
);";

/// Changes no row if a higher token was here before.
pub(crate) const FENCE: &str = "
INSERT INTO owners (key, token) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET token = excluded.token
WHERE excluded.token >= owners.token";

impl Table {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        connection.execute_batch(TABLES)?;
        Ok(Self(connection))
    }

    /// Adds those of the tenant's lines that are not there yet.
    pub(crate) fn import<'a>(
        &mut self,
        tenant: &str,
        token: Token,
        lines: impl Iterator<Item = &'a str>,
    ) -> rusqlite::Result<Imported> {
        // One transaction: the token is compared, the place is read and the lines are written in
        // one step.
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_owner = transaction.execute(FENCE, params![tenant, token.0])? == 1;
        if !is_owner {
            return Ok(Imported::Fenced);
        }
        let place = "SELECT count(*) FROM lines WHERE tenant = $1";
        let from: usize = transaction.query_row(place, [tenant], |row| row.get(0))?;
        let mut imported = 0;
        for (place, text) in lines.enumerate().skip(from) {
            let insert = "INSERT INTO lines (tenant, place, text) VALUES ($1, $2, $3)";
            transaction.execute(insert, params![tenant, place, text])?;
            imported += 1;
        }
        transaction.commit()?;
        Ok(Imported::Lines(imported))
    }

    /// All lines, in their order.
    pub(crate) fn lines(&self) -> rusqlite::Result<Vec<(String, u64, String)>> {
        let select = "SELECT tenant, place, text FROM lines ORDER BY tenant, place";
        let mut select = self.0.prepare(select)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    }
}
