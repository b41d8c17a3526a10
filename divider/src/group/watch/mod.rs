//! Watching a group.

mod ages;
mod audit;
mod candidates;
mod drains;
mod gone;
mod judge;
mod keys;
mod line;
mod model;
mod nodes;
mod preview;
mod stops;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::BTreeSet;
use std::fmt;

use self::line::{Line, News};
use self::model::Model;
use super::{Group, OperateError};
use crate::engine::clock::Clock;
use crate::id::NodeId;
use crate::key::Key;
use crate::snapshot::{Candidate, Changed, DrainPreview, Link, RebalancePreview, Snapshot, Update};

/// Follows a group. It folds the log as nodes do, and computes the same plan.
///
/// It has no task: records wait in the store until [`next`](Self::next) is called, so call it in a
/// loop. Dropping the watch ends it. [`close`](Self::close) also tells the store.
pub struct GroupWatch {
    line: Line,
    model: Model,
}

/// The most records that are folded before their changes are shown.
const BATCH: usize = 20_000;

impl Group {
    /// Watches the nodes, keys and problems of the group. No request is sent before the first
    /// [`GroupWatch::next`].
    ///
    /// ```
    /// # use divider::{Group, GroupName, Key, MemoryStore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let group = Group::open(MemoryStore::new(GroupName::new("orders")?));
    /// group.announce(&Key::new("eu.17")?).await?;
    /// let mut watch = group.watch();
    /// let mut update = watch.next().await;
    /// while !update.snapshot.is_complete() {
    ///     update = watch.next().await;
    /// }
    /// assert_eq!(update.snapshot.counts().orphaned, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self) -> GroupWatch {
        let clock = Clock::of_caller();
        let model = Model::new(self.name().clone(), clock.now());
        GroupWatch { line: Line::new(self.store.clone(), clock), model }
    }

    /// What a drain of these nodes would do now. Changes nothing.
    ///
    /// # Errors
    /// [`OperateError::UnknownNode`], [`OperateError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn preview_drain(&self, nodes: &[NodeId]) -> Result<DrainPreview, OperateError> {
        let watch = self.read_once_through().await?;
        let preview = watch.preview_drain(nodes);
        watch.close().await;
        preview
    }

    /// What a rebalance would do now. Changes nothing.
    ///
    /// # Errors
    /// [`OperateError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn preview_rebalance(&self) -> Result<RebalancePreview, OperateError> {
        let watch = self.read_once_through().await?;
        let preview = watch.preview_rebalance();
        watch.close().await;
        preview
    }

    /// Reads the group once.
    ///
    /// Ages and the states of nodes go by the times at which the store stored the records. So a node
    /// whose lease has ended is lost at this one look, also where no other node is left to end its
    /// session.
    ///
    /// # Errors
    /// [`OperateError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn snapshot(&self) -> Result<Snapshot, OperateError> {
        let watch = self.read_once_through().await?;
        let snapshot = watch.snapshot().clone();
        watch.close().await;
        Ok(snapshot)
    }

    async fn read_once_through(&self) -> Result<GroupWatch, OperateError> {
        let mut watch = self.watch();
        loop {
            let update = watch.next().await;
            if update.snapshot.is_complete() {
                return Ok(watch);
            }
            if let Link::Lost { error: source, attempts, .. } = update.link
                && (attempts >= ATTEMPTS || !super::backoff::is_worth_a_retry(&source))
            {
                let name = "the whole log".to_owned();
                return Err(OperateError::Store { name, source });
            }
        }
    }
}

/// How many attempts there are to read a group once.
const ATTEMPTS: u32 = 8;

