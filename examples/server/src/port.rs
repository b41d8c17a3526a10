use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// A loopback port for a server, kept for as long as this lives, also while the server is down.
///
/// It is chosen below the range from which the system takes ports for outgoing connections (32768
/// and up on Linux, 49152 elsewhere). There, a client that tries to reconnect while its server is
/// down can be given that very port and keep it, and on loopback even connect to itself; so a server
/// that has to come back on its port must not let the system choose one.
///
/// What keeps it is a UDP socket of the same number, which is in no server's way: of all who choose
/// their ports here, in whatever process, only one can have it, and it is free again when its process
/// is gone. Others may still take the port: the server that finds it taken is started again with
/// another one.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _kept: UdpSocket,
}

impl Port {
    /// One that nobody keeps or listens on now.
    pub(crate) fn free() -> Self {
        loop {
            let number = 10_000 + u16::try_from(random() % 22_000).expect("it is below 22 000");
            let Ok(kept) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _kept: kept };
            }
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// A number that differs from call to call and process to process.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_kept_while_nobody_listens_on_it() {
        let port = Port::free();
        let again = || UdpSocket::bind((Ipv4Addr::LOCALHOST, port.number()));
        assert!(again().is_err(), "nobody else may choose it");
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()));
        assert!(listening.is_ok(), "its server may listen on it");
        let number = port.number();
        drop(port);
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).is_ok());
    }
}
