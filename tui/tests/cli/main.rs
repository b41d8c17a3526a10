//! The commands as an operator gives them, on a real server with real nodes.

mod backends;
mod bed;
mod contexts;
mod dead;
mod doctor;
mod drain;
mod exec;
mod exit_codes;
mod generated;
mod hands;
mod history;
mod json;
mod keys;
mod moves;
mod prompt;
mod request;
mod story;