impl GroupWatch {
    /// Waits for a change, and returns everything that changed since the last call. It never ends: if
    /// the store is lost, it reports that and tries again.
    ///
    /// # Cancel safety
    /// Cancel safe: no change is lost if the future is dropped.
    pub async fn next(&mut self) -> Update {
        loop {
            let due = self.model.next_due();
            if let Some(news) = self.line.news(due).await {
                self.on_news(news);
            }
            let mut left = BATCH;
            while left > 0
                && let Some(news) = self.line.news_at_hand()
            {
                self.on_news(news);
                left -= 1;
            }
            let update = self.update();
            if !update.changed.is_empty() {
                return update;
            }
        }
    }

    /// The snapshot that [`next`](Self::next) returned last.
    pub fn snapshot(&self) -> &Snapshot {
        &self.model.snapshot
    }

    /// What a drain of these nodes would do now.
    ///
    /// # Errors
    /// [`OperateError::UnknownNode`]; [`OperateError::Incomplete`] before the first complete
    /// snapshot and while the store is lost.
    pub fn preview_drain(&self, nodes: &[NodeId]) -> Result<DrainPreview, OperateError> {
        self.check_complete()?;
        self.check_known(nodes)?;
        let nodes: BTreeSet<NodeId> = nodes.iter().cloned().collect();
        Ok(self.model.preview_drain(self.line.now(), &nodes))
    }

    /// What a rebalance would do now.
    ///
    /// # Errors
    /// [`OperateError::Incomplete`].
    pub fn preview_rebalance(&self) -> Result<RebalancePreview, OperateError> {
        self.check_complete()?;
        Ok(self.model.preview_rebalance(&BTreeSet::new()))
    }

    /// What a rebalance would do if these nodes were resumed first.
    ///
    /// # Errors
    /// [`OperateError::UnknownNode`], [`OperateError::Incomplete`].
    pub fn preview_resume(&self, nodes: &[NodeId]) -> Result<RebalancePreview, OperateError> {
        self.check_complete()?;
        self.check_known(nodes)?;
        Ok(self.model.preview_rebalance(&nodes.iter().cloned().collect()))
    }

    /// How well each member suits a key: why it is where it is, or has no owner. Eligible nodes come
    /// first, best first. Empty if the key is not known.
    ///
    /// The score alone does not decide: a node has no room above its share, and a key goes back to its
    /// last owner if possible.
    ///
    /// # Errors
    /// [`OperateError::Incomplete`].
    pub fn candidates(&self, key: &Key) -> Result<Vec<Candidate>, OperateError> {
        self.check_complete()?;
        Ok(self.model.candidates(self.line.now(), key))
    }

    /// Ends the watch, and deletes what the store keeps for it.
    ///
    /// # Cancel safety
    /// If the future is dropped, the store cleans up by itself later (after 30 s on NATS).
    pub async fn close(self) {
        self.line.close().await;
    }

    fn check_complete(&self) -> Result<(), OperateError> {
        if self.snapshot().is_complete() { Ok(()) } else { Err(OperateError::Incomplete) }
    }

    fn check_known(&self, nodes: &[NodeId]) -> Result<(), OperateError> {
        let Some(node) = nodes.iter().find(|node| self.snapshot().node(node).is_none()) else {
            return Ok(());
        };
        let known = self.snapshot().nodes().map(|status| status.node.clone()).collect();
        Err(OperateError::UnknownNode { node: node.clone(), known })
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Begun => self.model.begin(),
            News::Record(record, age) => self.model.on_record(self.line.now(), &record, age),
            News::CaughtUp => self.model.on_caught_up(self.line.now()),
        }
    }

    fn update(&mut self) -> Update {
        let live = self.line.link() == &Link::Live;
        let mut changed = if live {
            self.model.publish(self.line.now(), self.line.heard())
        } else {
            Changed::default()
        };
        changed.link = self.line.take_link_change();
        self.model.snapshot.complete = live;
        let (snapshot, link) = (self.model.snapshot.clone(), self.line.link().clone());
        Update { snapshot, changed, link }
    }
}

impl fmt::Debug for GroupWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupWatch")
            .field("snapshot", self.snapshot())
            .field("link", self.line.link())
            .finish_non_exhaustive()
    }
}
