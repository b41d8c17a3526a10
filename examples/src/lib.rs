//! What the example programs share: the workers and their journals, and what can be proved from
//! those.

pub mod cli;
pub mod fleet;
pub mod history;
pub mod journal;
pub mod least;
pub mod span;
pub mod worker;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
