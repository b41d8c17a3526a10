//! A TCP proxy between a client and a server that does to their connections what networks do.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// What happens to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They go on at once.
    #[default]
    Pass,
    /// They go on after a while, in their order.
    Delay(Duration),
    /// They are kept, and go on when the flow passes again, however late: what a cable does that is
    /// unplugged and plugged in again before anybody gives up.
    Hold,
    /// They are gone. A connection that has lost some is reset when the flow passes again.
    Lose,
}

/// What the network is like.
#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    up: Flow,
    down: Flow,
    /// Connections made before this number of cuts are reset.
    cuts: u64,
    /// Connections made before this number of strandings carry nothing any more, and stay open.
    strandings: u64,
}

/// The way from one client to one server. Dropping it closes everything.
#[derive(Debug)]
pub struct Link {
    port: u16,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// Listens on a loopback port of its own for connections to the server.
    ///
    /// # Errors
    /// When the system has no port.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let port = listener.local_addr()?.port();
        let (weather, forecast) = watch::channel(Weather::default());
        let accepting = tokio::spawn(accept(listener, server, forecast));
        Ok(Self { port, weather, accepting })
    }

    /// Where the client connects.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens to what the client sends, and to what it is sent, from now on.
    pub fn set(&self, up: Flow, down: Flow) {
        self.weather.send_modify(|weather| (weather.up, weather.down) = (up, down));
    }

    /// Resets all connections.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Leaves all connections half open: nobody is told, and nothing arrives any more. New ones work.
    pub fn strand(&self) {
        self.weather.send_modify(|weather| weather.strandings += 1);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The connections see that the weather has nobody who makes it, and end.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, weather: watch::Receiver<Weather>) {
    loop {
        // A client that has gone away before it was let in is no reason to let nobody else in.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(carry(client, server, weather.clone()));
    }
}

