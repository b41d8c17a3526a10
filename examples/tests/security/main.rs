//! Who may do what, tried on real servers with the very users of `nats-users.conf`; and connections
//! with TLS, nkeys and credentials.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod credentials;
mod jwt;
mod office;
mod refused;
mod roles;
mod services;
mod tls;
