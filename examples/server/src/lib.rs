//! Real nats-servers and PostgreSQL servers for tests, the demo and the bench: found or installed, started on free loopback
//! ports over a temporary store, hurt on purpose, and always stopped.
//!
//! ```no_run
//! use divider_local_server::LocalServer;
//!
//! let mut server = LocalServer::start()?;
//! println!("listening at {}", server.url());
//! server.kill(); // SIGKILL, as a crash
//! server.restart()?; // on the same port, over the same store
//! # Ok::<(), divider_local_server::ServerError>(())
//! ```
//!
//! Everything here blocks its thread, for about 20 ms to start a server and a few seconds to start a
//! [`Cluster`]. Dropping a server kills it and removes its folder. A server also dies with the
//! process that started it, however that one ends, wherever `setpriv` (util-linux) is installed; its
//! folder is then removed by the next process that starts one.
//!
//! [`Process`] and [`Scratch`] are what servers are made of, for programs that start other processes
//! in the same way.
//!
//! A server is kept out of the terminal's process group: Ctrl-C reaches the program, which then stops
//! its servers when it is ready for that.

mod binary;
mod builder;
mod children;
mod cluster;
mod deadline;
mod error;
mod install;
mod monitor;
mod owner;
mod port;
mod postgres;
mod process;
mod redis;
mod routes;
mod scratch;
mod server;
mod target;
mod version;

pub use binary::Binary;
pub use builder::ServerBuilder;
pub use cluster::Cluster;
pub use error::ServerError;
pub use postgres::LocalPostgres;
pub use process::{Process, Program};
pub use redis::{RedisServer, RedisServerError};
pub use scratch::Scratch;
pub use server::{LocalServer, Traffic};
pub use target::target_dir;
pub use version::Version;