/// Carries one connection until it ends.
async fn carry(client: TcpStream, server: SocketAddr, weather: watch::Receiver<Weather>) {
    // What comes while the way to the server is made concerns it too.
    let born = *weather.borrow();
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        // An end without a word in the middle of things is what a network does.
        if stream.set_nodelay(true).and_then(|()| stream.set_zero_linger()).is_err() {
            return;
        }
    }
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let mut up = pin!(Pump::new(Way::Up, weather.clone(), born).run(from_client, to_server));
    let mut down = pin!(Pump::new(Way::Down, weather, born).run(from_server, to_client));
    tokio::select! {
        _ = &mut up => {}
        end = &mut down => {
            // The client is gone, but what it sent before may still be on its way.
            if end == End::Undeliverable {
                up.await;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Why a direction is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The sender has closed, and all of it was delivered.
    Delivered,
    /// The receiver takes nothing any more.
    Undeliverable,
    /// The network has ended it.
    Reset,
}

/// One direction of one connection.
struct Pump {
    way: Way,
    weather: watch::Receiver<Weather>,
    born: Weather,
    waiting: VecDeque<(Instant, Vec<u8>)>,
    bytes_waiting: usize,
    has_lost: bool,
}

/// More than this does not wait in one direction; the sender then waits as well.
const MOST_WAITING: usize = 64 << 20;

impl Pump {
    fn new(way: Way, weather: watch::Receiver<Weather>, born: Weather) -> Self {
        Self { way, weather, born, waiting: VecDeque::new(), bytes_waiting: 0, has_lost: false }
    }

    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> End {
        let mut buffer = vec![0; 64 << 10];
        let mut closed = false;
        loop {
            let now = *self.weather.borrow_and_update();
            let flow = self.flow(&now);
            if now.cuts > self.born.cuts || (self.has_lost && flow != Flow::Lose) {
                return End::Reset;
            }
            let due = self.waiting.front().map(|(due, _)| *due).filter(|_| flow != Flow::Hold);
            if closed && self.waiting.is_empty() {
                return End::Delivered;
            }
            tokio::select! {
                changed = self.weather.changed() => if changed.is_err() {
                    return End::Reset;
                },
                () = wait_for(due), if due.is_some() => {
                    let (_, bytes) = self.waiting.pop_front().expect("one is due");
                    self.bytes_waiting -= bytes.len();
                    if to.write_all(&bytes).await.is_err() {
                        return End::Undeliverable;
                    }
                }
                read = from.read(&mut buffer), if !closed && self.bytes_waiting < MOST_WAITING => {
                    match read {
                        Ok(0) | Err(_) => closed = true,
                        Ok(count) => self.take(&buffer[..count], flow),
                    }
                }
            }
        }
    }

    fn flow(&self, now: &Weather) -> Flow {
        match self.way {
            _ if now.strandings > self.born.strandings => Flow::Lose,
            Way::Up => now.up,
            Way::Down => now.down,
        }
    }

    fn take(&mut self, bytes: &[u8], flow: Flow) {
        let delay = match flow {
            Flow::Lose => {
                self.has_lost = true;
                return;
            }
            Flow::Delay(delay) => delay,
            Flow::Pass | Flow::Hold => Duration::ZERO,
        };
        self.bytes_waiting += bytes.len();
        self.waiting.push_back((Instant::now() + delay, bytes.to_vec()));
    }
}

async fn wait_for(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client and a server with a link between them, and a connection over it.
    async fn connected() -> (Link, TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let link = Link::open(listener.local_addr().unwrap()).unwrap();
        let (client, server) = connect(&link, &listener).await;
        (link, listener, client, server)
    }

    async fn connect(link: &Link, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn send(stream: &mut TcpStream, text: &str) {
        stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next bytes; nothing if the connection has ended.
    async fn receive(stream: &mut TcpStream) -> String {
        let mut bytes = [0; 100];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut bytes));
        let count = read.await.expect("it takes too long").unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    async fn is_silent(stream: &mut TcpStream) -> bool {
        let mut bytes = [0; 100];
        tokio::time::timeout(Duration::from_millis(50), stream.read(&mut bytes)).await.is_err()
    }

    #[tokio::test]
    async fn what_is_sent_arrives_both_ways() {
        let (_link, _listener, mut client, mut server) = connected().await;
        send(&mut client, "ping").await;
        assert_eq!(receive(&mut server).await, "ping");
        send(&mut server, "pong").await;
        assert_eq!(receive(&mut client).await, "pong");
        drop(client);
        assert_eq!(receive(&mut server).await, "");
    }

    #[tokio::test]
    async fn what_is_delayed_arrives_later() {
        let (link, _listener, mut client, mut server) = connected().await;
        link.set(Flow::Delay(Duration::from_millis(200)), Flow::Pass);
        let sent = Instant::now();
        send(&mut client, "ping").await;
        assert_eq!(receive(&mut server).await, "ping");
        assert!(sent.elapsed() >= Duration::from_millis(200));
    }

    #[tokio::test]
    async fn what_is_held_arrives_even_when_its_sender_is_gone() {
        let (link, _listener, mut client, mut server) = connected().await;
        link.set(Flow::Hold, Flow::Pass);
        send(&mut client, "late").await;
        assert!(is_silent(&mut server).await);
        send(&mut server, "early").await;
        assert_eq!(receive(&mut client).await, "early");
        drop(client);
        assert!(is_silent(&mut server).await);
        link.set(Flow::Pass, Flow::Pass);
        assert_eq!(receive(&mut server).await, "late");
        assert_eq!(receive(&mut server).await, "");
    }

    #[tokio::test]
    async fn a_connection_that_has_lost_something_is_reset_when_all_is_well_again() {
        let (link, listener, mut client, mut server) = connected().await;
        link.set(Flow::Pass, Flow::Lose);
        send(&mut client, "ping").await;
        assert_eq!(receive(&mut server).await, "ping");
        send(&mut server, "pong").await;
        assert!(is_silent(&mut client).await);
        link.set(Flow::Pass, Flow::Pass);
        assert_eq!(receive(&mut client).await, "");
        let (mut client, mut server) = connect(&link, &listener).await;
        send(&mut server, "again").await;
        assert_eq!(receive(&mut client).await, "again");
    }

    #[tokio::test]
    async fn a_stranded_connection_is_silent_and_a_new_one_works() {
        let (link, listener, mut client, mut server) = connected().await;
        link.strand();
        send(&mut client, "ping").await;
        assert!(is_silent(&mut server).await);
        let (mut client, mut server) = connect(&link, &listener).await;
        send(&mut client, "again").await;
        assert_eq!(receive(&mut server).await, "again");
        link.cut();
        assert_eq!(receive(&mut client).await, "");
    }
}
