//! A server, nodes on it, and the command line that goes to it.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use divider::store::nats::{NatsStore, StreamOptions};
use divider::{Assignment, BoxError, Divider, Event, Events, Finish, Group, GroupName, Key};
use divider_local_server::{LocalServer, Scratch};
use serde_json::Value;
use tokio::sync::oneshot::{self, Sender};

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

const LEASE: Duration = Duration::from_secs(6);

/// The group that the commands go to unless they say otherwise.
pub(crate) const GROUP: &str = "orders";

pub(crate) struct Bed {
    pub(crate) server: LocalServer,
    /// Where contexts are looked for.
    pub(crate) config: Scratch,
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self::with(LocalServer::start().expect("a server"))
    }

    pub(crate) fn with(server: LocalServer) -> Self {
        Self { server, config: Scratch::new().expect("a folder") }
    }

    /// One with the group in it.
    pub(crate) async fn with_group() -> Self {
        let bed = Self::start();
        bed.make(GROUP).await;
        bed
    }

    pub(crate) async fn make(&self, group: &str) -> NatsStore {
        let options = NatsStore::options().create_if_missing(StreamOptions::default());
        let group = GroupName::new(group).expect("legal");
        options.connect(self.server.url(), group).await.expect("the group")
    }

    pub(crate) async fn group(&self) -> Group {
        Group::open(self.make(GROUP).await)
    }

    /// `divider` with these arguments, and nothing of whoever runs the tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_divider"));
        for (name, _) in std::env::vars_os() {
            let is_ours = name.to_str().is_some_and(|name| name.starts_with("NATS_"));
            if is_ours {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .env("NATS_URL", self.server.url())
            .env("DIVIDER_GROUP", GROUP)
            .env("USER", "ana")
            .env("XDG_CONFIG_HOME", self.config.path())
            .env("COLUMNS", "100")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// Runs `divider` to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Output {
        finish(self.command(args)).await
    }

    /// The same with something on its standard input.
    pub(crate) async fn run_with(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let (mut stdin, input) = (child.stdin.take().expect("piped"), input.to_owned());
        // Whoever reads nothing of it ends all the same.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        wait(child).await
    }

    /// Starts it, and leaves it running.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("it can be run")
    }

    /// Runs it and gives what it answers; it has to end well.
    pub(crate) async fn answer(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", words(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The same as JSON.
    pub(crate) async fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.answer(&args).await).expect("JSON")
    }

    /// Runs it and gives what it says; it has to end like that, without an answer.
    pub(crate) async fn refusal(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", words(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
        words(&output)
    }

    pub(crate) async fn announce(&self, keys: usize) {
        let keys = (0..keys).map(|n| Key::new(format!("/orders/{n}")).expect("legal"));
        self.group().await.announce_all(keys).await.expect("announced");
    }

    /// A node that works on whatever it gets.
    pub(crate) async fn node(&self, id: &str) -> Divider {
        let (divider, events) = self.start_node(id).await;
        tokio::spawn(divider::run(divider.clone(), events, work).into_future());
        divider
    }

    /// A node that serves requests.
    pub(crate) async fn server_of_requests(&self, id: &str) -> Divider {
        let (divider, events) = self.start_node(id).await;
        tokio::spawn(divider::run(divider.clone(), events, serve).into_future());
        divider
    }

    /// A node that confirms no stop.
    pub(crate) async fn stubborn(&self, id: &str) -> Divider {
        let (divider, mut events) = self.start_node(id).await;
        tokio::spawn(async move {
            let mut told = Vec::new();
            while let Some(event) = events.next().await {
                if let Event::Stop(handoff) = event {
                    told.push(handoff);
                }
            }
        });
        divider
    }

    /// A node that gives a stop up after a moment, and whose work goes on all the same until it is told
    /// to end.
    pub(crate) async fn overrunning(&self, id: &str) -> (Divider, Sender<()>) {
        let builder = Divider::builder(self.make(GROUP).await).node(id).lease(LEASE);
        let builder = builder.stop_timeout(Duration::from_millis(200));
        let (divider, mut events) = builder.start().await.expect("a node");
        let (end, mut ended) = oneshot::channel();
        tokio::spawn(async move {
            let mut told = Vec::new();
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Some(Event::Stop(handoff)) => told.push(handoff),
                        Some(_) => {}
                        None => return,
                    },
                    Ok(()) = &mut ended => break,
                }
            }
            told.into_iter().for_each(divider::Handoff::confirm);
            while events.next().await.is_some() {}
        });
        (divider, end)
    }

    /// A node in a process of its own, which can be killed.
    pub(crate) fn process(&self, id: &str, stops: Stops) -> Process {
        let test = std::env::current_exe().expect("the tests are a program");
        let mut command = Command::new(test);
        command.args(["--exact", "bed::a_node_of_its_own", "--ignored", "--nocapture"]);
        command.env("TEST_NODE", id).env("NATS_URL", self.server.url());
        command.env("TEST_STOPS", if stops == Stops::Never { "never" } else { "at once" });
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Process(command.spawn().expect("it can be run"))
    }

    async fn start_node(&self, id: &str) -> (Divider, Events) {
        let builder = Divider::builder(self.make(GROUP).await).node(id);
        builder.lease(LEASE).start().await.expect("a node")
    }

    /// Waits until every key runs and every node has its share.
    pub(crate) async fn settled(&self, nodes: usize, keys: u64) {
        self.until(&["nodes"], |answer| {
            let (summary, rows) = (&answer["summary"], answer["nodes"].as_array().expect("a list"));
            let shares = rows.iter().all(|row| row["keys"] == row["target"]);
            rows.len() == nodes && shares && summary["running"] == keys && summary["moving"] == 0
        })
        .await;
    }

    /// Waits until the JSON that a command answers is as it should be.
    pub(crate) async fn until(&self, args: &[&str], holds: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let answer = self.json(args).await;
                if holds(&answer) {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it takes too long")
    }
}

