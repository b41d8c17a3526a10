//! The schedules in virtual time: hours of runs and faults.

use std::collections::BTreeSet;
use std::sync::Mutex;

use divider::testing::Cluster;
use tokio::time::Instant;

use super::*;

const PERIOD: Duration = Duration::from_secs(10);

/// Time that passes with the test's, and the runs as the stream would keep them.
struct Played {
    begun: Instant,
    runs: Mutex<BTreeSet<u64>>,
    published: Mutex<usize>,
}

impl Played {
    fn new() -> Arc<Self> {
        let (runs, published) = (Mutex::default(), Mutex::default());
        Arc::new(Self { begun: Instant::now(), runs, published })
    }

    /// The runs that are missing between the first and the last, in periods.
    fn missing(&self) -> Vec<u64> {
        let runs = self.runs.lock().unwrap();
        let (first, last) = (runs.first().copied().unwrap(), runs.last().copied().unwrap());
        let period = usize::try_from(PERIOD.as_millis()).unwrap();
        (first..last).step_by(period).filter(|due| !runs.contains(due)).collect()
    }
}

impl World for Played {
    fn now_ms(&self) -> u64 {
        1_800_000_000_000 + u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    async fn run(&self, _: &str, due_ms: u64) -> Result<(), BoxError> {
        *self.published.lock().unwrap() += 1;
        self.runs.lock().unwrap().insert(due_ms);
        Ok(())
    }
}

async fn cluster(world: &Arc<Played>, misfire: Misfire) -> Cluster {
    let world = Arc::clone(world);
    let work = move |mine| schedule(mine, Arc::clone(&world), misfire);
    let cluster = Cluster::start(["w1", "w2"], work).await;
    cluster.announce(["report@10000"]).await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn no_run_is_lost_when_nodes_crash_are_frozen_fenced_and_robbed() {
    let world = Played::new();
    let cluster = cluster(&world, Misfire::Skip).await;
    for _ in 0..3 {
        tokio::time::sleep(PERIOD * 5).await;
        cluster.owner("report@10000").await.fence().await;
        tokio::time::sleep(PERIOD * 5).await;
        cluster.owner("report@10000").await.pause_past_lease().await;
        cluster.settled().await;
        cluster.steal("report@10000").await;
    }
    cluster.owner("report@10000").await.crash().await;
    cluster.settled().await;
    tokio::time::sleep(PERIOD * 3).await;
    let missing = world.missing();
    assert!(missing.is_empty(), "the lease is shorter than a period: {missing:?}");
    let runs = world.runs.lock().unwrap().len();
    assert!(runs > 30, "{runs}");
    let published = *world.published.lock().unwrap();
    assert!(published < runs + 10, "few are published twice: {published} for {runs}");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_newest_run_is_done_once_or_skipped() {
    for misfire in [Misfire::Once, Misfire::Skip] {
        let world = Played::new();
        let cluster = cluster(&world, misfire).await;
        tokio::time::sleep(PERIOD * 2).await;
        let before = world.runs.lock().unwrap().len();
        cluster.store().freeze();
        tokio::time::sleep(PERIOD * 30).await;
        let in_outage = world.runs.lock().unwrap().len();
        assert!(in_outage <= before + 1, "a run without a save at most");
        cluster.store().thaw();
        cluster.settled().await;
        tokio::time::sleep(PERIOD * 3).await;
        let missing = world.missing().len();
        assert!((26..=32).contains(&missing), "{missing} of 30 were missed");
        drop(cluster);
    }
    let mut plan = Plan { due_ms: 100 };
    assert_eq!(plan.take(99, 10, Misfire::Skip), None);
    assert_eq!(plan.take(109, 10, Misfire::Skip), Some(100), "late is not missed");
    assert_eq!(plan.take(145, 10, Misfire::Skip), None);
    assert_eq!(plan.due_ms, 150);
    assert_eq!(plan.take(185, 10, Misfire::Once), Some(180));
    assert_eq!(plan.due_ms, 190);
}
