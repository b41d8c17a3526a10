//! One node under measurement, a task or a process, which says what it is told.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use divider::store::StoreOptions;
use divider::{Divider, Event, Events};
use divider_examples::journal::now_ns;
use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;

use crate::setup::{Failure, Layout, Setup};

/// What a node was told, and when it heard of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) node: u32,
    pub(crate) what: What,
    pub(crate) at_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It is a member.
    Joined,
    /// It works on the key.
    Start(u32),
    /// It was told to stop, did, and confirmed.
    Stop(u32),
    /// It lost the key.
    Lost(u32),
}

/// What a process needs to be a node.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    url: String,
    number: u32,
    lease_ms: u64,
}

/// A node. Dropping a process kills it; a task is cancelled.
pub(crate) enum Node {
    Task(Divider),
    Process(Child),
}

impl Node {
    /// Starts a node with this number and waits until it is a member.
    pub(crate) async fn start(
        setup: &Setup,
        url: &str,
        number: u32,
        seen: UnboundedSender<Vec<Seen>>,
    ) -> Result<Self, Failure> {
        let lease = setup.lease();
        match setup.layout {
            Layout::Tasks => {
                let (divider, events) = join(url, number, lease).await?;
                let mut batch = Batch { seen, number, collected: Vec::new() };
                batch.say(Some(What::Joined));
                batch.say(None);
                tokio::spawn(follow(events, move |what| batch.say(what)));
                Ok(Self::Task(divider))
            }
            Layout::Processes => {
                let lease = lease.as_millis().to_string();
                let mut child = Command::new(std::env::current_exe()?)
                    .args(["node", url, &number.to_string(), &lease])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()?;
                let lines = BufReader::new(child.stdout.take().ok_or("no standard output")?);
                std::thread::spawn(move || {
                    for line in lines.lines().map_while(Result::ok) {
                        parse(&line, number).map(|line| seen.send(vec![line]).ok());
                    }
                });
                Ok(Self::Process(child))
            }
        }
    }

    /// Asks it to hand over everything and to end.
    pub(crate) async fn leave(mut self) -> Result<(), Failure> {
        if let Self::Task(divider) = &self {
            divider.flush_and_cancel().await?;
        } else if let Self::Process(child) = &mut self {
            drop(child.stdin.take());
            while child.try_wait()?.is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
    }

    /// Kills it, as a crash does.
    pub(crate) fn kill(&mut self) -> Result<(), Failure> {
        match self {
            Self::Task(_) => Err("a task cannot be killed".into()),
            Self::Process(child) => Ok(child.kill()?),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Task(_) => std::process::id(),
            Self::Process(child) => child.id(),
        }
    }

    pub(crate) fn divider(&self) -> Option<&Divider> {
        match self {
            Self::Task(divider) => Some(divider),
            Self::Process(_) => None,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Self::Process(child) = self {
            // It has gone by itself otherwise.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The process of a node: says what it is told on standard output, and leaves when its standard
/// input ends.
pub(crate) async fn be_a_node(args: NodeArgs) -> Result<(), Failure> {
    let lease = Duration::from_millis(args.lease_ms);
    let (divider, events) = join(&args.url, args.number, lease).await?;
    let (end, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever comes, even an error, is its end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        end.send(()).ok();
    });
    let mut out = std::io::BufWriter::new(std::io::stdout());
    writeln!(out, "j 0 {}", now_ns())?;
    out.flush()?;
    let following = tokio::spawn(follow(events, move |what| {
        match what {
            Some(What::Joined) => {}
            Some(What::Start(key)) => drop(writeln!(out, "s {key} {}", now_ns())),
            Some(What::Stop(key)) => drop(writeln!(out, "e {key} {}", now_ns())),
            Some(What::Lost(key)) => drop(writeln!(out, "l {key} {}", now_ns())),
            // Nobody reads any more.
            None => drop(out.flush()),
        }
    }));
    ended.await?;
    divider.flush_and_cancel().await?;
    Ok(following.await?)
}

/// Collects what a node sees while there is more to see: who listens is not woken for each key, which
/// would be measured, too.
struct Batch {
    seen: UnboundedSender<Vec<Seen>>,
    number: u32,
    collected: Vec<Seen>,
}

impl Batch {
    fn say(&mut self, what: Option<What>) {
        if let Some(what) = what {
            self.collected.push(Seen { node: self.number, what, at_ns: now_ns() });
        } else if !self.collected.is_empty() {
            // Nobody listens any more when the measurement is over.
            let _ = self.seen.send(std::mem::take(&mut self.collected));
        }
    }
}

fn parse(line: &str, node: u32) -> Option<Seen> {
    let mut words = line.split(' ');
    let (what, key) = (words.next()?, words.next()?.parse().ok()?);
    let at_ns = words.next()?.parse().ok()?;
    let what = match what {
        "j" => What::Joined,
        "s" => What::Start(key),
        "e" => What::Stop(key),
        "l" => What::Lost(key),
        _ => return None,
    };
    Some(Seen { node, what, at_ns })
}

async fn join(url: &str, number: u32, lease: Duration) -> Result<(Divider, Events), Failure> {
    let group = crate::stage::GROUP.parse()?;
    let store = StoreOptions::default().connect(url, group).await?;
    Ok(Divider::builder(store).node(node_name(number)).lease(lease).start().await?)
}

/// The node's name.
pub(crate) fn node_name(number: u32) -> String {
    format!("node-{number}")
}

/// Hands over what happens, and `None` where nothing more is there at the moment. Stops are instant.
async fn follow(mut events: Events, mut say: impl FnMut(Option<What>)) {
    let number = |key: &divider::Key| {
        let digits = key.as_str().rsplit('.').next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
    };
    let mut next = events.next().await;
    while let Some(event) = next {
        match event {
            Event::Start(assignment) => say(Some(What::Start(number(assignment.key())))),
            Event::Stop(handoff) => {
                say(Some(What::Stop(number(handoff.key()))));
                handoff.confirm();
            }
            Event::Lost(handoff) => {
                say(Some(What::Lost(number(handoff.key()))));
                handoff.confirm();
            }
        }
        next = if let Some(next) = events.next().now_or_never() {
            next
        } else {
            say(None);
            events.next().await
        };
    }
    say(None);
}
