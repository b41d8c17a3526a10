use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ServerError;
use crate::install;
use crate::version::Version;

/// A nats-server binary that was run once and said its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
    version: Version,
}

impl Binary {
    /// Finds one new enough for divider: what `NATS_SERVER` names, else the first on `PATH` of at
    /// least [`Version::OLDEST`], else [`Version::PINNED`] under the target folder, which is
    /// installed there when it is missing.
    ///
    /// # Errors
    /// [`ServerError::NatsServerVariable`] if the variable is set and of no use (nothing else is
    /// tried then), [`ServerError::NotFound`] with the ways to get one.
    pub fn find() -> Result<Self, ServerError> {
        if let Some(path) = env::var_os("NATS_SERVER").filter(|path| !path.is_empty()) {
            return Self::named(PathBuf::from(path));
        }
        let mut too_old = Vec::new();
        for binary in on_path().filter_map(|path| Self::at(path).ok()) {
            if binary.version >= Version::OLDEST {
                return Ok(binary);
            }
            too_old.push(format!("{} is {}", binary.path.display(), binary.version));
        }
        Self::installed(Version::PINNED).map_err(|error| error.with_found(&too_old))
    }

    /// The release with this version, installed under the target folder when it is missing there.
    ///
    /// # Errors
    /// [`ServerError::NotFound`] if it cannot be installed.
    pub fn installed(version: Version) -> Result<Self, ServerError> {
        let path = install::path(version);
        if let Ok(binary) = Self::at(path.clone()) {
            return Ok(binary);
        }
        install::install(version)?;
        Self::at(path).map_err(|why| ServerError::NotFound { version, why })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says it is.
    pub fn version(&self) -> Version {
        self.version
    }

    fn named(path: PathBuf) -> Result<Self, ServerError> {
        match Self::at(path.clone()) {
            Ok(binary) if binary.version >= Version::OLDEST => Ok(binary),
            Ok(binary) => {
                let found = format!("it is {}", binary.version);
                Err(ServerError::NatsServerVariable { path, found })
            }
            Err(found) => Err(ServerError::NatsServerVariable { path, found }),
        }
    }

    fn at(path: PathBuf) -> Result<Self, String> {
        let output = Command::new(&path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("it cannot be run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.lines().next().unwrap_or_default();
        let version = first.parse().map_err(|()| format!("it prints no version: {first:?}"))?;
        Ok(Self { path, version })
    }
}

impl ServerError {
    fn with_found(self, too_old: &[String]) -> Self {
        match self {
            Self::NotFound { version, why } if !too_old.is_empty() => {
                Self::NotFound { version, why: format!("{why} (too old: {})", too_old.join(", ")) }
            }
            other => other,
        }
    }
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    folders.into_iter().map(|folder| folder.join("nats-server")).filter(|path| path.is_file())
}
