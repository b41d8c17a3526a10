use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Answer, Entry};

/// More writes than this do not wait; later ones are dropped until there is room.
const MOST_WAITING: usize = 1 << 14;

/// A worker's side: sends writes without waiting for them, and hears which were refused.
#[derive(Debug)]
pub struct ResourceClient {
    writes: mpsc::Sender<Entry>,
}

/// The writes that were refused.
#[derive(Debug)]
pub struct Fenced {
    refusals: mpsc::Receiver<Answer>,
}

impl ResourceClient {
    /// Connects, now and whenever the connection is lost. The task behind it ends with this client.
    pub fn new(address: SocketAddr) -> (Self, Fenced) {
        let (writes, to_write) = mpsc::channel(MOST_WAITING);
        let (tell, refusals) = mpsc::channel(MOST_WAITING);
        tokio::spawn(run(address, to_write, tell));
        (Self { writes }, Fenced { refusals })
    }

    /// Writes, some time soon. A write that finds no room is dropped: the resource then only hears of
    /// the next one.
    pub fn write(&self, entry: Entry) {
        let _ = self.writes.try_send(entry);
    }
}

impl Fenced {
    /// The next write that was refused; none any more when the client is gone.
    pub async fn next(&mut self) -> Option<Answer> {
        self.refusals.recv().await
    }
}

async fn run(address: SocketAddr, mut writes: mpsc::Receiver<Entry>, tell: mpsc::Sender<Answer>) {
    while !writes.is_closed() {
        // A resource that is away for a while loses writes, which is no harm here.
        if let Ok(stream) = TcpStream::connect(address).await
            && let Ok(()) = talk(stream, &mut writes, &tell).await
        {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sends and hears until nobody writes any more, or the connection fails. Neither waits for the
/// other: the resource does not read on while its answers are not read.
async fn talk(
    stream: TcpStream,
    writes: &mut mpsc::Receiver<Entry>,
    tell: &mpsc::Sender<Answer>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.into_split();
    let send = async {
        while let Some(entry) = writes.recv().await {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            to.write_all(&line).await?;
        }
        Ok(())
    };
    let hear = async {
        let mut answers = BufReader::new(from).lines();
        while let Some(line) = answers.next_line().await? {
            let answer: Answer = serde_json::from_str(&line)?;
            if answer.refused_for.is_some() {
                // Nobody may listen.
                let _ = tell.try_send(answer);
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    };
    tokio::select! {
        ended = send => ended,
        ended = hear => ended,
    }
}
