//! The saved state of keys, if the backend keeps any.

use bytes::Bytes;

use super::super::verdict::{Stop, ensure, ensure_eq, in_time};
use super::super::{Given, Subject, Verdict};
use crate::id::{Revision, Token};
use crate::key::Key;
use crate::store::{
    CheckpointContent, CheckpointRecord, CheckpointWrite, Checkpoints, Outcome, Position,
    StoreError,
};

async fn read(
    store: &Subject,
    checkpoints: &dyn Checkpoints,
    key: &Key,
) -> Verdict<Option<CheckpointRecord>> {
    match in_time(store.patience, "a checkpoint is read", checkpoints.read(key)).await? {
        Ok(record) => Ok(record),
        Err(StoreError::NoCheckpoints { what }) => Err(Stop::NotRun(what)),
        Err(error) => Err(Stop::Failed(format!("read the checkpoint of {key}: {error}"))),
    }
}

pub(super) async fn a_checkpoint_is_kept_with_its_token(given: &Given<'_>) -> Verdict {
    let store = given.store().await?;
    let checkpoints = match store.store.checkpoints() {
        Ok(checkpoints) => checkpoints,
        Err(StoreError::Unsupported { what }) => return Err(Stop::NotRun(what)),
        Err(error) => return Err(Stop::Failed(format!("the checkpoints: {error}"))),
    };
    let key = Key::new("orders/17 ü").map_err(|error| Stop::Failed(error.to_string()))?;
    ensure_eq!(read(&store, &*checkpoints, &key).await?, None, "a read before the first save");
    let mut position = Position::new("orders", "orders.>", 1_700_000_000_000_000_000);
    (position.done, position.started, position.attempts) = (17, 18, 3);
    let longest = Bytes::from(vec![b'x'; checkpoints.max_value()]);
    let contents = [
        Some(CheckpointContent::new(Some(Bytes::new()), vec![])),
        Some(CheckpointContent::new(Some(longest), vec![position.clone()])),
        None,
        Some(CheckpointContent::new(None, vec![position])),
    ];
    let mut newest = Revision::NONE;
    for (token, content) in (1..).map(Token).zip(contents) {
        let write = |expected: Revision| {
            CheckpointWrite::new(key.clone(), expected, token, content.clone())
        };
        let wrong = checkpoints.write(write(Revision(newest.0 + 1)));
        let outcome = in_time(store.patience, "a save ends", wrong).await?;
        ensure_eq!(outcome, Outcome::Conflict, "a save over a revision that is not the newest");
        let saving = checkpoints.write(write(newest));
        let revision = match in_time(store.patience, "a save ends", saving).await? {
            Outcome::Acked(revision) => revision,
            other => return Err(Stop::Failed(format!("a save over the newest: {other:?}"))),
        };
        ensure!(revision > newest, "revision {revision:?} of a save over {newest:?}");
        let saved = read(&store, &*checkpoints, &key).await?;
        ensure_eq!(saved, Some(CheckpointRecord::new(revision, token, content)), "what was saved");
        newest = revision;
    }
    ensure!(store.names().await?.is_empty(), "a watch of the log shows checkpoints");
    Ok(())
}
