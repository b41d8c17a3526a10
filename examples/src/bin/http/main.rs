//! A service with HTTP: probes for a platform, a status page, and the state of any key, wherever it is.
//!
//! ```text
//! nats-server -c nats.conf
//! cargo run --bin http -- --create --listen 127.0.0.1:8080
//! cargo run --bin http -- --create --listen 127.0.0.1:8081    # in another terminal
//! cargo run --bin announce -- eu.1 eu.2 eu.3
//! curl -i 127.0.0.1:8080/readyz
//! curl 127.0.0.1:8080/keys/eu.1       # both nodes answer for every key
//! ```
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 while the process should live: also while it waits for its server. 503: restart it |
//! | `/readyz` | 200 while the node may work, else 503 and why not |
//! | `/status` | the health of the node, as JSON |
//! | `/keys/KEY` | what the owner of the key says of it; 404 if the key has no owner |

mod pages;
mod work;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Parser;
use divider::{Divider, Group};
use divider_examples::cli::{Place, exit_code, shutdown};
use divider_examples::span::parse_span;
use tokio::net::TcpListener;

/// A node with probes, a status page, and the state of any key over HTTP
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    place: Place,
    /// The node id; default: the machine's name and a random suffix
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    /// SIGTERM is a restart: the keys wait so long for the next process with this node id
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "node")]
    restart_grace: Option<Duration>,
    /// The address of the HTTP server
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// What the pages show: nothing before the node has started.
type Started = Arc<OnceLock<(Divider, Group)>>;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve(Args::parse()).await)
}

async fn serve(args: Args) -> Result<(), Box<dyn Error>> {
    let shutdown = shutdown()?;
    // The probes first: a process that waits for its server lives, and is not ready.
    let started = Started::default();
    let listener = TcpListener::bind(args.listen).await?;
    eprintln!("listening on {}", listener.local_addr()?);
    let pages = pages::pages(Arc::clone(&started));
    let pages = tokio::spawn(async move { axum::serve(listener, pages).await });

    let store = args.place.open().await?;
    let group = Group::open(store.clone());
    let mut builder = Divider::builder(store);
    if let Some(node) = args.node {
        builder = builder.node(node);
    }
    let (divider, events) = builder.start().await?;
    eprintln!("{} joined the group", divider.node());
    // Set once, here.
    let _ = started.set((divider.clone(), group));

    // Below the platform's own time, of which a part is left for the rest of the shutdown.
    let mut running = divider::run(divider, events, work::work)
        .with_graceful_shutdown(shutdown)
        .shutdown_timeout(Duration::from_secs(40));
    if let Some(grace) = args.restart_grace {
        running = running.restart_grace(grace);
    }
    let ended = running.await;
    pages.abort();
    Ok(ended?)
}
