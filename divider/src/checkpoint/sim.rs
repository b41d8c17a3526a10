//! Owners of one key that overlap, on a store that loses answers and lets writes land late.
//!
//! Each seed is a random story of owners with rising tokens. They open, save, are dropped in the middle
//! of a save and go on, while a judge that knows what each was told looks for two faults: a value that
//! an owner was told is saved and that a later owner does not see, and a save that succeeds after a
//! later owner has sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::slow::{SlowCheckpoints, Without};
use super::tests::Owner;
use super::{CheckpointBytes, CheckpointError};
use crate::id::GroupName;
use crate::store::minimal::MinimalStore;
use crate::store::{MemoryStore, Store};

/// What an operation came to.
enum Told {
    Opened(Result<CheckpointBytes, CheckpointError>),
    Saved(CheckpointBytes, Result<(), CheckpointError>),
    Reloaded(CheckpointBytes, Result<Option<Bytes>, CheckpointError>),
}

/// An owner, and what it does now.
struct Player {
    token: u64,
    owner: Owner,
    idle: Option<CheckpointBytes>,
    doing: Option<Doing>,
}

struct Doing {
    future: BoxFuture<'static, Told>,
    begun: u64,
    /// The value that is saved.
    value: Option<u64>,
}

/// What the judge knows.
#[derive(Default)]
struct Judge {
    step: u64,
    /// The highest value that an owner was told is saved, by the step at which it was told.
    saved: BTreeMap<u64, u64>,
    /// The highest token that has sealed, by the step at which that was told.
    sealed: BTreeMap<u64, u64>,
    /// The values whose saves have begun, and who saves them.
    begun: BTreeMap<u64, u64>,
    /// Values of which an owner was told that they are not the newest one any more, or never were.
    past: BTreeSet<u64>,
    story: String,
}

impl Judge {
    fn highest(table: &BTreeMap<u64, u64>, before: u64) -> u64 {
        table.range(..before).map(|(_, &value)| value).max().unwrap_or(0)
    }

    fn on_seen(
        &mut self,
        player: &Player,
        begun: u64,
        value: Option<&Bytes>,
    ) -> Result<(), String> {
        let seen = number(value);
        let told = Self::highest(&self.saved, begun);
        _ = writeln!(self.story, "{} {} sees {seen}", self.step, player.token);
        if self.past.contains(&seen) {
            return Err(format!("token {} sees {seen}, which was said to be gone", player.token));
        }
        if seen < told {
            return Err(format!(
                "token {} sees {seen}, saved was {told}\n{}",
                player.token, self.story
            ));
        }
        Ok(())
    }

    /// An owner was told what is stored: none of its other saves may be seen from now on.
    fn on_settled(&mut self, token: u64, begun: u64, value: u64) {
        let own = self.begun.range(..begun).filter(|&(&it, &owner)| owner == token && it != value);
        self.past.extend(own.map(|(&it, _)| it));
    }

    fn on_saved(&mut self, token: u64, begun: u64, value: u64) -> Result<(), String> {
        _ = writeln!(self.story, "{} {token} saved {value}", self.step);
        let newer = Self::highest(&self.sealed, begun);
        self.saved.insert(self.step, value);
        if newer > token {
            return Err(format!("token {token} saves {value} after {newer} has sealed"));
        }
        Ok(())
    }
}

/// What owners save: numbers.
fn number(value: Option<&Bytes>) -> u64 {
    value.map_or(0, |value| String::from_utf8_lossy(value).parse().expect("a number"))
}

