//! Addresses of servers.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};
use rustls::crypto::CryptoProvider;

use super::super::StoreError;

/// One or more addresses, with commas between them.
pub(super) fn parse(urls: &str) -> Result<Vec<ConnectionInfo>, RedisError> {
    urls.split(',').map(|url| url.trim().into_connection_info()).collect()
}

/// Sees to it that TLS, if it is needed, has a crypto provider: the application's, or `ring`.
#[cfg_attr(feature = "ring", expect(clippy::unnecessary_wraps, reason = "without it, it may fail"))]
pub(super) fn prepare_tls(servers: &[ConnectionInfo]) -> Result<(), StoreError> {
    let is_tls = |server: &ConnectionInfo| matches!(server.addr(), ConnectionAddr::TcpTls { .. });
    if !servers.iter().any(is_tls) || CryptoProvider::get_default().is_some() {
        return Ok(());
    }
    #[cfg(feature = "ring")]
    {
        // An error says that the application was quicker.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(())
    }
    #[cfg(not(feature = "ring"))]
    {
        let what = "rediss:// needs a crypto provider: enable the cargo feature `ring`, or install \
                    one with rustls";
        Err(StoreError::Invalid { what: what.into() })
    }
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
