//! The server's monitoring port: is it ready, and who leads a stream.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::server::Traffic;

/// The server's monitoring page for machines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monitor {
    port: u16,
}

impl Monitor {
    pub(crate) fn new(port: u16) -> Self {
        Self { port }
    }

    /// Whether the server with this name listens here and says it is ready, in words if it is not.
    /// (After losing a race for the port it may be another one's.)
    pub(crate) fn is_ready(self, name: &str) -> Result<(), String> {
        // Of the server alone: some versions (2.12.8) never forget a consumer that was on a frozen
        // server, and call themselves unavailable for it ever after.
        let page = "/healthz?js-server-only=true";
        let health = self.get(page).map_err(|error| error.to_string())?;
        if health["status"] != "ok" {
            return Err(health.to_string());
        }
        let about = self.get("/varz").map_err(|error| error.to_string())?;
        match about["server_name"].as_str() {
            Some(found) if found == name => Ok(()),
            found => Err(format!("another server has its monitoring port: {found:?}")),
        }
    }

    /// How many messages and bytes clients sent to the server and got from it, since it started.
    pub(crate) fn traffic(self) -> io::Result<Traffic> {
        let about = self.get("/varz")?;
        let number = |name: &str| about[name].as_u64().unwrap_or(0);
        Ok(Traffic {
            messages: number("in_msgs") + number("out_msgs"),
            bytes: number("in_bytes") + number("out_bytes"),
        })
    }

    /// How many subscriptions there are on the server, its own included.
    pub(crate) fn subscriptions(self) -> io::Result<u64> {
        self.get("/varz")?["subscriptions"]
            .as_u64()
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The name of the server that leads the stream, as this one knows it.
    pub(crate) fn leader(self, stream: &str) -> Option<String> {
        let page = self.get("/jsz?accounts=true&streams=true").ok()?;
        let accounts = page["account_details"].as_array()?;
        let mut streams = accounts.iter().filter_map(|it| it["stream_detail"].as_array()).flatten();
        let found = streams.find(|it| it["name"] == stream)?;
        found["cluster"]["leader"].as_str().filter(|name| !name.is_empty()).map(str::to_owned)
    }

    /// Fetches a page. HTTP 1.0: the server closes the connection after its answer.
    fn get(self, path: &str) -> io::Result<Value> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
        serde_json::from_str(body).map_err(io::Error::from)
    }
}

/// How long a server may take to answer, which a frozen one does not.
const PATIENCE: Duration = Duration::from_secs(2);