/// One story. An error is what the judge found.
async fn play(seed: u64, without: Without) -> Result<u64, String> {
    fastrand::seed(seed);
    let memory = MemoryStore::new(GroupName::new("g").expect("legal"));
    let faults = Arc::new(AtomicU64::new(fastrand::u64(2..8)));
    let slow = SlowCheckpoints {
        memory: memory.clone(),
        without,
        faults: Arc::clone(&faults),
        seen: Arc::default(),
    };
    let new = |token: u64| {
        let store: Arc<dyn Store> =
            Arc::new(MinimalStore::with_checkpoints(memory.clone(), Arc::new(slow.clone())));
        let owner = Owner::new(&store);
        Player { token, owner, idle: None, doing: None }
    };
    let mut judge = Judge::default();
    let mut players = vec![new(1)];
    for step in 1..400 {
        judge.step = step;
        match fastrand::u32(..100) {
            0..3 => players.push(new(players.len() as u64 + 1)),
            3..6 => memory.release_held(),
            6..10 => tokio::time::advance(Duration::from_millis(fastrand::u64(1..900))).await,
            10..13 => abandon(&mut players),
            _ => turn(&mut judge, &mut players)?,
        }
    }
    // The end of all faults: the last owner sees what was saved last.
    faults.store(0, Ordering::Relaxed);
    memory.release_held();
    judge.step = 1_000;
    let last = new(players.len() as u64 + 1);
    let opened = last.owner.assignment(last.token).checkpoint_bytes().await;
    let opened = opened.map_err(|error| format!("the last owner: {error}"))?;
    judge.on_seen(&last, 1_000, opened.value().as_ref())?;
    memory.release_held();
    let found = slow.inner().read(opened.key()).await.expect("memory answers");
    let token = found.map_or(0, |found| found.token.0);
    if token != last.token {
        return Err(format!("a late write of {token} landed after the seal of {}", last.token));
    }
    Ok(judge.saved.len() as u64)
}

/// Drops what a player does. It goes on with a new handle of the same assignment.
fn abandon(players: &mut [Player]) {
    let player = &mut players[fastrand::usize(..players.len())];
    if player.doing.take().is_some() {
        player.idle = None;
    }
}

/// Lets one player begin something, or go on with it for a step.
fn turn(judge: &mut Judge, players: &mut [Player]) -> Result<(), String> {
    let player = &mut players[fastrand::usize(..players.len())];
    let Some(doing) = &mut player.doing else {
        let doing = begin(judge.step, player);
        judge.begun.extend(doing.value.map(|value| (value, player.token)));
        player.doing = Some(doing);
        return Ok(());
    };
    let Some(told) = (&mut doing.future).now_or_never() else { return Ok(()) };
    let (begun, value) = (doing.begun, doing.value);
    player.doing = None;
    match told {
        Told::Opened(Ok(state)) => {
            judge.sealed.insert(judge.step, player.token);
            judge.on_seen(player, begun, state.value().as_ref())?;
            player.idle = Some(state);
        }
        Told::Opened(Err(_)) => {}
        Told::Saved(state, saved) => {
            player.idle = Some(state);
            if saved.is_ok() {
                judge.on_saved(player.token, begun, value.unwrap_or(0))?;
            }
        }
        Told::Reloaded(state, value) => {
            // An owner that was fenced is told nothing.
            if let Ok(value) = value
                && Judge::highest(&judge.sealed, begun) <= player.token
            {
                let settled = number(value.as_ref());
                judge.on_seen(player, begun, value.as_ref())?;
                judge.on_settled(player.token, begun, settled);
            }
            player.idle = Some(state);
        }
    }
    Ok(())
}

fn begin(step: u64, player: &mut Player) -> Doing {
    let mine = player.owner.assignment(player.token);
    let (future, value): (BoxFuture<'static, Told>, _) = match player.idle.take() {
        None => (async move { Told::Opened(mine.checkpoint_bytes().await) }.boxed(), None),
        Some(mut state) if fastrand::u32(..5) == 0 => {
            let reload = async move {
                let value = state.reload().await;
                Told::Reloaded(state, value)
            };
            (reload.boxed(), None)
        }
        Some(mut state) => {
            let save = async move {
                let saved = state.save(step.to_string()).await;
                Told::Saved(state, saved)
            };
            (save.boxed(), Some(step))
        }
    };
    Doing { future, begun: step, value }
}

async fn stories(count: u64, without: Without) -> Result<u64, String> {
    let mut saves = 0;
    for seed in 0..count {
        saves += play(seed, without).await.map_err(|fault| format!("seed {seed}: {fault}"))?;
    }
    Ok(saves)
}

#[tokio::test(start_paused = true)]
async fn no_value_is_lost_and_no_older_owner_saves_whatever_is_lost_on_the_way() {
    let saves = stories(2_000, Without::Nothing).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert!(saves > 10_000, "the stories are idle: {saves} saves");
}

#[tokio::test(start_paused = true)]
async fn the_judge_notices_a_store_without_compare_and_set() {
    assert!(stories(200, Without::CompareAndSet).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_judge_notices_owners_that_do_not_seal() {
    assert!(stories(200, Without::Seal).await.is_err());
}
