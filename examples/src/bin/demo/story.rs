//! What happens in the demo, scene by scene.

use std::error::Error;
use std::time::Duration;

use divider::group::{DrainOptions, Requester};
use divider::{Key, NodeId};
use divider_examples::history::{History, Moves};
use divider_examples::journal::now_ns;
use divider_examples::least::{Load, is_balanced, least_moves};
use tokio::time::{Instant, sleep};

use crate::screen::Screen;
use crate::stage::Stage;

/// How long a scene may take before the demo says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a scene showed.
struct Scene {
    title: &'static str,
    moved: Moves,
    least: u64,
    took: Duration,
}

/// Tells the whole story and sums it up.
pub(crate) async fn tell(
    stage: &mut Stage,
    screen: &mut Screen,
    keys: u32,
) -> Result<(), Box<dyn Error>> {
    let mut teller =
        Teller { stage, screen, keys: names(keys), nodes: Vec::new(), scenes: Vec::new() };
    teller.open().await?;
    teller.join().await?;
    teller.change_affinity().await?;
    teller.rebalance().await?;
    teller.drain().await?;
    teller.crash().await?;
    teller.sum_up()
}

struct Teller<'a> {
    stage: &'a mut Stage,
    screen: &'a mut Screen,
    keys: Vec<String>,
    /// The nodes that take keys, and their affinities.
    nodes: Vec<(NodeId, u32)>,
    scenes: Vec<Scene>,
}

