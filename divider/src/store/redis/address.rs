//! Addresses of servers.

use redis::{ConnectionInfo, IntoConnectionInfo, RedisError};

/// One or more addresses, with commas between them.
pub(super) fn parse(urls: &str) -> Result<Vec<ConnectionInfo>, RedisError> {
    urls.split(',').map(|url| url.trim().into_connection_info()).collect()
}

/// The addresses without their credentials, for texts that end up in logs.
pub(super) fn without_credentials(urls: &str) -> String {
    let hide = |url: &str| match (url.rsplit_once('@'), url.split_once("://")) {
        (Some((_, host)), Some((scheme, _))) => format!("{scheme}://{host}"),
        (Some((_, host)), None) => host.to_owned(),
        (None, _) => url.to_owned(),
    };
    urls.split(',').map(|url| hide(url.trim())).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_a_text() {
        let check = |urls: &str, want: &str| assert_eq!(without_credentials(urls), want);
        check("redis://localhost", "redis://localhost");
        check("redis://me:p@ss@n1:6379/2, rediss://:secret@n2", "redis://n1:6379/2,rediss://n2");
        check("me:secret@n1", "n1");
    }

    #[test]
    fn each_address_has_its_own_credentials() {
        let servers = parse("redis://me:pw@n1:6380/2,redis://n2").expect("legal");
        let of = |at: usize| servers[at].redis_settings();
        assert_eq!((of(0).username(), of(0).password(), of(0).db()), (Some("me"), Some("pw"), 2));
        assert_eq!((of(1).username(), of(1).db()), (None, 0));
        assert!(parse("nats://n1").is_err() && parse("").is_err());
    }
}
