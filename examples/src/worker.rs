//! A worker: a node that pretends to work on its keys and writes a journal of it.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use divider::{
    Assignment, Divider, Ended, Event, Events, Flushed, Handoff, Key, MAX_LEASE, MAX_RESTART_GRACE,
    MIN_LEASE, NodeId, Reason, Session,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{Place, chain};
use crate::desk::Desk;
use crate::journal::{Entry, Journal, What};
use crate::resource::Answer;
use crate::span::parse_span;

/// What a worker can be told on the command line.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Where the group is.
    #[command(flatten)]
    pub place: Place,
    /// The node id; only one process at a time may use it
    #[arg(long, value_name = "ID")]
    pub node: NodeId,
    /// Its weight among the nodes
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub affinity: u32,
    /// Take only keys with this prefix; may be repeated
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Vec<Key>,
    /// The lease, such as 2s: how long the node keeps its keys without contact to the store [default: the bucket's]
    #[arg(long, value_name = "SPAN", value_parser = parse_lease)]
    pub lease: Option<Duration>,
    /// How long a stop takes
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "50ms")]
    pub stop_delay: Duration,
    /// The number of the deploy that it belongs to; a later deploy has a higher one
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub rollout: u64,
    /// SIGTERM is a restart: the keys wait so long for the next worker with this node id
    #[arg(long, value_name = "SPAN", value_parser = parse_grace)]
    pub restart_grace: Option<Duration>,
    /// Write to this fencing resource for each key that runs
    #[arg(long, value_name = "ADDRESS")]
    pub resource: Option<SocketAddr>,
    /// Write the library's log lines to standard error
    #[arg(long)]
    pub verbose: bool,
    /// The file for the journal [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// Works until SIGTERM or SIGINT, then hands everything over, or lets it wait for its restart, and leaves. A second signal ends the
/// process at once.
///
/// # Errors
/// When it cannot start, or its node ends by itself.
pub async fn work(args: WorkerArgs) -> Result<(), Box<dyn Error>> {
    let journal = Arc::new(Journal::open(args.node.as_str(), args.log.as_deref())?);
    let outcome = join_and_work(args, &journal).await;
    if let Err(error) = &outcome {
        journal.write(&Entry { reason: Some(chain(&**error)), ..journal.entry(What::Error) });
    }
    outcome
}

async fn join_and_work(args: WorkerArgs, journal: &Arc<Journal>) -> Result<(), Box<dyn Error>> {
    if args.verbose {
        // The library alone: the client's own lines tell each message, and passwords in addresses.
        let of_divider = Targets::new().with_target("divider", LevelFilter::DEBUG);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        tracing_subscriber::registry().with(lines).with(of_divider).init();
    }
    // Before it joins, so that a signal is never one that just kills.
    let signals = Signals::new()?;
    let mut node =
        Divider::builder(args.place.open().await?).node(args.node.as_str()).affinity(args.affinity);
    node = node.rollout(args.rollout);
    for prefix in &args.prefix {
        node = node.prefix(prefix.as_str());
    }
    if let Some(lease) = args.lease {
        node = node.lease(lease);
    }
    let (divider, events) = node.start().await?;
    let desk = args.resource.map(|resource| Desk::new(args.node.as_str(), resource));
    let mut worker = Worker::new(Arc::clone(journal), args.stop_delay, desk);
    worker.restart_grace = args.restart_grace;
    worker.note_session(divider.session());
    Ok(worker.drive(&divider, events, signals).await?)
}

struct Worker {
    journal: Arc<Journal>,
    stop_delay: Duration,
    restart_grace: Option<Duration>,
    desk: Option<Desk>,
    /// The session of the last `joined` line.
    joined: Option<Session>,
    /// The session of the last `fenced` line.
    fenced: Option<Session>,
}

impl Worker {
    fn new(journal: Arc<Journal>, stop_delay: Duration, desk: Option<Desk>) -> Self {
        Self { journal, stop_delay, restart_grace: None, desk, joined: None, fenced: None }
    }

