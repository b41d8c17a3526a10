//! Keeping secrets out of what is shown.

use divider::store::Backend;

/// What stands for a secret that is there.
const HIDDEN: &str = "xxxxx";

/// Addresses as they may be shown: credentials in them become `xxxxx`, as the `nats` command has
/// it.
pub(crate) fn redacted(urls: &str) -> String {
    each(urls, |scheme, host| format!("{scheme}{HIDDEN}@{host}"))
}

/// Addresses with no credentials in them.
pub(crate) fn without_secrets(urls: &str) -> String {
    each(urls, |scheme, host| format!("{scheme}{host}"))
}

/// What is shown of a secret.
pub(super) fn hidden() -> String {
    HIDDEN.to_owned()
}

/// Whether credentials stand in an address.
pub(super) fn has_secrets(urls: &str) -> bool {
    urls.split(',').any(|url| url.contains('@'))
}

fn each(urls: &str, hide: impl Fn(&str, &str) -> String) -> String {
    // Elsewhere a comma may be part of a password, and parameters may hold one.
    if !matches!(Backend::of(urls), Ok(Backend::Nats)) {
        let address = urls.trim().split_once('?').map_or(urls.trim(), |(address, _)| address);
        let Some((scheme, rest)) = address.split_once("://") else { return HIDDEN.to_owned() };
        return match rest.rsplit_once('@') {
            Some((_, host)) => hide(&format!("{scheme}://"), host),
            None => address.to_owned(),
        };
    }
    let one = |url: &str| {
        let url = url.trim();
        let Some((before, host)) = url.rsplit_once('@') else { return url.to_owned() };
        let scheme = before.find("://").map_or("", |at| &before[..at + 3]);
        hide(scheme, host)
    };
    urls.split(',').map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credentials_are_left_in_an_address() {
        let check = |urls: &str, shown: &str, bare: &str| {
            assert_eq!((redacted(urls).as_str(), without_secrets(urls).as_str()), (shown, bare));
        };
        check("nats://n1:4222", "nats://n1:4222", "nats://n1:4222");
        check(
            "nats://me:p@ss@n1, tls://tok@n2",
            "nats://xxxxx@n1,tls://xxxxx@n2",
            "nats://n1,tls://n2",
        );
        check("me:secret@n1", "xxxxx@n1", "n1");
        check(
            "postgres://me:p,w@h1,h2/db?password=secret&sslmode=require",
            "postgres://xxxxx@h1,h2/db",
            "postgres://h1,h2/db",
        );
        check("redis://h1/0", "redis://h1/0", "redis://h1/0");
    }
}
