//! `http` as a platform and its users see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use divider_local_server::LocalServer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a machine that is busy with other things may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// One process, which is killed at the latest with this.
struct Service {
    child: Child,
    said: Receiver<String>,
    address: SocketAddr,
}

impl Service {
    fn start(server: &LocalServer, node: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_http"))
            .args(["--server", &server.url(), "--group", "web", "--create", "--node", node])
            .args(["--listen", "127.0.0.1:0", "--wait-for-server", "2m"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be run");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .map(|line| tell.send(line))
                .take_while(Result::is_ok)
                .count()
        });
        let first = said.recv_timeout(PATIENCE).expect("it says where it listens");
        let address = first.strip_prefix("listening on ").expect("an address");
        Self { child, said, address: address.parse().expect("an address") }
    }

    fn joined(&self) {
        let line = self.said.recv_timeout(PATIENCE).expect("it joins");
        assert!(line.ends_with("joined the group"), "{line}");
    }

    /// The status and the body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Ends it as a platform does, and gives its exit code.
    fn end(mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until this is as wanted.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looks = PATIENCE.as_millis() / 20;
    for _ in 0..looks {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}

#[test]
fn probes_are_answered_while_the_server_is_away_and_any_node_answers_for_any_key() {
    let mut server = LocalServer::start().expect("a nats-server");
    server.stop();
    let first = Service::start(&server, "w1");
    assert_eq!(first.get("/livez"), (200, "live\n".to_owned()));
    assert_eq!(first.get("/readyz"), (503, "the node has not started\n".to_owned()));
    server.restart().expect("it comes back");
    first.joined();
    let second = Service::start(&server, "w2");
    second.joined();
    for service in [&first, &second] {
        until("it is ready", || (service.get("/readyz").0 == 200).then_some(()));
    }
    let status = first.json("/status");
    assert_eq!((&status["node"], &status["connected"]), (&"w1".into(), &true.into()));
    assert_eq!((&status["why"], &status["no_new_keys"]), (&Value::Null, &Value::Null));

    let announced = Command::new(env!("CARGO_BIN_EXE_announce"))
        .args(["--server", &server.url(), "--group", "web", "/eu/1"])
        .stderr(Stdio::null())
        .status();
    assert!(announced.expect("it can be run").success());
    let answers = [&first, &second].map(|service| {
        until("the key is owned", || {
            let (status, body) = service.get("/keys//eu/1");
            (status == 200).then(|| serde_json::from_str::<Value>(&body).expect("JSON"))
        })
    });
    assert_eq!(answers[0]["key"], "/eu/1");
    assert_eq!(answers[0]["token"], answers[1]["token"], "one owner answers both");
    let (status, why) = first.get("/keys//eu/2");
    assert_eq!(status, 404, "{why}");
    assert!(why.contains("no owner accepted"), "{why}");

    assert_eq!(second.end(), Some(0));
    until("the key is owned", || (first.get("/keys//eu/1").0 == 200).then_some(()));
    server.stop();
    until("the lease is over", || (first.get("/readyz").0 == 503).then_some(()));
    assert_eq!(first.get("/livez").0, 200, "a restart would not help");
    server.restart().expect("it comes back");
    until("it is ready again", || (first.get("/readyz").0 == 200).then_some(()));
    assert_eq!(first.end(), Some(0));
}
