//! Requests to the owners of keys, on a real server.

mod bed;
mod moving;
mod plain;
