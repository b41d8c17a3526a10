//! The dashboard in a real terminal, on a real server, with real nodes.

#![cfg(unix)]

mod bed;
mod ends;
#[cfg(target_os = "linux")]
mod large;
mod operates;
mod terminal;
mod truth;
