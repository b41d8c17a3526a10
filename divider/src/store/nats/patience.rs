//! Waiting for a server that is not there yet, or not ready.

use std::error::Error;
use std::io;
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind};
use tokio::time::Instant;

use super::super::StoreError;
use super::error::OpenError;
use crate::backoff::Backoff;
use crate::report::chain;

/// How long is waited for one server, from when the first attempt begins.
pub(super) struct Patience {
    begun: Instant,
    /// The longest; none: there is one attempt.
    longest: Option<Duration>,
    told: bool,
    waits: Backoff,
}

impl Patience {
    pub(super) fn new(longest: Option<Duration>) -> Self {
        let waits = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        Self { begun: Instant::now(), longest, told: false, waits }
    }

    /// Waits for the next attempt; an error where there is none, since the time is over or the reason
    /// is one that time does not mend.
    pub(super) async fn after(&mut self, error: OpenError) -> Result<(), OpenError> {
        let Some(longest) = self.longest.filter(|_| may_pass(&error)) else { return Err(error) };
        let wait = self.waits.next(getrandom::u32().unwrap_or(0));
        if self.begun.elapsed() + wait >= longest {
            return Err(OpenError::NotThere { waited: longest, source: Box::new(error) });
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(error = %chain(&error), ?longest, "waiting for the store");
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Whether it may be otherwise in a while, though nobody corrects anything here.
fn may_pass(error: &OpenError) -> bool {
    match error {
        OpenError::Connect { source, .. } => is_away(&**source),
        OpenError::NoJetStream { .. } | OpenError::Timeout { .. } => true,
        OpenError::Store(error) => {
            matches!(error, StoreError::Unreachable { .. } | StoreError::Timeout { .. })
        }
        _ => false,
    }
}

/// Whether nobody answered; not where somebody did and said no, or the address is none.
fn is_away(error: &(dyn Error + 'static)) -> bool {
    use ConnectErrorKind::{Dns, Io, TimedOut};
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.kind() == io::ErrorKind::TimedOut;
    }
    let error = error.downcast_ref::<ConnectError>();
    error.is_some_and(|error| matches!(error.kind(), Io | Dns | TimedOut))
}
