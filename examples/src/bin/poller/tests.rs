//! The poller in virtual time, with a real database.

use std::fs::OpenOptions;

use divider::testing::Cluster;
use divider_local_server::Scratch;
use futures_util::future::BoxFuture;

use super::*;

type Worked = Result<Finish, BoxError>;

struct Bed {
    folder: Scratch,
    poller: Poller,
}

impl Bed {
    fn new() -> Self {
        let folder = Scratch::new().unwrap();
        let feeds = folder.path().to_owned();
        let (database, every) = (feeds.join("feeds.db"), Duration::from_secs(1));
        Self { folder, poller: Poller { feeds, database, every } }
    }

    fn work(&self) -> impl Fn(Assignment) -> BoxFuture<'static, Worked> + Clone + use<> {
        let poller = Arc::new(self.poller.clone());
        move |mine| Box::pin(Arc::clone(&poller).poll(mine))
    }

    async fn cluster(&self) -> Cluster {
        let cluster = Cluster::start(["w1", "w2"], self.work()).await;
        cluster.announce(["acme"]).await;
        cluster
    }

    fn append(&self, line: &str) {
        let path = self.folder.path().join("acme");
        let mut feed = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(feed, "{line}").unwrap();
    }

    fn texts(&self) -> Vec<String> {
        let lines = Table::open(&self.poller.database).unwrap().lines().unwrap();
        lines.into_iter().map(|(_, _, text)| text).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_line_is_imported_once_whatever_happens_to_the_nodes() {
    let bed = Bed::new();
    let cluster = bed.cluster().await;
    let mut said = Vec::new();
    for round in 0..6 {
        said.push(format!("line {round}"));
        bed.append(&said[round]);
        cluster.wait_until("the line is imported", || bed.texts() == said).await;
        let owner = cluster.owner("acme").await;
        match round {
            0 => owner.pause_past_lease().await,
            1 => drop(cluster.steal("acme").await),
            2 => owner.fence().await,
            3 => drop(owner.shut_down().await),
            4 => drop(cluster.node("w3").run(bed.work()).await),
            _ => owner.crash().await,
        }
        cluster.settled().await;
    }
    assert_eq!(bed.texts(), said);
}

/// Without the fence it would write in the place of its successor.
#[tokio::test(start_paused = true)]
async fn a_zombie_is_refused() {
    let bed = Bed::new();
    let cluster = bed.cluster().await;
    let zombie = cluster.owner("acme").await;
    let stale = zombie.divider().assigned()[0].token();
    zombie.pause_past_lease().await;
    bed.append("a line");
    let key = Key::new("acme").unwrap();
    assert_eq!(bed.poller.import(&key, stale).unwrap(), Imported::Fenced);
    cluster.wait_until("the line is imported", || bed.texts() == ["a line"]).await;
}

#[test]
fn the_guide_has_this_statement() {
    let guide = include_str!("../../../../divider/docs/fencing.md");
    assert!(guide.contains(table::FENCE.trim()), "{}", table::FENCE);
}
