//! What workers write to, guarded by fencing tokens: a small TCP service that refuses whoever comes
//! with an older token than somebody came with before, and its client.
//!
//! One JSON object a line goes in for each write, and one comes out:
//!
//! ```json
//! {"key":"/orders/1","node":"w1","session":"5f0c…","token":1764000000000000,"at_ns":31296,"doing":"work"}
//! {"key":"/orders/1","token":1764000000000000,"refused_for":1764000000000007}
//! ```

mod client;
mod ledger;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub use self::client::{Fenced, ResourceClient};
pub use self::ledger::{Clash, Ledger};

/// What a worker does when it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// It begins with the key.
    Start,
    /// It works on it.
    Work,
    /// It is done with it.
    Stop,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Who writes.
    pub node: String,
    /// The writer's session.
    pub session: String,
    /// The writer's fencing token.
    pub token: u64,
    /// When it was sent, by `CLOCK_MONOTONIC` in nanoseconds.
    pub at_ns: u64,
    /// What for.
    pub doing: Doing,
}

/// The answer to one write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The key.
    pub key: String,
    /// The token that it came with.
    pub token: u64,
    /// The higher token for which it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_for: Option<u64>,
}

/// The service. It ends when it is dropped.
#[derive(Debug)]
pub struct Resource {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    ledger: Ledger,
    /// Starts, stops and refusals, one JSON object a line.
    log: io::BufWriter<std::fs::File>,
}

impl Resource {
    /// Listens on a loopback port of its own, and logs to the file.
    ///
    /// # Errors
    /// When the system has no port, or the file cannot be made.
    pub async fn serve(log: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let log = io::BufWriter::new(std::fs::File::create(log)?);
        let shared = Arc::new(Mutex::new(Shared { ledger: Ledger::default(), log }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where workers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks at what was written.
    pub fn look<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&lock(&self.shared).ledger)
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // It ends when the worker does, which is killed now and then.
            let _ = answer(stream, &shared).await;
        });
    }
}

async fn answer(stream: TcpStream, shared: &Mutex<Shared>) -> io::Result<()> {
    let (from, to) = stream.into_split();
    let (mut lines, mut to) = (BufReader::new(from).lines(), BufWriter::new(to));
    while let Some(line) = lines.next_line().await? {
        let entry: Entry = serde_json::from_str(&line)?;
        let mut answer = serde_json::to_vec(&lock(shared).take(entry))?;
        answer.push(b'\n');
        to.write_all(&answer).await?;
        to.flush().await?;
    }
    Ok(())
}

impl Shared {
    fn take(&mut self, entry: Entry) -> Answer {
        let (key, token) = (entry.key.clone(), entry.token);
        let line = serde_json::to_string(&entry);
        let doing = entry.doing;
        let refused_for = self.ledger.take(entry);
        if let (true, Ok(line)) = (refused_for.is_some() || doing != Doing::Work, line) {
            // Nobody is the wiser for a log that cannot be written.
            let _ = writeln!(self.log, "{line}");
        }
        Answer { key, token, refused_for }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
