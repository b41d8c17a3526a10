//! The parts of a snapshot that concern the whole group.

use std::sync::Arc;

use super::model::Model;
use crate::snapshot::{Problem, Problems};

impl Model {
    /// Updates the list of problems. Returns whether it differs.
    pub(super) fn publish_problems(&mut self) -> bool {
        let shown = self.view.problems.iter().map(|(name, problem)| Problem {
            name: name.clone(),
            revision: problem.revision,
            why: problem.why.clone(),
        });
        let problems = Problems { shown: shown.collect(), found: self.view.problems.found() };
        let differs = *self.snapshot.problems != problems;
        if differs {
            self.snapshot.problems = Arc::new(problems);
        }
        differs
    }

    /// Updates freeze, rollout and generation. Returns whether they differ.
    pub(super) fn publish_group(&mut self) -> bool {
        let group = self.view.group.as_ref();
        let freeze = group.and_then(|group| group.record.freeze.as_ref());
        let (generation, rollout) = (self.planner.generation(), self.planner.rollout());
        let same = self.snapshot.freeze.as_deref() == freeze && self.snapshot.rollout == rollout;
        if same && self.snapshot.generation == generation {
            return false;
        }
        self.snapshot.freeze = freeze.cloned().map(Arc::new);
        self.snapshot.generation = generation;
        self.snapshot.rollout = rollout;
        true
    }
}
