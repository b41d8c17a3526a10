//! What threads share state with: the standard library's, or with `--cfg shuttle` that of a scheduler
//! which tries the orders in which threads can run.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
