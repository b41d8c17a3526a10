//! What a node takes from its machine: a name, and randomness.

use std::io;

use crate::id::{MAX_ID, NodeId, Session};

/// The machine's name, empty where it has none.
pub(crate) fn name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name.chars().take(MAX_HOST).collect()
}

/// A node id of that machine with a random ending.
pub(crate) fn node_id(host: &str) -> io::Result<NodeId> {
    let ending = getrandom::u32().map_err(io::Error::other)?;
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let host: String = host.chars().take(MAX_ID - ENDING).map(legal).collect();
    let host = if host.is_empty() { "node" } else { &host };
    Ok(NodeId::new(format!("{host}-{ending:08x}")).expect("made of legal characters only"))
}

/// A source of sessions that cannot fail once it is there.
///
/// The system's randomness is mixed in each time, since a machine may be copied while it runs; a
/// seed and a counter keep sessions apart should the system refuse later.
pub(crate) fn sessions() -> io::Result<Box<dyn FnMut() -> Session + Send>> {
    let mut pool = [0_u8; 40];
    getrandom::fill(&mut pool[..16]).map_err(io::Error::other)?;
    let mut count = 0_u64;
    Ok(Box::new(move || {
        count += 1;
        pool[16..24].copy_from_slice(&count.to_le_bytes());
        // What the system does not fill stays as it was, which the seed makes good.
        let _ = getrandom::fill(&mut pool[24..]);
        Session::from_bits(xxhash_rust::xxh3::xxh3_128(&pool))
    }))
}

/// The longest name of a machine that is told to others.
const MAX_HOST: usize = 255;

/// The length of a random ending with its hyphen.
const ENDING: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_is_made_of_any_machine_name() {
        let check = |host: &str, start: &str| {
            let id = node_id(host).expect("randomness");
            assert!(id.as_str().starts_with(start), "{id} of {host:?}");
            assert_ne!(id, node_id(host).expect("randomness"));
        };
        check("web-1", "web-1-");
        check("web.eu.example", "web-eu-example-");
        check("", "node-");
        check("é", "--");
        check(&"x".repeat(300), &"x".repeat(55));
    }

    #[test]
    fn sessions_differ() {
        let mut one = sessions().expect("randomness");
        let mut other = sessions().expect("randomness");
        let all = [one(), one(), other(), other()];
        for (at, session) in all.iter().enumerate() {
            assert!(!all[..at].contains(session));
        }
    }
}
