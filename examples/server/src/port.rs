use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that nobody listens on now.
///
/// It is chosen below the range from which the system takes ports for outgoing connections (32768
/// and up on Linux, 49152 elsewhere). There, a client that tries to reconnect while its server is
/// down can be given that very port and keep it, and on loopback even connect to itself; so a server
/// that has to come back on its port must not let the system choose one. Two processes may still choose the
/// same port: the server that finds its port taken is started again with others.
pub(crate) fn free() -> u16 {
    loop {
        let port = 10_000 + u16::try_from(random() % 22_000).expect("it is below 22 000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A number that differs from call to call and process to process.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
