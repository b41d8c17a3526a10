//! Addresses of servers, and the credentials in them.

use async_nats::{ConnectOptions, ServerAddr};

/// One or more addresses, divided by commas.
pub(super) fn parse_servers(urls: &str) -> Result<Vec<ServerAddr>, std::io::Error> {
    urls.split(',').map(|url| url.trim().parse()).collect()
}

/// Takes over what stands before an `@`, a name and a password or a token, which the client itself
/// ignores. The first address that has some counts for all, since one user connects to all.
pub(super) fn with_credentials(options: ConnectOptions, servers: &[ServerAddr]) -> ConnectOptions {
    let with_user = servers.iter().find_map(|server| Some((server, server.username()?)));
    let Some((server, user)) = with_user else { return options };
    match server.password() {
        Some(password) => options.user_and_password(decode(user), decode(password)),
        None => options.token(decode(user)),
    }
}

/// The addresses without their credentials, for texts that end up in logs.
pub(super) fn without_credentials(urls: &str) -> String {
    let hide = |url: &str| match url.rsplit_once('@') {
        Some((before, host)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{host}"),
            None => host.to_owned(),
        },
        None => url.to_owned(),
    };
    urls.split(',').map(|url| hide(url.trim())).collect::<Vec<_>>().join(",")
}

/// Reads `%XX`; what is none stands for itself.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend(plain.as_bytes());
        let byte = escaped.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &escaped[2..] } else { escaped };
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_an_error() {
        let check = |urls: &str, want: &str| assert_eq!(without_credentials(urls), want);
        check("nats://localhost:4222", "nats://localhost:4222");
        check("nats://me:p@ss@n1:4222, tls://token@n2", "nats://n1:4222,tls://n2");
        check("me:secret@n1", "n1");
    }

    #[test]
    fn a_password_may_have_any_character() {
        let check = |text: &str, want: &str| assert_eq!(decode(text), want);
        check("plain", "plain");
        check("p%40ss%2F", "p@ss/");
        check("100%", "100%");
        check("%zz%C3%BC", "%zzü");
    }
}
