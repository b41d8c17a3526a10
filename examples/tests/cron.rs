//! `cron` on a real server: each run is published once, and none is missing, while nodes are killed,
//! frozen and asked to leave.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use divider_local_server::{LocalServer, Process, Program, Scratch};
use tokio::time::Instant;

/// Far longer than a lease, so that a busy machine makes no run a misfire; then none may be missing.
const PERIOD: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(2);

struct Bed {
    server: LocalServer,
    folder: Scratch,
}

impl Bed {
    fn node(&self, name: &str, misfire: &str) -> Process {
        let url = self.server.url();
        let args = ["--server", &url, "--create", "--node", name, "--lease", "1s"];
        let schedules = ["--every", "5s", "report", "--every", "5s", "clean", "--misfire", misfire];
        let args = args.iter().chain(&schedules).map(Into::into).collect();
        let path = PathBuf::from(env!("CARGO_BIN_EXE_cron"));
        let dir = self.folder.path().to_owned();
        let log = dir.join(format!("{name}.log"));
        Process::spawn(Program { path, args, dir, log }).expect("a process can be started")
    }

    /// The moments of the runs of each schedule, in ms, in the order of the stream.
    fn runs(&self) -> BTreeMap<String, Vec<u64>> {
        let mut runs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let show = Command::new(env!("CARGO_BIN_EXE_cron"))
            .args(["--server", &self.server.url(), "--show"])
            .output()
            .expect("a process can be started");
        for line in String::from_utf8_lossy(&show.stdout).lines() {
            let (name, due) = line.split_once(' ').expect("a name and a moment");
            runs.entry(name.to_owned()).or_default().push(due.parse().expect("a moment"));
        }
        runs
    }

    /// Waits until each schedule has run this often more.
    fn wait_runs(&self, more: usize) {
        let counts = |runs: BTreeMap<String, Vec<u64>>| {
            ["cron.clean", "cron.report"].map(|name| runs.get(name).map_or(0, Vec::len))
        };
        let (before, begun) = (counts(self.runs()), Instant::now());
        loop {
            let now = counts(self.runs());
            if now.iter().zip(before).all(|(now, before)| *now >= before + more) {
                return;
            }
            let logs = ["w1", "w2", "w3"].map(|name| {
                let log = self.folder.path().join(format!("{name}.log"));
                std::fs::read_to_string(log).unwrap_or_default()
            });
            assert!(begun.elapsed() < PATIENCE, "{now:?} of {before:?}\n{}", logs.join("\n"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn no_run_is_missing_and_none_is_done_twice() {
    let server = LocalServer::start().expect("a nats-server");
    let bed = Bed { server, folder: Scratch::new().expect("a folder") };
    // What is late by more than a period runs once, as the newest.
    let mut first = bed.node("w1", "once");
    bed.wait_runs(1);
    let mut second = bed.node("w2", "once");
    bed.wait_runs(1);
    first.kill();
    bed.wait_runs(1);
    let _third = bed.node("w3", "once");
    bed.wait_runs(1);
    second.freeze();
    bed.wait_runs(1);
    second.thaw();
    bed.wait_runs(1);
    second.terminate();
    assert!(second.wait(PATIENCE).expect("it ends").success());
    bed.wait_runs(1);
    let period = u64::try_from(PERIOD.as_millis()).expect("short");
    for (name, due) in bed.runs() {
        let is_in_order = due.windows(2).all(|two| two[0] < two[1] && two[1] % period == 0);
        assert!(is_in_order, "{name} ran twice, or out of order: {due:?}");
        // A machine that is too busy for a second may make one late run a misfire, and no more.
        let missing = (due[due.len() - 1] - due[0]) / period + 1 - due.len() as u64;
        assert!(missing <= 1, "{name} is missing {missing}: {due:?}");
    }
}
