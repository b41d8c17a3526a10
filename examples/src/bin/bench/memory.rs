//! How much a key takes in each node, by what the system says of worker processes.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use divider::store::{NatsStore, StreamOptions};
use divider::{Group, Key};
use divider_examples::fleet::{Fleet, Worker};
use divider_examples::journal::{self, What};
use divider_local_server::{LocalServer, Scratch};
use tokio::time::{Instant, sleep};

use crate::report::Row;

const NODES: u32 = 3;

pub(crate) async fn measure(keys: u32) -> Result<Vec<Row>, Box<dyn Error>> {
    let server = LocalServer::start()?;
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let group = Group::open(options.connect(server.url(), "memory".parse()?).await?);
    let folder = Scratch::new()?;
    let fleet = Fleet {
        program: std::env::current_exe()?,
        before: vec![OsString::from("worker")],
        server: server.url(),
        group: "memory".to_owned(),
        folder: folder.path().to_owned(),
        after: Vec::new(),
    };
    let mut workers: Vec<Worker> = Vec::new();
    for n in 0..NODES {
        workers.push(fleet.start(&format!("node-{n}"), &[])?);
    }
    // A few keys first, so that everything that is there once is there.
    announce(&group, 0..100).await?;
    wait_for(&workers, 100).await?;
    let before = resident(&workers)?;
    announce(&group, 100..keys).await?;
    wait_for(&workers, keys as usize).await?;
    let grown = resident(&workers)?.saturating_sub(before);
    let text = super::cold::key(0).len() as u64;
    let each = grown / u64::from(NODES) / u64::from(keys - 100);
    let what = format!("memory, {keys} keys, a key a node");
    #[expect(clippy::cast_precision_loss, reason = "it is a few hundred")]
    let bytes = each.saturating_sub(text) as f64;
    Ok(vec![Row::alone(what, bytes, "B").at_most(400.0)])
}

async fn announce(group: &Group, numbers: std::ops::Range<u32>) -> Result<(), Box<dyn Error>> {
    let keys: Result<Vec<Key>, _> = numbers.map(|n| Key::new(super::cold::key(n))).collect();
    group.announce_all(keys?).await?;
    Ok(())
}

async fn wait_for(workers: &[Worker], keys: usize) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let mut started = 0;
        for worker in workers.iter().filter(|worker| worker.journal().exists()) {
            let entries = journal::read(worker.journal())?;
            started += entries.iter().filter(|entry| entry.event == What::Start).count();
        }
        if started >= keys {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{started} of {keys} keys started within a minute").into());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// The resident memory of all workers, in bytes.
fn resident(workers: &[Worker]) -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for worker in workers {
        let status = fs::read_to_string(format!("/proc/{}/status", worker.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        sum +=
            kib.ok_or("the system does not say how much memory a process has")?.parse::<u64>()?
                * 1024;
    }
    Ok(sum)
}
