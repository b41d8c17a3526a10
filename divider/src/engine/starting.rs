//! The time between the node's start and its membership.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{Ended, StartError};
use crate::store::{Outcome, StoreError};
use divider_core::edge::{End, Input};
use divider_core::time::Time;
use divider_core::wire::PROTOCOL;

/// Waits for the node to become a member; then, or when that fails, tells whoever starts it.
#[derive(Debug)]
pub(super) struct Starting {
    answer: oneshot::Sender<Result<(), StartError>>,
    pub(super) deadline: Time,
    after: Duration,
    last: Option<StoreError>,
}

impl Starting {
    pub(super) fn new(
        answer: oneshot::Sender<Result<(), StartError>>,
        begun: Time,
        after: Duration,
    ) -> Self {
        Self { answer, deadline: begun + after, after, last: None }
    }

    /// It is a member, or never will be. Whoever started it may have stopped waiting.
    pub(super) fn answer(self, result: Result<(), StartError>) {
        let _ = self.answer.send(result);
    }

    /// It took too long.
    pub(super) fn time_out(self) {
        let error = StartError::TimedOut { after: self.after, last: self.last.clone() };
        self.answer(Err(error));
    }

    /// The node was over before it was a member.
    pub(super) fn end(self, end: End) {
        self.answer(Err(start_error(end)));
    }

    /// Looks at what the store says: `true` if it will not get better by itself.
    pub(super) fn is_hopeless(&mut self, input: &Input) -> bool {
        let Some(error) = store_error(input) else { return false };
        self.last = Some(error.clone());
        matches!(error, StoreError::NoGroup { .. } | StoreError::Denied { .. })
    }

    /// The store said what does not get better.
    pub(super) fn give_up(self) {
        let error = self.last.clone().map_or(StartError::Over(Ended::Failed), StartError::Store);
        self.answer(Err(error));
    }
}

fn store_error(input: &Input) -> Option<&StoreError> {
    match input {
        Input::WatchEnded(_, error)
        | Input::Read(_, Err(error))
        | Input::Info(Err(error))
        | Input::Wrote(_, Outcome::Refused(error) | Outcome::Unknown(error)) => Some(error),
        _ => None,
    }
}

fn start_error(end: End) -> StartError {
    match end {
        End::NodeIdInUse { session, host } => StartError::NodeIdInUse { session, host },
        End::PlanTooOld { node, highest } => StartError::PlanTooOld { node, highest },
        End::Protocol { found } => StartError::Protocol { found, spoken: PROTOCOL },
        End::Cancelled | End::Replaced { .. } => StartError::Over(end.into()),
    }
}

impl From<End> for Ended {
    fn from(end: End) -> Self {
        match end {
            End::Cancelled => Self::Cancelled,
            End::NodeIdInUse { session, host } => Self::NodeIdInUse { session, host },
            End::Replaced { session } => Self::Replaced { session },
            End::PlanTooOld { node, highest } => Self::PlanTooOld { node, highest },
            End::Protocol { found } => Self::Protocol { found },
        }
    }
}
