//! What the example programs share: the workers' journal, and what can be proved from it.

pub mod fleet;
pub mod history;
pub mod journal;
pub mod least;
