//! Which keys exist: the announcer's own book, and the task that keeps changing it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use divider::{Group, Key};
use divider_examples::journal::now_ns;
use fastrand::Rng;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::Failure;

/// How often some keys are announced or retracted.
const TURN: Duration = Duration::from_millis(250);

/// What the log says of a key, as far as the announcer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It was acknowledged that it exists.
    Exists,
    /// It was acknowledged that it does not exist.
    Gone,
    /// A change is under way, or its acknowledgement was lost.
    Unsure,
}

/// A key's line in the book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) stand: Stand,
    pub(crate) since_ns: u64,
    /// What was wanted last.
    wants: Stand,
}

type Turn = tokio::sync::Mutex<()>;

/// The announcer, who ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Book {
    lines: Arc<Mutex<BTreeMap<String, Line>>>,
    group: Group,
    /// Held by whoever says something of keys: what is said last has to be what is noted last.
    turn: Arc<Turn>,
    task: Option<JoinHandle<()>>,
    /// The keys that are never retracted.
    pub(crate) steady: Vec<String>,
}

impl Book {
    /// A book of so many keys that stay, which are announced, and others that come and go.
    pub(crate) async fn open(group: Group, steady: u32, changing: u32) -> Result<Self, Failure> {
        let steady: Vec<String> = (0..steady).map(|n| format!("/steady/{n}")).collect();
        let line = |stand| Line { stand, since_ns: now_ns(), wants: stand };
        let mut lines: BTreeMap<String, Line> =
            steady.iter().map(|key| (key.clone(), line(Stand::Exists))).collect();
        lines.extend((0..changing).map(|n| (format!("/changing/{n}"), line(Stand::Gone))));
        let lines = Arc::new(Mutex::new(lines));
        let book = Self { lines, group, turn: Arc::default(), task: None, steady };
        book.say_again().await?;
        Ok(book)
    }

    /// Goes on announcing and retracting so many keys a second. Which ones is chosen by a generator
    /// of its own: how far it gets depends on the machine, and the schedule must not.
    pub(crate) fn start(&mut self, a_second: u32, seed: u64) {
        let (lines, group) = (Arc::clone(&self.lines), self.group.clone());
        let turn = Arc::clone(&self.turn);
        let a_turn = (a_second / 4).max(1) as usize;
        self.task = Some(tokio::spawn(async move {
            let mut rng = Rng::with_seed(seed);
            loop {
                sleep(TURN).await;
                let _turn = turn.lock().await;
                change_some(&lines, &group, a_turn, &mut rng).await;
            }
        }));
    }

    /// Leaves all keys as they are from now on.
    pub(crate) fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Says of every key again what was last wanted of it: what an announcer does who knows that the
    /// log was lost.
    pub(crate) async fn say_again(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        for wanted in [Stand::Exists, Stand::Gone] {
            let keys: Vec<String> = {
                let lines = lock(&self.lines);
                let wanting = lines.iter().filter(|(_, line)| line.wants == wanted);
                wanting.map(|(key, _)| key.clone()).collect()
            };
            say(&self.group, &keys, wanted).await?;
            note(&self.lines, &keys, wanted);
        }
        Ok(())
    }

    /// Whether the key comes and goes.
    pub(crate) fn is_changing(key: &str) -> bool {
        key.starts_with("/changing/")
    }

    /// The book as it is now.
    pub(crate) fn lines(&self) -> BTreeMap<String, Line> {
        lock(&self.lines).clone()
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn change_some(
    lines: &Mutex<BTreeMap<String, Line>>,
    group: &Group,
    count: usize,
    rng: &mut Rng,
) {
    let chosen = choose(lines, count, rng);
    for wanted in [Stand::Exists, Stand::Gone] {
        let keys: Vec<String> =
            chosen.iter().filter(|(_, to)| *to == wanted).map(|(key, _)| key.clone()).collect();
        // What failed stays unsure, and is wanted again when its turn comes.
        if say(group, &keys, wanted).await.is_ok() {
            note(lines, &keys, wanted);
        }
    }
}

/// Some changing keys, with what is wanted of each; they are unsure from now on.
fn choose(
    lines: &Mutex<BTreeMap<String, Line>>,
    count: usize,
    rng: &mut Rng,
) -> Vec<(String, Stand)> {
    let mut lines = lock(lines);
    let changing = lines.iter_mut().filter(|(key, _)| Book::is_changing(key));
    let chosen = rng.choose_multiple(changing, count);
    let mut wanted = Vec::new();
    for (key, line) in chosen {
        line.wants = match (line.stand, line.wants) {
            (Stand::Unsure, wants) => wants,
            (Stand::Exists, _) => Stand::Gone,
            (Stand::Gone, _) => Stand::Exists,
        };
        (line.stand, line.since_ns) = (Stand::Unsure, now_ns());
        wanted.push((key.clone(), line.wants));
    }
    wanted
}

async fn say(group: &Group, keys: &[String], wanted: Stand) -> Result<(), Failure> {
    let keys = keys.iter().map(Key::new).collect::<Result<Vec<Key>, _>>()?;
    match wanted {
        Stand::Exists => group.announce_all(keys).await?,
        Stand::Gone | Stand::Unsure => group.retract_all(keys).await?,
    };
    Ok(())
}

fn note(lines: &Mutex<BTreeMap<String, Line>>, keys: &[String], stand: Stand) {
    let mut lines = lock(lines);
    for key in keys {
        if let Some(line) = lines.get_mut(key) {
            (line.stand, line.since_ns) = (stand, now_ns());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
