//! `poller` on a real server and a real database: each line of a feed is in the table once, whatever
//! happens to the nodes.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use divider_local_server::{LocalServer, Process, Program, Scratch};
use tokio::time::Instant;

const TENANTS: [&str; 4] = ["acme", "umbrella", "initech", "hooli"];
const PATIENCE: Duration = Duration::from_mins(1);

struct Bed {
    server: LocalServer,
    folder: Scratch,
    /// How many lines each feed has.
    lines: usize,
}

impl Bed {
    fn args(&self) -> Vec<String> {
        let url = self.server.url();
        let args = ["--server", &url, "--group", "poller", "--feeds", ".", "--every", "100ms"];
        args.map(ToOwned::to_owned).into()
    }

    fn node(&self, name: &str) -> Process {
        let mut args = self.args();
        args.extend(["--create", "--node", name, "--lease", "2s"].map(ToOwned::to_owned));
        args.extend(TENANTS.iter().flat_map(|tenant| ["--tenant", tenant].map(ToOwned::to_owned)));
        let args = args.into_iter().map(Into::into).collect();
        let path = PathBuf::from(env!("CARGO_BIN_EXE_poller"));
        let dir = self.folder.path().to_owned();
        let log = dir.join(format!("{name}.log"));
        Process::spawn(Program { path, args, dir, log }).expect("a process can be started")
    }

    /// Each feed grows by so many lines.
    fn grow(&mut self, by: usize) {
        for tenant in TENANTS {
            let path = self.folder.path().join(tenant);
            let feed = OpenOptions::new().create(true).append(true).open(path);
            let mut feed = feed.expect("a file");
            for line in self.lines..self.lines + by {
                writeln!(feed, "line {line} of {tenant}").expect("written");
            }
        }
        self.lines += by;
    }

    fn show(&self) -> String {
        let mut poller = Command::new(env!("CARGO_BIN_EXE_poller"));
        poller.args(self.args()).arg("--show").current_dir(self.folder.path());
        let output = poller.output().expect("a process can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the table has what the feeds have.
    fn wait_imported(&self, when: &str) {
        let line = |tenant: &str, line: usize| format!("{tenant} {line} line {line} of {tenant}\n");
        let mut tenants = TENANTS;
        tenants.sort_unstable();
        let lines = tenants.iter().flat_map(|tenant| (0..self.lines).map(|n| line(tenant, n)));
        let expected: String = lines.collect();
        let begun = Instant::now();
        while self.show() != expected {
            let logs = ["w1", "w2", "w3"].map(|name| {
                let log = self.folder.path().join(format!("{name}.log"));
                std::fs::read_to_string(log).unwrap_or_default()
            });
            assert!(begun.elapsed() < PATIENCE, "{when}: {}\n{}", self.show(), logs.join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn each_line_is_imported_once_whatever_happens_to_the_nodes() {
    let (server, folder) = (LocalServer::start().expect("a nats-server"), Scratch::new());
    let mut bed = Bed { server, folder: folder.expect("a folder"), lines: 0 };
    let mut first = bed.node("w1");
    bed.grow(20);
    bed.wait_imported("at first");
    let mut second = bed.node("w2");
    bed.grow(20);
    bed.wait_imported("with two nodes");
    second.freeze();
    bed.grow(20);
    bed.wait_imported("while one node is frozen");
    second.thaw();
    bed.grow(20);
    first.kill();
    bed.wait_imported("after a crash");
    let _third = bed.node("w3");
    second.terminate();
    bed.grow(20);
    assert!(second.wait(PATIENCE).expect("it ends").success());
    bed.wait_imported("after a shutdown");
}
