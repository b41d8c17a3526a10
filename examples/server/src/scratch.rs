use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::port;

const PREFIX: &str = "divider-nats-";

/// A temporary folder that is removed when it is dropped, or, if the process was killed, by the next
/// one that makes such a folder.
///
/// A lock on a file in it says that its process lives: process ids would not do, since they are used
/// again and mean nothing between containers that share a folder.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _alive: File,
}

impl Scratch {
    /// Makes one below the system's temporary folder.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> io::Result<Self> {
        let base = std::env::temp_dir();
        sweep(&base);
        let name = format!("{:016x}", port::random());
        let unlocked = base.join(format!("new-{PREFIX}{name}"));
        fs::create_dir(&unlocked)?;
        let alive = File::create(lock_file(&unlocked))?;
        alive.lock()?;
        // Under its final name it is locked from its first moment.
        let path = base.join(format!("{PREFIX}{name}"));
        fs::rename(&unlocked, &path)?;
        Ok(Self { path, _alive: alive })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to be told; the next process tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders whose processes are gone. Failures are left to the next sweep.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let dead = File::open(lock_file(&path)).is_ok_and(|file| file.try_lock().is_ok());
        if dead {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn lock_file(folder: &Path) -> PathBuf {
    folder.join("alive")
}

/// Copies a folder with everything below it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lives_as_long_as_its_process_holds_it() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        drop(Scratch::new().unwrap());
        assert!(path.is_dir(), "another one's sweep must leave it alone");
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_whose_process_is_gone_is_swept() {
        let left = std::env::temp_dir().join(format!("{PREFIX}test-{:016x}", port::random()));
        fs::create_dir(&left).unwrap();
        File::create(lock_file(&left)).unwrap();
        drop(Scratch::new().unwrap());
        assert!(!left.exists());
    }
}
