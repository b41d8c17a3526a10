//! Whole groups of nodes in one process, over each store.

mod bed;
mod ledger;
mod scenarios;
mod watching;
mod worker;
