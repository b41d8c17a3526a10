//! What services stand on, on a real server: state that moves with a key, and messages in order.

mod bed;
mod checkpoints;
mod journal;
mod messages;
mod refused;
