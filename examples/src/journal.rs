//! A worker's journal: one JSON object a line, each with the moment on the clock that all processes
//! of a machine share.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What happened to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is a member of the group.
    Joined,
    /// It starts working on a key.
    Start,
    /// It was told to stop working on a key.
    Stop,
    /// It works on the key no more; written before it says so to the others.
    Stopped,
    /// The key is not its any more; it stops at once.
    Lost,
    /// Its session is over: it holds nothing from here on.
    Fenced,
    /// It has handed over everything.
    Drained,
    /// The fencing resource refused what it wrote: a later holder was there before.
    Refused,
    /// It has left the group.
    Left,
    /// Something failed.
    Error,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub at_ns: u64,
    /// The worker's node id.
    pub node: String,
    /// What happened.
    pub event: What,
    /// The key, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The key's fencing token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// The worker's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Writes the lines of one worker.
#[derive(Debug)]
pub struct Journal {
    node: String,
    to: Mutex<Target>,
}

impl Journal {
    /// A journal in a file, which is made or continued, or on standard output.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(node: impl Into<String>, path: Option<&Path>) -> io::Result<Self> {
        let to = match path {
            Some(path) => Target::File(File::options().create(true).append(true).open(path)?),
            None => Target::Stdout,
        };
        Ok(Self { node: node.into(), to: Mutex::new(to) })
    }

    /// An entry of this worker and this moment; fill in the rest and [`write`](Self::write) it.
    pub fn entry(&self, event: What) -> Entry {
        let node = self.node.clone();
        Entry { at_ns: now_ns(), node, event, key: None, token: None, session: None, reason: None }
    }

    /// Writes the entry in one piece, so that a reader never sees half of it followed by another. A
    /// journal that cannot be written is of no use to its reader, but no reason to stop working.
    pub fn write(&self, entry: &Entry) {
        let Ok(mut line) = serde_json::to_string(entry) else { return };
        line.push('\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = match &mut *to {
            Target::File(file) => file.write_all(line.as_bytes()),
            Target::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
        };
    }
}

/// Reads a journal as far as it is written.
///
/// # Errors
/// As [`Tail::more`].
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    Tail::new(path).more()
}

/// Reads a journal as it grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// How many bytes have been read.
    read: u64,
}

impl Tail {
    /// From the beginning of the journal.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: 0 }
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The entries that were not read yet. A last line without its end is left for the next time:
    /// its writer is at it, or was killed. A journal that is not there yet has none.
    ///
    /// # Errors
    /// When the file cannot be read, or a whole line of it is not an entry.
    pub fn more(&mut self) -> io::Result<Vec<Entry>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
        let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>()?;
        self.read += whole as u64;
        Ok(entries)
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same for all processes of this machine.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds * 1_000_000_000 + nanos
}

#[derive(Debug)]
enum Target {
    File(File),
    Stdout,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes after the half line.
    const REST: &[u8] = b",\"node\":\"w1\",\"event\":\"left\"}\n";

    #[test]
    fn what_is_written_is_read_and_half_a_line_is_left_out() {
        let path = std::env::temp_dir().join(format!("divider-journal-{}", now_ns()));
        let journal = Journal::open("w1", Some(&path)).unwrap();
        let mut start = journal.entry(What::Start);
        start.key = Some("a/1".into());
        start.token = Some(7);
        let left = journal.entry(What::Left);
        journal.write(&start);
        journal.write(&left);
        File::options().append(true).open(&path).unwrap().write_all(b"{\"at_ns\":1").unwrap();
        let mut tail = Tail::new(&path);
        let entries = tail.more();
        File::options().append(true).open(&path).unwrap().write_all(REST).unwrap();
        let more = tail.more();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(entries.unwrap(), [start, left]);
        assert_eq!(more.unwrap().len(), 1);
        assert_eq!(tail.more().unwrap(), [], "one that is gone has nothing more");
    }

    #[test]
    fn the_lines_are_those_of_the_format() {
        let entry: Entry = serde_json::from_str(
            r#"{"at_ns":1,"node":"w1","event":"lost","key":"k","token":2,"session":"s","reason":"fenced"}"#,
        )
        .unwrap();
        assert_eq!((entry.event, entry.token), (What::Lost, Some(2)));
        let bare = Entry { key: None, token: None, session: None, reason: None, ..entry };
        let line = serde_json::to_string(&bare).unwrap();
        assert_eq!(line, r#"{"at_ns":1,"node":"w1","event":"lost"}"#);
    }
}
