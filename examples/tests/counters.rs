//! The counters are exact while their nodes are killed, frozen for longer than a lease, and asked to
//! leave.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use divider_local_server::{LocalServer, Process, Program, Scratch};
use serde_json::Value;

const KEYS: u32 = 6;
const PATIENCE: Duration = Duration::from_mins(1);

/// What was published for a counter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Published {
    count: u64,
    sum: u64,
    last: u64,
}

struct Bed {
    server: LocalServer,
    folder: Scratch,
}

impl Bed {
    fn node(&self, name: &str) -> Process {
        let url = self.server.url();
        let args = ["--server", &url, "--create", "--node", name, "--lease", "2s"];
        let mut args = args.map(Into::into).to_vec();
        args.extend(["--keys".into(), KEYS.to_string().into()]);
        let path = PathBuf::from(env!("CARGO_BIN_EXE_counters"));
        let dir = self.folder.path().to_owned();
        let log = dir.join(format!("{name}.log"));
        Process::spawn(Program { path, args, dir, log }).expect("a process can be started")
    }

    /// The counters as they are saved.
    fn show(&self) -> BTreeMap<String, Published> {
        let show = Command::new(env!("CARGO_BIN_EXE_counters"))
            .args(["--server", &self.server.url(), "--show"])
            .output()
            .expect("a process can be started");
        let text = String::from_utf8_lossy(&show.stdout).into_owned();
        text.lines().filter_map(|line| line.split_once(' ')).map(counter).collect()
    }

    /// Waits until the counters are as is wanted.
    async fn wait_for(&self, what: &str, is_wanted: impl Fn(&BTreeMap<String, Published>) -> bool) {
        let begun = tokio::time::Instant::now();
        loop {
            let counters = self.show();
            if is_wanted(&counters) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "never {what}: {counters:?}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn logs(&self) -> String {
        let names = ["w1", "w2", "w3"].map(|name| self.folder.path().join(format!("{name}.log")));
        names.map(|path| std::fs::read_to_string(path).unwrap_or_default()).join("\n")
    }
}

fn counter((key, text): (&str, &str)) -> (String, Published) {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let number = |name: &str| value[name].as_u64().expect("a number");
    let published = Published { count: number("count"), sum: number("sum"), last: number("last") };
    (key.to_owned(), published)
}

/// Publishes so many numbers, and remembers what was stored.
async fn publish(client: &async_nats::Client, all: &mut BTreeMap<String, Published>, count: u64) {
    let stream = async_nats::jetstream::new(client.clone());
    for number in 0..count {
        let key = format!("k{}", number % u64::from(KEYS));
        let sent = stream.publish(format!("counters.{key}"), number.to_string().into()).await;
        let ack = sent.expect("sent").await.expect("stored");
        let published = all.entry(key).or_default();
        published.count += 1;
        published.sum += number;
        published.last = ack.sequence;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_lost_or_counted_twice_whatever_happens_to_the_nodes() {
    let server = LocalServer::start().expect("a nats-server");
    let bed = Bed { server, folder: Scratch::new().expect("a folder") };
    let client = async_nats::connect(bed.server.url()).await.expect("a connection");
    let mut first = bed.node("w1");
    bed.wait_for("announced", |counters| counters.len() == KEYS as usize).await;
    let mut all = BTreeMap::new();
    publish(&client, &mut all, 300).await;
    let counted = |counters: &BTreeMap<String, Published>, least: u64| {
        counters.values().map(|counter| counter.count).sum::<u64>() >= least
    };
    bed.wait_for("counted", |counters| counted(counters, 100)).await;
    let mut second = bed.node("w2");
    publish(&client, &mut all, 300).await;
    bed.wait_for("counted", |counters| counted(counters, 400)).await;
    // Frozen in the middle of its work, while the others take over and go on.
    second.freeze();
    let _third = bed.node("w3");
    publish(&client, &mut all, 300).await;
    bed.wait_for("all are counted while one node is frozen", |counters| *counters == all).await;
    second.thaw();
    publish(&client, &mut all, 300).await;
    first.kill();
    publish(&client, &mut all, 300).await;
    bed.wait_for("all are counted after a crash", |counters| *counters == all).await;
    second.stop(PATIENCE);
    publish(&client, &mut all, 300).await;
    bed.wait_for("all are counted in the end", |counters| *counters == all).await;
}