    /// Does what the node says, until the node is over.
    async fn drive(
        &mut self,
        divider: &Divider,
        mut events: Events,
        mut signals: Signals,
    ) -> Result<(), Ended> {
        let mut stopping = FuturesUnordered::new();
        let mut leaving = false;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::Start(assignment)) => self.start(&assignment),
                    Some(Event::Stop(handoff)) => stopping.push(self.stop(What::Stop, handoff)),
                    Some(Event::Lost(handoff)) => stopping.push(self.stop(What::Lost, handoff)),
                    None => return self.end(divider.ended().await),
                },
                Some(handoff) = stopping.next() => self.stopped(handoff),
                refused = work_at(self.desk.as_mut()) => self.refused(refused),
                () = signals.next() => {
                    if leaving {
                        std::process::exit(1);
                    }
                    leaving = true;
                    let journal = Arc::clone(&self.journal);
                    tokio::spawn(leave(divider.clone(), journal, self.restart_grace));
                }
            }
        }
    }

    fn start(&mut self, assignment: &Assignment) {
        self.note_session(assignment.session());
        self.write(What::Start, assignment, None);
        if let Some(desk) = &mut self.desk {
            desk.start(assignment);
        }
    }

    /// Stops working on a key, which takes a while, but not longer than there is time.
    fn stop(&mut self, what: What, handoff: Handoff) -> impl Future<Output = Handoff> + use<> {
        self.write(what, handoff.assignment(), Some(handoff.reason()));
        let longest = handoff.remaining().unwrap_or(Duration::MAX);
        let delay = self.stop_delay.min(longest);
        async move {
            tokio::time::sleep(delay).await;
            handoff
        }
    }

    fn stopped(&mut self, handoff: Handoff) {
        if let Some(desk) = &mut self.desk {
            desk.stop(handoff.assignment());
        }
        self.write(What::Stopped, handoff.assignment(), Some(handoff.reason()));
        handoff.confirm();
    }

    /// A later holder was at the resource before this one; the node hears of it in its own way.
    fn refused(&self, answer: Answer) {
        let reason = answer.refused_for.map(|token| format!("the resource has seen token {token}"));
        let (key, token) = (Some(answer.key), Some(answer.token));
        self.journal.write(&Entry { key, token, reason, ..self.journal.entry(What::Refused) });
    }

    fn end(&self, ended: Ended) -> Result<(), Ended> {
        match ended {
            Ended::Cancelled => {
                self.journal.write(&self.journal.entry(What::Left));
                Ok(())
            }
            ended => Err(ended),
        }
    }

    /// A node that was fenced goes on with a new session, which its first start shows.
    fn note_session(&mut self, session: Session) {
        if self.joined.replace(session) != Some(session) {
            let session = Some(session.to_string());
            self.journal.write(&Entry { session, ..self.journal.entry(What::Joined) });
        }
    }

    /// Writes a line about a key; before it, if the session is over, a line that says so.
    fn write(&mut self, event: What, about: &Assignment, reason: Option<Reason>) {
        // The moment is that of the look at the lease, or earlier: a process that is frozen after
        // this line tells a truth about the past.
        let entry = Entry {
            key: Some(about.key().as_str().to_owned()),
            token: Some(about.token().0),
            session: Some(about.session().to_string()),
            reason: reason.map(|reason| reason.to_string()),
            ..self.journal.entry(event)
        };
        if is_over(about, reason) && self.fenced.replace(about.session()) != Some(about.session()) {
            let (event, session, reason) =
                (What::Fenced, entry.session.clone(), entry.reason.clone());
            self.journal.write(&Entry {
                key: None,
                token: None,
                event,
                session,
                reason,
                ..entry.clone()
            });
        }
        self.journal.write(&entry);
    }
}

/// Works at the desk until something is refused; for ever if there is none.
async fn work_at(desk: Option<&mut Desk>) -> Answer {
    match desk {
        Some(desk) => desk.work().await,
        None => std::future::pending().await,
    }
}

/// Whether the session that the assignment belongs to is over, or about to be.
fn is_over(about: &Assignment, reason: Option<Reason>) -> bool {
    match reason {
        Some(Reason::Fenced | Reason::Replaced) => true,
        // Its claim ended, not the session.
        Some(Reason::ClaimLost | Reason::Cancelled) => false,
        _ => !about.is_valid(),
    }
}

/// Hands over everything, or lets it wait for a restart, and ends the node.
async fn leave(divider: Divider, journal: Arc<Journal>, restart_grace: Option<Duration>) {
    let flushed = match restart_grace {
        None => divider.flush().await.ok(),
        // The command line has checked the span.
        Some(grace) => divider.leave_for(grace).await.ok(),
    };
    // Otherwise the node is over, which its events say as well.
    if let Some(flushed) = flushed {
        let Flushed { handed, freed, lost, kept, .. } = flushed;
        let waiting = if kept > 0 { format!(", {kept} waiting") } else { String::new() };
        let reason = format!("{handed} handed over, {freed} freed, {lost} lost{waiting}");
        journal.write(&Entry { reason: Some(reason), ..journal.entry(What::Drained) });
    }
    divider.cancel().await;
}

/// SIGTERM and SIGINT.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { term, int })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn parse_grace(text: &str) -> Result<Duration, String> {
    let grace = parse_span(text)?;
    if !grace.is_zero() && grace <= MAX_RESTART_GRACE {
        return Ok(grace);
    }
    Err(format!("expected up to {MAX_RESTART_GRACE:?}, found {grace:?}"))
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    let lease = parse_span(text)?;
    if (MIN_LEASE..=MAX_LEASE).contains(&lease) {
        return Ok(lease);
    }
    Err(format!("expected {MIN_LEASE:?} to {MAX_LEASE:?}, found {lease:?}"))
}