impl Teller<'_> {
    async fn open(&mut self) -> Result<(), Box<dyn Error>> {
        let count = self.keys.len();
        self.title(&format!("Four workers start and {count} keys are announced."))?;
        let begun = now_ns();
        for node in ["ada", "bob", "cyd", "dan"] {
            self.start_worker(node)?;
        }
        let keys: Result<Vec<Key>, _> = self.keys.iter().map(Key::new).collect();
        let acked = self.stage.group.announce_all(keys?).await?;
        self.watch("four workers share the keys", begun, acked).await
    }

    async fn join(&mut self) -> Result<(), Box<dyn Error>> {
        self.title("A fifth worker joins. It gets its share, and no other key moves.")?;
        let begun = now_ns();
        self.start_worker("eve")?;
        let least = self.least_now()?;
        self.watch("a fifth joins", begun, least).await
    }

    async fn change_affinity(&mut self) -> Result<(), Box<dyn Error>> {
        self.title("Eve's affinity is tripled. That alone moves no running key.")?;
        let begun = now_ns();
        let (eve, affinity) = self.nodes.last_mut().expect("eve joined");
        *affinity *= 3;
        let (eve, affinity) = (eve.clone(), *affinity);
        self.stage.group.set_affinity(&eve, Some(affinity), &why("the demo")).await?;
        // Long enough to see if anything did move.
        let until = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < until {
            self.look(begun)?;
            sleep(Duration::from_millis(100)).await;
        }
        let history = self.stage.history()?;
        self.end_scene("an affinity changes", &history, begun, 0)
    }

    async fn rebalance(&mut self) -> Result<(), Box<dyn Error>> {
        self.title("Now the operator requests a rebalance.")?;
        let begun = now_ns();
        let least = self.least_now()?;
        self.stage.group.rebalance(&why("eve is a bigger machine")).await?;
        self.watch("the operator rebalances", begun, least).await
    }

    async fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        self.title("Bob is drained: he hands over all keys, and gets no new ones.")?;
        let begun = now_ns();
        let bob = self.leave("bob")?;
        let least = self.held_by(&bob, begun)?;
        let options = DrainOptions::new().requester(why("bob's machine is serviced"));
        self.stage.group.drain(&[bob], &options).await?;
        self.watch("one is drained", begun, least).await
    }

    async fn crash(&mut self) -> Result<(), Box<dyn Error>> {
        self.title("Cyd is killed with SIGKILL. The others wait for his lease to end (2 s).")?;
        let cyd = self.leave("cyd")?;
        let begun = now_ns();
        let least = self.held_by(&cyd, begun)?;
        self.stage.kill_worker(&cyd);
        self.watch("one is killed", begun, least).await
    }

    /// Says what was seen. It is a failure if a rule was broken.
    fn sum_up(&mut self) -> Result<(), Box<dyn Error>> {
        self.screen.line(&format!("\n{:<30} {:>6} {:>6} {:>8}", "", "moved", "least", "took"))?;
        for scene in &self.scenes {
            let (moved, took) = (scene.moved.keys, scene.took.as_secs_f64());
            self.screen.line(&format!(
                "{:<30} {moved:>6} {:>6} {took:>6.2} s",
                scene.title, scene.least
            ))?;
        }
        let history = self.stage.history()?;
        let broken = history.broken();
        if broken.is_empty() {
            let starts = history.moves(0, u64::MAX).starts;
            self.screen.line(&format!(
                "\nNo key was ever held by two workers at once ({} keys, {starts} starts, by the \
                 workers' journals on one clock).",
                self.keys.len()
            ))?;
        }
        for rule in broken.iter().take(10) {
            self.screen.line(&format!("BROKEN: {rule}"))?;
        }
        let idle_moves = self.scenes.iter().filter(|scene| scene.moved.keys > scene.least).count();
        match (broken.len(), idle_moves) {
            (0, 0) => Ok(()),
            (0, scenes) => Err(format!("more keys moved than necessary in {scenes} scenes").into()),
            (rules, _) => Err(format!("{rules} rules were broken").into()),
        }
    }

    fn title(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let number = self.scenes.len() + 1;
        Ok(self.screen.line(&format!("\n{number}. {text}"))?)
    }

    fn start_worker(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        let node: NodeId = name.parse()?;
        self.stage.start_worker(&node)?;
        self.nodes.push((node, 100));
        Ok(())
    }

    /// The node takes no more keys.
    fn leave(&mut self, name: &str) -> Result<NodeId, Box<dyn Error>> {
        let node: NodeId = name.parse()?;
        self.nodes.retain(|(other, _)| *other != node);
        Ok(node)
    }

    fn least_now(&mut self) -> Result<u64, Box<dyn Error>> {
        let history = self.stage.history()?;
        Ok(least_moves(&self.loads(&history, now_ns())))
    }

    fn held_by(&mut self, node: &NodeId, at_ns: u64) -> Result<u64, Box<dyn Error>> {
        let history = self.stage.history()?;
        Ok(history.counts(at_ns).get(node.as_str()).copied().unwrap_or(0))
    }

    fn loads(&self, history: &History, at_ns: u64) -> Vec<Load> {
        let counts = history.counts(at_ns);
        let held = |node: &NodeId| counts.get(node.as_str()).copied().unwrap_or(0);
        self.nodes
            .iter()
            .map(|(node, affinity)| Load { held: held(node), affinity: *affinity })
            .collect()
    }

    /// Draws until every key has a holder among the nodes that take keys, and each its share.
    async fn watch(
        &mut self,
        title: &'static str,
        begun_ns: u64,
        least: u64,
    ) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (history, at_ns) = self.look(begun_ns)?;
            let loads = self.loads(&history, at_ns);
            let held: u64 = loads.iter().map(|load| load.held).sum();
            if held == self.keys.len() as u64 && is_balanced(&loads) {
                return self.end_scene(title, &history, begun_ns, least);
            }
            if Instant::now() > deadline {
                return Err(format!("not settled after {PATIENCE:?}: {loads:?}").into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Draws what is now.
    fn look(&mut self, begun_ns: u64) -> Result<(History, u64), Box<dyn Error>> {
        let history = self.stage.history()?;
        let at_ns = now_ns().max(begun_ns);
        let counts = self.stage.counts(&history, at_ns);
        let idle = history.orphans(&self.keys, at_ns).len() as u64;
        self.screen.draw(&counts, idle)?;
        Ok((history, at_ns))
    }

    fn end_scene(
        &mut self,
        title: &'static str,
        history: &History,
        begun_ns: u64,
        least: u64,
    ) -> Result<(), Box<dyn Error>> {
        let now = now_ns();
        let moved = history.moves(begun_ns, now);
        let ended_ns = moved.last_start_ns.unwrap_or(begun_ns);
        let took = Duration::from_nanos(ended_ns - begun_ns);
        let counts = self.stage.counts(history, now);
        self.screen.keep(&counts, history.orphans(&self.keys, now).len() as u64)?;
        self.screen.line(&format!(
            "   {} of {} keys moved, the least possible is {least}; the last after {:.2} s",
            moved.keys,
            self.keys.len(),
            took.as_secs_f64()
        ))?;
        self.scenes.push(Scene { title, moved, least, took });
        Ok(())
    }
}

fn names(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("/orders/{n}")).collect()
}

fn why(reason: &str) -> Requester {
    Requester::new("demo", reason)
}
