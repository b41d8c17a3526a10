//! The address of a server: what the client reads, and the settings of TLS that it does not know.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

/// How the server is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TlsSettings {
    /// Whether its certificate is verified.
    pub(super) is_verified: bool,
    /// The file with the authorities; `None`: those of the system.
    pub(super) root_cert: Option<PathBuf>,
    /// The files of the client's certificate and its key.
    pub(super) client_cert: Option<(PathBuf, PathBuf)>,
}

/// Reads an address `postgres://user@host,host/database?…`, one configuration for each host. The
/// error has no secrets.
pub(super) fn parse(url: &str) -> Result<(Vec<Config>, TlsSettings), String> {
    let (base, query) = url.trim().split_once('?').unwrap_or((url.trim(), ""));
    let (mut tls, mut cert, mut key) = (TlsSettings::default(), None, None);
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (name, value) {
            ("sslmode", "verify-full" | "verify-ca" | "require") => {
                tls.is_verified = true;
                kept.push("sslmode=require".to_owned());
            }
            ("sslmode", "allow") => kept.push("sslmode=prefer".to_owned()),
            ("sslrootcert", file) => tls.root_cert = Some(decoded(file)?.into()),
            ("sslcert", file) => cert = Some(PathBuf::from(decoded(file)?)),
            ("sslkey", file) => key = Some(PathBuf::from(decoded(file)?)),
            _ => kept.push(pair.to_owned()),
        }
    }
    tls.client_cert = match (cert, key) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some((cert, key)),
        _ => return Err("sslcert and sslkey need each other".to_owned()),
    };
    tls.is_verified |= tls.root_cert.is_some();
    let any_server = query.contains("target_session_attrs=");
    let mut configs = Vec::new();
    for base in each_host(base) {
        let url = if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            // The cause names the setting, and no value.
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        })?;
        if tls.root_cert.is_some() {
            config.ssl_mode(SslMode::Require);
        }
        // A group is written, so a standby does not do, unless the address asks for one.
        if !any_server {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        configs.push(config);
    }
    Ok((configs, tls))
}

/// An address for each of the hosts: the client would wait for ever for one that accepts connections
/// and is frozen.
fn each_host(base: &str) -> Vec<String> {
    let whole = || vec![base.to_owned()];
    let Some((scheme, rest)) = base.split_once("://") else { return whole() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{host}{path}")).collect()
}

/// An address without the user's password, for texts.
pub(super) fn without_secrets(url: &str) -> String {
    let base = url.trim().split_once('?').map_or(url.trim(), |(base, _)| base);
    let Some((scheme, rest)) = base.split_once("://") else { return String::new() };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{host}")
}

fn decoded(text: &str) -> Result<String, String> {
    let wrong = || format!("not a percent-encoded text: {text}");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = digit().zip(digit()).ok_or_else(wrong)?;
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_tls_are_taken_out_of_the_address() {
        let url =
            "postgres://me@h/db?sslmode=verify-full&sslrootcert=/etc/a%20b.pem&connect_timeout=3";
        let first = |url: &str| {
            let (mut configs, tls) = parse(url).expect("legal");
            (configs.remove(0), tls)
        };
        let (config, tls) = first(url);
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert!(tls.is_verified);
        assert_eq!(tls.root_cert, Some("/etc/a b.pem".into()));
        let (config, tls) = first("postgresql://h1,h2:5433/db");
        assert_eq!((config.get_ssl_mode(), tls.is_verified), (SslMode::Prefer, false));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let (config, _) = first("postgres://h/db?target_session_attrs=any");
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::Any);
    }

    #[test]
    fn each_host_has_an_address() {
        let check = |base: &str, want: &[&str]| assert_eq!(each_host(base), want);
        check("postgres://h/db", &["postgres://h/db"]);
        check("postgres://u:p@h1,h2:5433", &["postgres://u:p@h1", "postgres://u:p@h2:5433"]);
        check("postgres:///db", &["postgres:///db"]);
        let (configs, _) = parse("postgres://u@h1:1,h2:2/db?connect_timeout=3").expect("legal");
        let ports: Vec<_> = configs.iter().map(|config| config.get_ports().to_vec()).collect();
        assert_eq!(ports, [[1], [2]]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_without_secrets() {
        let check = |url: &str| {
            let error = parse(url).map(drop).expect_err(url);
            assert!(!error.contains("secret"), "{error}");
        };
        check("postgres://me:secret@h/db?sslcert=a");
        check("postgres://me:secret@h/db?nothing=known");
        check("postgres://me:secret@h/db?sslrootcert=%zz");
        check("postgres://me:secret@h:port/db");
    }

    #[test]
    fn an_address_is_shown_without_its_user() {
        let check = |url: &str, want: &str| assert_eq!(without_secrets(url), want);
        check("postgres://me:se@cret@h1,h2:5433/db?password=secret", "postgres://h1,h2:5433/db");
        check("postgres://h/db", "postgres://h/db");
    }
}
