//! Moves of single keys to named nodes, as operators request them.

use super::KeyHandler;
use super::hold::Phase;
use crate::edge::StopReason;
use crate::id::NodeId;
use crate::key::Key;
use crate::time::Now;
use crate::view::{KeyIx, OwnerIx};
use crate::wire::KeyMove;

impl KeyHandler<'_> {
    /// Stops the running keys that the own control record moves to another node. A request names the
    /// claim that it replaces, so a key moves at most once for each request. Until the other node may
    /// take the key, the request waits: each change of a member or a control lets it be looked at again.
    pub(super) fn drive_requests(&mut self, now: Now) {
        if !std::mem::take(&mut self.keys.moves.requests) {
            return;
        }
        for request in self.requests() {
            let Ok(key) = Key::new(request.key.as_str()) else { continue };
            let Some(ix) = self.view.keys.find(&key) else { continue };
            let hold = self.keys.holds.get(ix);
            let is_named =
                hold.is_some_and(|h| h.phase == Phase::Running && h.revision.0 == request.claim);
            if is_named && self.receiver_of(now, ix, &request).is_some() {
                self.stop(now, ix, StopReason::Move, false);
            }
        }
    }

    /// The node that gets the key by the request of an operator, if it may take it now.
    pub(super) fn requested_receiver(&self, now: Now, ix: KeyIx) -> Option<OwnerIx> {
        let hold = self.keys.holds.get(ix)?;
        let key = self.view.keys.key(ix)?;
        let request = self
            .requests()
            .into_iter()
            .find(|r| r.key == key.as_str() && r.claim == hold.revision.0)?;
        self.receiver_of(now, ix, &request)
    }

    fn receiver_of(&self, now: Now, ix: KeyIx, request: &KeyMove) -> Option<OwnerIx> {
        let to = self.planner.standings().get(&NodeId::new(request.to.as_str()).ok()?)?.owner;
        let takes = to != self.session.me && self.planner.rank(self.view, now, ix, to).is_some();
        takes.then_some(to)
    }

    fn requests(&self) -> Vec<KeyMove> {
        self.control().map(|c| c.moves.clone()).unwrap_or_default()
    }
}
