//! Measures a group on a server of any backend: what a store does, and what nodes do on it.
//!
//! ```text
//! cargo run --release --bin backend -- --create --server postgres://postgres@127.0.0.1/postgres
//! ```
//!
//! The group must be empty, and is best deleted afterwards. What the server itself can do is
//! measured with its own tools in the same run, such as `pgbench`, `redis-benchmark` or the bench
//! of this repository.

#![expect(clippy::print_stdout, reason = "it reports what it measured")]

use std::error::Error;
use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use divider::store::{Outcome, Store, Write, Writer};
use divider::{Divider, Event, Group, Key, Revision};
use divider_examples::cli::{Place, exit_code};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Measure a group on a server of any backend
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    /// The number of claims to write
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    claims: u64,
    /// How many claims wait for their acknowledgement at once, as at most in a node
    #[arg(long, value_name = "N", default_value_t = 512)]
    window: usize,
    /// The number of nodes
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: u32,
    /// The number of keys to announce, one after another
    #[arg(long, value_name = "N", default_value_t = 500)]
    keys: u32,
    /// How long the nodes idle, in seconds, so that the server's load can be read
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    idle: u64,
}

/// As long as a claim is.
const CLAIM: &str = r#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000}"#;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(measure(Args::parse()).await)
}

async fn measure(args: Args) -> Result<(), Box<dyn Error>> {
    let store = args.place.open().await?;
    let alone = single_writes(&*store).await?;
    println!("one write at a time: {alone:.0} a second");
    let rate = batched_writes(&*store, &args, Revision::NONE).await?;
    println!("claims of {} bytes, {} at a time: {rate:.0} a second", CLAIM.len(), args.window);
    delete_claims(&*store, &args).await?;
    let mut divider = Vec::new();
    let (started, starts) = mpsc::unbounded_channel();
    for n in 0..args.nodes {
        divider.push(node(&args.place, n, started.clone()).await?);
    }
    announce(&store, &args, starts).await?;
    if args.idle > 0 {
        println!("{} nodes with {} keys idle for {} s from now", args.nodes, args.keys, args.idle);
        tokio::time::sleep(Duration::from_secs(args.idle)).await;
    }
    for divider in divider {
        divider.cancel().await;
    }
    Ok(())
}

/// Each waits for the one before.
async fn single_writes(store: &dyn Store) -> Result<f64, Box<dyn Error>> {
    const COUNT: u32 = 300;
    let begun = Instant::now();
    for _ in 0..COUNT {
        acked(store.write(Write::put("lease.bench", CLAIM, None)).await)?;
    }
    let rate = f64::from(COUNT) / begun.elapsed().as_secs_f64();
    acked(store.write(Write::delete("lease.bench", None).with_ttl(Duration::from_secs(1))).await)?;
    Ok(rate)
}

/// As a node writes: many at a time, through a writer.
async fn batched_writes(
    store: &dyn Store,
    args: &Args,
    expected: Revision,
) -> Result<f64, Box<dyn Error>> {
    let mut writer = store.writer().ok_or("this backend has no writer")?;
    let write = |n: u64| (n, Write::put(format!("claim.bench-{n}"), CLAIM, Some(expected)));
    let begun = Instant::now();
    run(&mut *writer, args, write).await?;
    #[expect(clippy::cast_precision_loss, reason = "it is a rate for people")]
    Ok(args.claims as f64 / begun.elapsed().as_secs_f64())
}

/// Leaves no claim that nodes would look after.
async fn delete_claims(store: &dyn Store, args: &Args) -> Result<(), Box<dyn Error>> {
    let mut writer = store.writer().ok_or("this backend has no writer")?;
    let ttl = Duration::from_secs(1);
    let write = |n: u64| (n, Write::delete(format!("claim.bench-{n}"), None).with_ttl(ttl));
    run(&mut *writer, args, write).await?;
    tokio::time::sleep(ttl * 2).await;
    Ok(())
}

async fn run(
    writer: &mut dyn Writer,
    args: &Args,
    write: impl Fn(u64) -> (u64, Write),
) -> Result<(), Box<dyn Error>> {
    let (mut sent, mut done) = (0, 0);
    while done < args.claims {
        let free = args.window as u64 - (sent - done);
        let next = sent + free.min(args.claims - sent);
        writer.submit((sent..next).map(&write).collect());
        sent = next;
        let mut outcomes = Vec::new();
        poll_fn(|cx| writer.poll_outcomes(cx, &mut outcomes)).await;
        for (_, outcome) in outcomes {
            acked(outcome)?;
            done += 1;
        }
    }
    Ok(())
}

fn acked(outcome: Outcome) -> Result<(), Box<dyn Error>> {
    match outcome {
        Outcome::Acked(_) => Ok(()),
        other => Err(format!("a write was not acknowledged: {other:?}").into()),
    }
}

/// A node that tells when it starts a key, on connections of its own.
async fn node(
    place: &Place,
    number: u32,
    started: mpsc::UnboundedSender<(Key, Instant)>,
) -> Result<Divider, Box<dyn Error>> {
    let store = place.open().await?;
    let node = format!("bench-{number}");
    let (divider, mut events) = Divider::builder(store).node(node).start().await?;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::Start(assignment) => {
                    // Nobody listens any more at the end.
                    let _ = started.send((assignment.key().clone(), Instant::now()));
                }
                Event::Stop(handoff) | Event::Lost(handoff) => handoff.confirm(),
            }
        }
    });
    Ok(divider)
}

/// Announces one key after another, and waits until it has started.
async fn announce(
    store: &Arc<dyn Store>,
    args: &Args,
    mut starts: mpsc::UnboundedReceiver<(Key, Instant)>,
) -> Result<(), Box<dyn Error>> {
    let group = Group::open(Arc::clone(store));
    let mut spans = Histogram::<u64>::new(3)?;
    for n in 0..args.keys {
        let key = Key::new(format!("bench/{n}"))?;
        let begun = Instant::now();
        group.announce(&key).await?;
        while let Some((other, at)) = starts.recv().await {
            if other == key {
                spans.record(u64::try_from((at - begun).as_micros())?)?;
                break;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a span for people")]
    let ms = |quantile: f64| spans.value_at_quantile(quantile) as f64 / 1000.0;
    let (p50, p99) = (ms(0.5), ms(0.99));
    println!("announce to start, {} nodes: p50 {p50:.1} ms, p99 {p99:.1} ms", args.nodes);
    Ok(())
}
