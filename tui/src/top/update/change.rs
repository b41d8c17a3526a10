//! Changes of the group: for which nodes they are, and why one cannot be made.

use divider::snapshot::{Mode, NodeState, NodeStatus};
use divider::{GroupName, NodeId};

use super::action::Action;
use super::{Ask, Effect};
use crate::top::model::dialog::{Dialog, Task};
use crate::top::model::{Model, Overlay, View};

impl Model {
    /// Why an action cannot be done now, if that is so.
    pub(crate) fn why_not(&self, action: Action) -> Option<String> {
        if !action.is_mutation() {
            return None;
        }
        if let Some(why) = self.why_read_only() {
            return Some(format!("read-only: {why}"));
        }
        if !action.is_for_nodes() {
            return None;
        }
        if !self.nodes_for(action).is_empty() {
            return None;
        }
        if self.meant_nodes().is_empty() {
            return Some("no node is selected".to_owned());
        }
        Some(match action {
            Action::Undo => "the node is neither cordoned nor drained".to_owned(),
            Action::PauseDrain if self.data.drains.going_on().count() > 1 => {
                "there are several drains: select a node of one".to_owned()
            }
            Action::PauseDrain => "the node is not being drained".to_owned(),
            Action::Forget => "only a request for an absent node can be removed".to_owned(),
            Action::Cordon => "the node is already cordoned".to_owned(),
            _ => "the node is already being drained".to_owned(),
        })
    }

    /// The nodes on which an action has something to do: of those that are marked or selected, else
    /// those of the drain in the banner.
    fn nodes_for(&self, action: Action) -> Vec<NodeId> {
        let live = &self.data.live;
        let fitting = |id: &NodeId| live.node(id).is_some_and(|node| fits(action, node));
        let mut nodes = self.meant_nodes();
        nodes.retain(|id| fitting(id));
        let marked = self.view == View::Nodes && !self.nodes.marks.is_empty();
        if marked {
            return nodes;
        }
        let banner = match action {
            // What the banner shows is one thing, of however many nodes.
            Action::PauseDrain => self.data.drains.only_one(),
            Action::Undo if nodes.is_empty() => self.data.drains.last_ended(),
            _ => None,
        };
        match banner {
            Some(drain) => drain.nodes.keys().filter(|id| fitting(id)).cloned().collect(),
            None => nodes,
        }
    }

    /// The nodes that an action is for.
    pub(crate) fn meant_nodes(&self) -> Vec<NodeId> {
        match self.view {
            View::Nodes => self.nodes.meant(),
            _ => self.selected_node().cloned().into_iter().collect(),
        }
    }

    /// The group that is selected among the groups, else that which is shown.
    fn meant_group(&self) -> GroupName {
        let selected = self.groups.selected().filter(|_| self.view == View::Groups);
        selected.unwrap_or(&self.place.group).clone()
    }

    pub(super) fn open_dialog(&mut self, action: Action) -> Vec<Effect> {
        let live = &self.data.live;
        let nodes = self.nodes_for(action);
        let is_paused = |id: &NodeId| {
            live.node(id)
                .and_then(|node| node.desired.as_ref())
                .is_some_and(|desired| desired.paused)
        };
        let task = match action {
            Action::Drain => Task::Drain,
            Action::Cordon => Task::Cordon,
            Action::Undo => Task::Undo,
            Action::Affinity => Task::Affinity,
            Action::PauseDrain if nodes.iter().all(is_paused) => Task::Continue,
            Action::PauseDrain => Task::Pause,
            Action::Freeze if live.freeze().is_some() => Task::Thaw,
            Action::Freeze => Task::Freeze,
            Action::Forget => Task::Forget,
            Action::DeleteGroup => Task::DeleteGroup(self.meant_group()),
            _ => Task::Rebalance,
        };
        let nodes = if action.is_for_nodes() { nodes } else { Vec::new() };
        self.start(task, nodes)
    }

    /// Opens a dialog, and asks for its plan.
    pub(super) fn start(&mut self, task: Task, nodes: Vec<NodeId>) -> Vec<Effect> {
        self.overlay = Overlay::Dialog(Box::new(Dialog::new(task, nodes)));
        self.ask_for_plan()
    }

    /// Asks for the plan of the dialog that is open.
    pub(super) fn ask_for_plan(&self) -> Vec<Effect> {
        let Overlay::Dialog(dialog) = &self.overlay else { return Vec::new() };
        match &dialog.task {
            Task::Drain => vec![Effect::Ask(Ask::DrainPlan(dialog.nodes.clone()))],
            Task::Undo | Task::Rebalance => {
                vec![Effect::Ask(Ask::RebalancePlan(dialog.nodes.clone()))]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether an action has something to do on a node.
fn fits(action: Action, node: &NodeStatus) -> bool {
    let mode = node.desired.as_ref().map_or(Mode::Active, |desired| desired.mode);
    match action {
        Action::Undo => mode != Mode::Active,
        Action::PauseDrain => {
            let done = matches!(node.state, NodeState::Drained | NodeState::Emptied);
            mode == Mode::Drain && !done
        }
        Action::Cordon => mode != Mode::Cordon,
        Action::Forget => node.state == NodeState::Absent,
        Action::Drain => mode != Mode::Drain,
        _ => true,
    }
}
