//! The commands as an operator gives them, on a real server.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use divider::store::NatsStore;
use divider::{Assignment, Divider, Finish, Group, GroupName, Key};
use divider_local_server::LocalServer;

/// A server, and the command line that goes to it.
struct Bed {
    server: LocalServer,
}

impl Bed {
    fn start() -> Self {
        Self { server: LocalServer::start().expect("a server") }
    }

    /// Runs `divider` with these arguments.
    async fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divider"));
        command.args(args).env("NATS_URL", self.server.url()).env("DIVIDER_GROUP", "orders");
        // No context of whoever runs the tests.
        command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("NATS_CONTEXT");
        let run = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output());
        let within = tokio::time::timeout(Duration::from_mins(2), run).await;
        within.expect("in time").expect("not a panic").expect("it can be run")
    }

    /// Runs it and gives what it answers; it has to end well.
    async fn answer(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", words(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs it and gives what it says; it has to end like that, without an answer.
    async fn refusal(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", words(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
        words(&output)
    }

    async fn store(&self) -> NatsStore {
        let group = GroupName::new("orders").expect("legal");
        NatsStore::connect(self.server.url(), group).await.expect("the group")
    }

    /// A node that works on whatever it gets.
    async fn node(&self, id: &str) -> Divider {
        let builder = Divider::builder(self.store().await).node(id).lease(Duration::from_secs(2));
        let (divider, events) = builder.start().await.expect("a node");
        tokio::spawn(divider::run(divider.clone(), events, work).into_future());
        divider
    }
}

async fn work(mine: Assignment) -> Finish {
    mine.cancelled().await;
    Finish::Release
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The owners in the answer of `keys`, one a key.
fn owners(answer: &str) -> Vec<&str> {
    answer.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_made_looked_at_drained_and_resumed() {
    let bed = Bed::start();
    assert_eq!(bed.answer(&["init"]).await, "group/orders made\n");
    assert_eq!(bed.answer(&["init"]).await, "group/orders already there\n");

    let group = Group::open(bed.store().await);
    let keys = (0..10).map(|n| Key::new(format!("/orders/{n}")).expect("legal"));
    group.announce_all(keys).await.expect("announced");
    let first = bed.node("w1").await;
    let second = bed.node("w2").await;
    let settled = async {
        loop {
            let answer = bed.answer(&["keys", "--phase", "running"]).await;
            let of = |node| owners(&answer).iter().filter(|owner| **owner == node).count();
            if (of("w1"), of("w2")) == (5, 5) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), settled).await.expect("balanced");
    let nodes = bed.answer(&["nodes"]).await;
    assert_eq!(nodes.lines().count(), 3, "{nodes}");
    assert_eq!(owners(&bed.answer(&["keys", "/orders/7"]).await).len(), 1);

    let plan = bed.answer(&["drain", "w1", "--dry-run", "-o", "wide"]).await;
    assert_eq!(plan.lines().filter(|line| line.ends_with("w1    w2")).count(), 5, "{plan}");
    let drained = bed.answer(&["drain", "w1", "-m", "kernel", "--deadline", "1m", "--yes"]).await;
    assert!(drained.starts_with("node/w1 draining\nnode/w1 drained (5 keys, "), "{drained}");
    assert_eq!(owners(&bed.answer(&["keys", "--node", "w2"]).await).len(), 10);
    assert_eq!(bed.answer(&["resume", "w1"]).await, "node/w1 active\n");
    assert_eq!(bed.answer(&["resume", "w1"]).await, "node/w1 already active\n");

    // Nobody is left to take the keys of both.
    let left = ["drain", "w1", "w2", "--deadline", "1s", "--yes", "--partial"];
    let said = bed.run(&left).await;
    assert_eq!(said.status.code(), Some(3));
    let answer = String::from_utf8_lossy(&said.stdout);
    assert!(answer.contains("node/w1 drained (0 keys, "), "{answer}");
    assert!(words(&said).contains("node/w2 10 keys"), "{}", words(&said));
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_shown_in_the_exit_code() {
    let bed = Bed::start();
    let said = bed.refusal(5, &["nodes"]).await;
    assert!(said.contains("divider init"), "{said}");
    bed.answer(&["init"]).await;
    let said = bed.refusal(5, &["drain", "w9", "--yes"]).await;
    assert!(said.contains("no such node"), "{said}");
    let said = bed.refusal(5, &["resume", "w9"]).await;
    assert!(said.contains("no such node"), "{said}");
    for usage in [&["drain"][..], &["paint"], &["nodes", "--group", "a b"]] {
        bed.refusal(2, usage).await;
    }
    let said = bed.refusal(1, &["nodes", "--server", "nats://127.0.0.1:1"]).await;
    assert!(said.contains("cannot connect to nats://127.0.0.1:1"), "{said}");
}
