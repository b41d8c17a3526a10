//! What the example programs share: the workers and their journals, and what can be proved from
//! those.

pub mod cli;
mod desk;
pub mod fleet;
pub mod history;
pub mod journal;
pub mod least;
pub mod proxy;
pub mod resident;
pub mod resource;
pub mod span;
pub mod worker;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
