//! The bots of `chat` hear every line once and in order while nodes are killed and asked to leave, and
//! whoever owns a channel answers for it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use divider_local_server::{LocalServer, Process, Program, Scratch};
use serde_json::Value;

const CHANNELS: [&str; 3] = ["rust", "nats", "tea"];
const PATIENCE: Duration = Duration::from_mins(1);

struct Bed {
    server: LocalServer,
    folder: Scratch,
}

impl Bed {
    fn node(&self, name: &str) -> Process {
        let url = self.server.url();
        let mut args: Vec<_> =
            ["--server", &url, "--create", "--node", name, "--lease", "2s"].map(Into::into).into();
        args.extend(CHANNELS.iter().flat_map(|channel| ["--channel".into(), channel.into()]));
        let path = PathBuf::from(env!("CARGO_BIN_EXE_chat"));
        let dir = self.folder.path().to_owned();
        let log = dir.join(format!("{name}.log"));
        Process::spawn(Program { path, args, dir, log }).expect("a process can be started")
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    fn chat(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_chat"))
            .args(["--server", &self.server.url()])
            .args(args)
            .output()
            .expect("a process can be started");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Waits until the owner of each channel has heard these lines.
    async fn wait_heard(&self, lines: u64) {
        let begun = tokio::time::Instant::now();
        let mut missing = CHANNELS.to_vec();
        while let Some(channel) = missing.last() {
            let (_, said) = self.chat(&["--ask", channel]);
            let answer = serde_json::from_str::<Value>(&said).unwrap_or_default();
            let heard = answer["people"]["ferris"].as_u64().unwrap_or(0);
            if answer["last"].is_array() && heard == lines {
                let first = lines.saturating_sub(20);
                let last: Vec<_> = (first..lines).map(|line| format!("ferris: {line}")).collect();
                assert_eq!(answer["last"], serde_json::json!(last), "{channel}");
                missing.pop();
                continue;
            }
            let logs = ["w1", "w2"].map(|node| self.log(node)).join("\n");
            assert!(begun.elapsed() < PATIENCE, "{channel} never heard {lines}: {said}\n{logs}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn say(client: &async_nats::Client, lines: std::ops::Range<u64>) {
    let stream = async_nats::jetstream::new(client.clone());
    for line in lines {
        for channel in CHANNELS {
            let sent = stream.publish(format!("chat.{channel}"), format!("ferris: {line}").into());
            sent.await.expect("sent").await.expect("stored");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_heard_once_and_in_order_and_the_owner_answers() {
    let bed = Bed {
        server: LocalServer::start().expect("a nats-server"),
        folder: Scratch::new().expect("a folder"),
    };
    let client = async_nats::connect(bed.server.url()).await.expect("a connection");
    let mut first = bed.node("w1");
    bed.wait_heard(0).await;
    say(&client, 0..50).await;
    bed.wait_heard(50).await;
    let mut second = bed.node("w2");
    say(&client, 50..100).await;
    first.kill();
    say(&client, 100..150).await;
    bed.wait_heard(150).await;
    let _third = bed.node("w3");
    second.terminate();
    assert!(second.wait(PATIENCE).expect("it ends").success(), "{}", bed.log("w2"));
    let (ok, said) = bed.chat(&["--say", "rust", "ferris: 150"]);
    assert!(ok, "{said}");
    say(&client, 151..152).await;
    let begun = tokio::time::Instant::now();
    loop {
        let (_, said) = bed.chat(&["--ask", "rust"]);
        if said.contains("ferris: 151") {
            assert!(said.contains("\"ferris: 149\",\"ferris: 150\",\"ferris: 151\""), "{said}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{said}\n{}", bed.log("w3"));
    }
}
