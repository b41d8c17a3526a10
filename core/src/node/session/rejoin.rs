//! Rejoining after a fence.

use super::{Life, SessionHandler};
use crate::id::Revision;
use crate::log::{Outcome, Write};
use crate::node::io::WriteFor;
use crate::time::Now;
use crate::timing::TOMBSTONE_TTL;

/// A revision that no record can have.
const NEVER: Revision = Revision(i64::MAX.cast_unsigned());

impl SessionHandler<'_> {
    pub(crate) fn wait_to_rejoin(&mut self, now: Now) {
        if let Life::Fenced { rejoin, .. } = &mut self.session.life {
            *rejoin = now.at + self.timing.lease;
        }
    }

    /// Whether a fenced node may rejoin now. A node that could not write a record first tests a
    /// write over a revision that cannot exist. A conflict shows that it may write the record.
    pub(crate) fn drive_rejoin(&mut self, now: Now) -> bool {
        let Life::Fenced { rejoin, .. } = self.session.life else { return false };
        if rejoin > now.at {
            return false;
        }
        let Some(record) = &self.session.probe else { return true };
        let write =
            Write { ttl: Some(TOMBSTONE_TTL), ..Write::delete(record.to_string(), Some(NEVER)) };
        self.io.write(self.view, WriteFor::Probe, write);
        self.wait_to_rejoin(now);
        false
    }

    pub(crate) fn on_probe_wrote(&mut self, now: Now, outcome: &Outcome) {
        if let (Outcome::Conflict, Life::Fenced { rejoin, .. }) = (outcome, &mut self.session.life)
        {
            self.session.probe = None;
            *rejoin = now.at;
        }
    }
}
