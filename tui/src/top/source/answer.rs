//! Changing the group, and saying what came of it.

use divider::Group;
use divider::group::{OperateError, Requester};
use divider::store::StoreError;
use tokio::sync::mpsc;

use crate::connection::Server;
use crate::top::model::operation::Operation;
use crate::top::update::{Failed, News};

/// Makes a change, and tells what came of it.
pub(super) async fn operate(
    operation: Operation,
    why: Requester,
    (server, group): (Server, Group),
    tell: mpsc::Sender<News>,
) {
    let result = operation.carry_out(&server, &group, &why).await;
    let _ = tell.send(News::Done { operation, result }).await;
}

impl From<OperateError> for Failed {
    fn from(error: OperateError) -> Self {
        Self { denied: is_denied(&error), error: words(&error) }
    }
}

/// An error with its causes.
pub(super) fn words(error: &OperateError) -> String {
    crate::output::chain(error)
}

fn is_denied(error: &OperateError) -> bool {
    match error {
        OperateError::Store { source, .. } => matches!(source, StoreError::Denied { .. }),
        OperateError::Partly { source, .. } => is_denied(source),
        _ => false,
    }
}
