//! The dashboard in a real terminal, on a real server, with real nodes.

#![cfg(unix)]

mod bed;
mod ends;
mod operates;
mod terminal;
