//! A stand-in until the node's state machine is here.

use super::config::Config;
use super::edge::{Action, Input};
use super::time::{Now, Time};

#[derive(Debug)]
pub(crate) struct Node {
    _config: Config,
}

impl Node {
    pub(crate) fn new(config: Config, _now: Now) -> Self {
        Self { _config: config }
    }
    pub(crate) fn handle(&mut self, _now: Now, _input: Input) {}
    pub(crate) fn handle_timeout(&mut self, _now: Now) {}
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        None
    }
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        None
    }
}
