//! The output of commands, with the key before each line.

use std::io::{self, Write};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::task::JoinHandle;

use super::child::Running;

/// Two tasks that print what a command writes, until it and all that it started have ended.
#[derive(Debug)]
pub(super) struct Forwarding([Option<JoinHandle<()>>; 2]);

/// Prints the output of the command, each line with this before it.
pub(super) fn forward(running: &mut Running, prefix: &str) -> Forwarding {
    let out = running.child.stdout.take();
    let err = running.child.stderr.take();
    let out = out.map(|from| tokio::spawn(copy(from, io::stdout, prefix.to_owned())));
    let err = err.map(|from| tokio::spawn(copy(from, io::stderr, prefix.to_owned())));
    Forwarding([out, err])
}

impl Forwarding {
    /// Waits until everything is printed. A process that left the group may hold the pipe open: it is
    /// not waited for.
    pub(super) async fn finish(self) {
        for task in self.0.into_iter().flatten() {
            let _ = tokio::time::timeout(AT_MOST, task).await;
        }
    }
}

async fn copy<W: Write>(from: impl AsyncRead + Unpin, to: fn() -> W, prefix: String) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let (taken, is_whole) = match from.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let taken = end.map_or(bytes.len(), |end| end + 1);
                line.extend_from_slice(&bytes[..taken]);
                (taken, end.is_some())
            }
        };
        from.consume(taken);
        if is_whole || line.len() >= LONGEST {
            print(&mut line, to(), &prefix);
        }
    }
    if !line.is_empty() {
        print(&mut line, to(), &prefix);
    }
}

/// Prints the line at once, so that no other command's comes in between.
fn print(line: &mut Vec<u8>, mut to: impl Write, prefix: &str) {
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
    let whole = [prefix.as_bytes(), line.as_slice()].concat();
    // Nobody may read it any more. The work goes on.
    let _ = to.write_all(&whole).and_then(|()| to.flush());
    line.clear();
}

/// A longer line is printed in parts.
const LONGEST: usize = 64 * 1024;

/// How long the rest of the output is waited for.
const AT_MOST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard};

    use super::*;

    static PRINTED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    struct Printed(MutexGuard<'static, Vec<u8>>);

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printed() -> Printed {
        Printed(PRINTED.lock().expect("not poisoned"))
    }

    #[tokio::test]
    async fn each_line_has_the_key_before_it_also_one_without_an_end() {
        copy(&b"one\n\ntwo"[..], printed, "k | ".to_owned()).await;
        let text = String::from_utf8(std::mem::take(&mut *printed().0)).expect("text");
        assert_eq!(text, "k | one\nk | \nk | two\n");
        let long = vec![b'x'; LONGEST * 2 + 1];
        copy(&long[..], printed, String::new()).await;
        let lines = printed().0.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(
            lines.is_some_and(|longest| (LONGEST..LONGEST * 2).contains(&longest)),
            "{lines:?}"
        );
    }
}