/// Whether a node confirms its stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stops {
    AtOnce,
    Never,
}

/// A node in another process. It is killed at the latest with this.
pub(crate) struct Process(Child);

impl Process {
    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What [`Bed::process`] runs: no test, but a node.
#[tokio::test]
#[ignore = "it is a part of other tests, and never ends by itself"]
async fn a_node_of_its_own() {
    let Ok(id) = std::env::var("TEST_NODE") else { return };
    let url = std::env::var("NATS_URL").expect("the server");
    let never = std::env::var("TEST_STOPS").is_ok_and(|stops| stops == "never");
    let group = GroupName::new(GROUP).expect("legal");
    let store = NatsStore::connect(url, group).await.expect("the group");
    let builder = Divider::builder(store).node(id).lease(Duration::from_secs(2));
    let (divider, mut events) = builder.start().await.expect("a node");
    let mut kept = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Stop(handoff) if never => kept.push(handoff),
            Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            Event::Start(_) => {}
        }
    }
    drop(divider);
}

async fn work(mine: Assignment) -> Finish {
    mine.cancelled().await;
    Finish::Release
}

/// Repeats what it is sent, backwards, and drops what is empty.
async fn serve(mine: Assignment) -> Result<Finish, BoxError> {
    let mut requests = mine.requests().await?;
    while let Some(request) = requests.next().await {
        if !request.payload().is_empty() {
            let reply: Vec<u8> = request.payload().iter().rev().copied().collect();
            request.reply(reply).await?;
        }
    }
    Ok(Finish::Release)
}

/// Runs a command to its end.
pub(crate) async fn finish(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    wait(command.spawn().expect("it can be run")).await
}

/// Waits for a process to end.
pub(crate) async fn wait(child: Child) -> Output {
    let run = tokio::task::spawn_blocking(move || child.wait_with_output());
    let within = tokio::time::timeout(PATIENCE, run).await;
    within.expect("in time").expect("not a panic").expect("it can be waited for")
}

/// What a process said beside its answer.
pub(crate) fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a process answered.
pub(crate) fn answered(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
