//! Credentials that are renewed while they are in use.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Auth, AuthError, ConnectOptions};
use nkeys::KeyPair;

/// Options of a connection that logs in with a credentials file, as `nsc` makes it, and reads that file
/// again each time that it connects; for [`NatsOptions::connect_options`](super::NatsOptions::connect_options).
///
/// Credentials that expire are renewed by writing the file again, best by renaming another one to it.
/// [`ConnectOptions::credentials_file`] reads it once: a node is then out for ever when they expire. A
/// file that cannot be read at some later time leaves what was read before.
///
/// ```no_run
/// # use divider::{GroupName, NatsStore};
/// # use divider::store::nats::credentials_file;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = NatsStore::options()
///     .connect_options(credentials_file("/run/secrets/worker.creds")?.name("worker 7"))
///     .connect("tls://n1", GroupName::new("orders")?)
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The file cannot be read, or has no credentials in it.
pub fn credentials_file(path: impl Into<PathBuf>) -> io::Result<ConnectOptions> {
    let path: Arc<Path> = path.into().into();
    let known = Arc::new(Mutex::new(Credentials::read(&path)?));
    Ok(ConnectOptions::with_auth_callback(move |nonce| {
        let (path, known) = (Arc::clone(&path), Arc::clone(&known));
        async move {
            // A file system that hangs is not to hold up the heartbeats.
            let read = tokio::task::spawn_blocking(move || Credentials::read(&path)).await;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(read) => *known = read,
                Err(error) => tracing::warn!(%error, "cannot reload the credentials"),
            }
            known.answer(&nonce)
        }
    }))
}

/// Who one is, and how that is proved.
struct Credentials {
    jwt: String,
    key: KeyPair,
}

impl Credentials {
    fn read(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Self::parse(&text).map_err(|what| {
            io::Error::new(ErrorKind::InvalidData, format!("{what}: {}", path.display()))
        })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let jwt = block(text, "USER JWT").ok_or("the file contains no user JWT")?.to_owned();
        let seed = block(text, "NKEY SEED").ok_or("the file contains no nkey seed")?;
        let key = KeyPair::from_seed(seed).map_err(|_| "the file contains an invalid nkey seed")?;
        Ok(Self { jwt, key })
    }

    fn answer(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        auth.jwt = Some(self.jwt.clone());
        auth.signature = Some(self.key.sign(nonce).map_err(AuthError::new)?);
        Ok(auth)
    }
}

/// The line after `-----BEGIN .. <name>-----`.
fn block<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| {
        line.starts_with("---")
            && line.contains("BEGIN")
            && line.trim_end_matches('-').ends_with(name)
    })?;
    lines.next().filter(|line| !line.is_empty() && !line.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_a_credentials_file_are_found() {
        let key = KeyPair::new_user();
        let seed = key.seed().expect("its own");
        let file = |jwt: &str, seed: &str| {
            format!(
                "-----BEGIN NATS USER JWT-----\r\n{jwt}\r\n------END NATS USER JWT------\r\n\r\n\
                 NKEY Seed printed below can be used to sign.\n\
                 -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            )
        };
        let found = Credentials::parse(&file("ey.J.x", &seed)).expect("whole");
        assert_eq!((found.jwt.as_str(), found.key.public_key()), ("ey.J.x", key.public_key()));
        let fails = |text: &str| Credentials::parse(text).err().expect("not whole");
        assert!(fails("").contains("JWT"));
        assert!(fails(&file("", &seed)).contains("JWT"));
        assert!(fails(&file("ey.J.x", "")).contains("seed"));
        assert!(fails(&file("ey.J.x", "SUNONE")).contains("seed"));
    }
}
