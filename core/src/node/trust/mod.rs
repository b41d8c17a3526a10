//! Whether the view can be trusted: the watch that fills it, and the audit that asks the leader.

mod audit;
mod watch;

pub(super) use self::audit::{Audit, AuditHandler};
pub(super) use self::watch::LogWatch;
