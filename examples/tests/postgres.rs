//! Worker processes on a PostgreSQL server that crashes, freezes and comes back: no key ever has
//! two owners, and every key runs again. Told from the workers' own journals.

use std::path::PathBuf;
use std::time::Duration;

use divider::store::StoreOptions;
use divider::{Group, Key};
use divider_examples::fleet::{Fleet, Worker};
use divider_examples::history::{History, Run};
use divider_examples::journal::now_ns;
use divider_local_server::{LocalPostgres, Scratch};
use tokio::time::{Instant, sleep};

const KEYS: usize = 60;
const PATIENCE: Duration = Duration::from_mins(2);

struct Play {
    group: Group,
    keys: Vec<String>,
    // The workers end before their server, and all before the folder is removed.
    workers: Vec<Worker>,
    fleet: Fleet,
    server: LocalPostgres,
    _folder: Scratch,
}

impl Play {
    /// `None`: there is no PostgreSQL here.
    async fn begin() -> Option<Self> {
        let server = LocalPostgres::or_skip(LocalPostgres::start())?;
        let options = StoreOptions::default().create_if_missing().request_timeout(PATIENCE / 4);
        let store = options.connect(&server.url(), "demo".parse().expect("legal")).await;
        let group = Group::open(store.expect("a group"));
        let folder = Scratch::new().expect("a folder");
        let fleet = Fleet {
            program: PathBuf::from(env!("CARGO_BIN_EXE_worker")),
            before: Vec::new(),
            server: server.url(),
            group: "demo".to_owned(),
            folder: folder.path().to_owned(),
            after: ["--lease", "3s"].map(Into::into).into(),
        };
        let keys: Vec<String> = (0..KEYS).map(|n| format!("/play/{n}")).collect();
        let mut play = Self { group, keys, workers: Vec::new(), fleet, server, _folder: folder };
        for node in ["ada", "bob", "cyd"] {
            play.start(node);
        }
        let keys: Vec<Key> = play.keys.iter().map(|key| Key::new(key).expect("legal")).collect();
        play.group.announce_all(keys).await.expect("announced");
        play.until_all_run().await;
        Some(play)
    }

    fn start(&mut self, node: &str) {
        self.workers.push(self.fleet.start(node, &[]).expect("it starts"));
    }

    fn history(&mut self) -> History {
        let runs: Result<Vec<Run>, _> = self.workers.iter_mut().map(Worker::run).collect();
        History::new(&runs.expect("the journals can be read"))
    }

    /// Waits until each key has an owner for some time.
    async fn until_all_run(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut calm = 0;
        while calm < 5 {
            sleep(Duration::from_millis(200)).await;
            let history = self.history();
            let orphans = history.orphans(&self.keys, now_ns());
            calm = if orphans.is_empty() { calm + 1 } else { 0 };
            assert!(Instant::now() < deadline, "these keys do not run: {orphans:?}");
        }
    }

    fn check(&mut self) {
        let history = self.history();
        assert!(history.broken().is_empty(), "{:?}", history.broken());
        assert!(history.starts() >= KEYS as u64);
    }
}

#[tokio::test]
async fn no_key_has_two_owners_while_the_server_crashes_and_freezes() {
    let Some(mut play) = Play::begin().await else { return };
    // Shorter than a lease, longer than one, and frozen.
    for away in [Duration::from_millis(200), Duration::from_secs(5)] {
        play.server.kill();
        sleep(away).await;
        play.server.restart().expect("it starts again");
        play.until_all_run().await;
        play.check();
    }
    play.server.freeze();
    sleep(Duration::from_secs(5)).await;
    play.server.thaw();
    play.until_all_run().await;
    play.check();
    // A worker dies together with its server.
    play.workers[0].kill();
    play.server.kill();
    play.server.restart().expect("it starts again");
    play.start("dan");
    play.until_all_run().await;
    play.check();
    for _ in 0..5 {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE application_name LIKE 'divider %'";
        play.server.sql(ended).expect("the superuser may");
        sleep(Duration::from_millis(300)).await;
    }
    play.until_all_run().await;
    play.check();
}
