//! Removing what has expired.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::super::StoreError;
use super::link::{Link, Param};
use super::options::PostgresOptions;
use super::schema::Schema;
use crate::id::GroupName;

/// How often a store that writes looks for expired records. The server does it once for all of
/// them.
const EVERY: Duration = Duration::from_secs(10);

/// For how long an expired record stays where watches find it. One that is further behind fails,
/// since it may have missed the record.
const KEPT_S: i64 = 60;

/// Sweeps from time to time, after a write: a group that nobody writes has nothing new to sweep.
pub(super) struct Sweeper {
    due: Instant,
    history_s: i64,
    history_most: i64,
}

impl Sweeper {
    pub(super) fn new(options: &PostgresOptions) -> Self {
        let history_s = i64::try_from(options.history_age.as_secs()).unwrap_or(i64::MAX);
        // No interval of the server is longer.
        let history_s = history_s.min(100 * 365 * 24 * 3600);
        Self {
            due: Instant::now() + EVERY,
            history_s,
            history_most: i64::from(options.history_entries),
        }
    }

    /// Sweeps once, if it is time. What fails is tried again next time.
    pub(super) async fn sweep_if_due(&mut self, link: &Link, schema: &Schema, group: &GroupName) {
        if Instant::now() < self.due {
            return;
        }
        let jitter = EVERY.mul_f64(f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX));
        self.due = Instant::now() + EVERY + jitter / 2;
        let group = group.as_str();
        let params: [Param<'_>; 4] = [
            (&group, Type::TEXT),
            (&KEPT_S, Type::INT8),
            (&self.history_s, Type::INT8),
            (&self.history_most, Type::INT8),
        ];
        let statement = schema.call("sweep_v1($1, $2, $3, $4)");
        match link.query("remove expired records", &statement, &params).await {
            Ok(_) => {}
            // Announcers need not have the right: the nodes sweep.
            Err(failed) => match failed.into_error() {
                StoreError::Denied { .. } => self.due += EVERY * 30,
                error => tracing::debug!(%error, "expired records were not removed"),
            },
        }
    }
}
