//! Which server is tried next when the connection was lost.

use async_nats::{ReconnectToServer, Server, ServerAddr};

/// How many attempts elsewhere an address is worth less that only a server told of, and that never was
/// connected to: many clusters tell of addresses that cannot be reached from where the client is, and
/// each of them takes the whole time of an attempt.
const ONLY_TOLD: usize = 8;

/// How many attempts elsewhere each such attempt that failed costs.
const FAILED_THERE: usize = 4;

/// The next one: what was given or has been connected to before comes first, and of several the one
/// with the fewest failures. None before the first connection: each that was given is then tried once.
pub(super) fn next_server(pool: &[Server], random: u64) -> Option<ReconnectToServer> {
    if !pool.iter().any(|server| server.did_connect) {
        return None;
    }
    let least = pool.iter().map(cost).min()?;
    let best: Vec<_> = pool.iter().filter(|server| cost(server) == least).collect();
    let chosen = usize::try_from(random).unwrap_or(0) % best.len();
    Some(ReconnectToServer { addr: best[chosen].addr.clone(), delay: None })
}

fn cost(server: &Server) -> usize {
    if server.is_discovered && !server.did_connect {
        ONLY_TOLD.saturating_add(server.failed_attempts.saturating_mul(FAILED_THERE))
    } else {
        server.failed_attempts
    }
}

/// The servers in the order in which a further connection is to try them, if that matters: those first
/// at which the last attempt went well.
pub(super) fn good_first(given: &[ServerAddr], pool: &[Server]) -> Option<Vec<ServerAddr>> {
    let failed = |addr: &ServerAddr| {
        pool.iter().find(|server| server.addr == *addr).is_some_and(|s| s.failed_attempts > 0)
    };
    let (bad, good): (Vec<_>, Vec<_>) = given.iter().cloned().partition(failed);
    (!bad.is_empty()).then(|| good.into_iter().chain(bad).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(addr: &str, did_connect: bool, is_discovered: bool) -> Server {
        let addr = addr.parse().expect("an address");
        Server { addr, failed_attempts: 0, did_connect, is_discovered, last_error: None }
    }

    /// Which are tried, one after another, while none answers.
    fn tried(mut pool: Vec<Server>, times: usize) -> Vec<String> {
        let mut tried = Vec::new();
        for random in 0..times {
            let next = next_server(&pool, random as u64).expect("one has answered").addr;
            tried.push(next.host().to_owned());
            let failed = pool.iter_mut().find(|server| server.addr == next).expect("of the pool");
            failed.failed_attempts += 1;
        }
        tried
    }

    #[test]
    fn addresses_that_never_answered_wait_until_the_good_ones_have_failed_often() {
        let pool = vec![
            server("good", true, false),
            server("dead1", false, true),
            server("dead2", false, true),
        ];
        let tried = tried(pool, 40);
        assert!(tried[..8].iter().all(|host| host == "good"), "{tried:?}");
        let good = tried.iter().filter(|host| *host == "good").count();
        assert!((24..36).contains(&good), "{tried:?}");
        assert!(tried.iter().any(|host| host == "dead1"), "{tried:?}");
    }

    #[test]
    fn what_was_told_of_and_has_answered_is_as_good_as_what_was_given() {
        let pool = vec![
            server("given", true, false),
            server("told", true, true),
            server("new", false, false),
        ];
        let mut tried = tried(pool, 3);
        tried.sort();
        assert_eq!(tried, ["given", "new", "told"]);
    }

    #[test]
    fn before_the_first_connection_each_is_tried_in_the_clients_own_way() {
        assert!(next_server(&[server("a", false, false)], 0).is_none());
    }

    #[test]
    fn a_further_connection_begins_where_the_last_attempt_went_well() {
        let given: Vec<ServerAddr> =
            ["a", "b"].iter().map(|host| host.parse().expect("an address")).collect();
        let mut pool = vec![server("a", true, false), server("b", true, false)];
        assert_eq!(good_first(&given, &pool), None);
        pool[0].failed_attempts = 3;
        let hosts = |servers: Vec<ServerAddr>| {
            servers.iter().map(|addr| addr.host().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            good_first(&given, &pool).map(hosts),
            Some(vec!["b".to_owned(), "a".to_owned()])
        );
    }
}
