//! The engine's thread and the application's, in every order of what they do to what they share.
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p divider --lib engine::threads
//! ```
//!
//! A wake-up that is lost shows as a deadlock, which fails the test.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use super::clock::Clock;
use super::queue::Queue;
use super::shared::Shared;
use crate::event::Reason;
use crate::id::{GroupName, NodeId, Session, Token};
use crate::key::Key;
use divider_core::time::Time;

/// How many orders are tried where there are too many for all.
const ORDERS: usize = 20_000;

fn shared() -> Arc<Shared> {
    let group = GroupName::new("g").expect("a legal name");
    let node = NodeId::new("n").expect("a legal id");
    Arc::new(Shared::new(group, node, 1, Clock::Machine))
}

fn key() -> Key {
    Key::new("k").expect("a legal key")
}

fn later() -> Time {
    Clock::Machine.time() + Duration::from_secs(3600)
}

/// The engine: a session with a good lease.
fn begin(shared: &Shared) {
    shared.queue(|queue| {
        queue.begin(Session::from_bits(1));
        queue.extend(later(), later());
    });
}

/// The engine waits until the run with this token is confirmed over.
fn wait_confirmed(shared: &Shared, token: Token) {
    loop {
        let confirmed = shared.queue(Queue::take_confirmed);
        if !confirmed.is_empty() {
            return assert_eq!(confirmed, [(key(), token)], "once");
        }
        block_on(shared.wake.notified());
    }
}

/// An application that takes every start and confirms every end, on a thread for each.
fn applications(shared: &Arc<Shared>) -> [thread::JoinHandle<()>; 2] {
    let starts = Arc::clone(shared);
    let ends = Arc::clone(shared);
    [
        thread::spawn(move || {
            while let Some(assignment) = block_on(poll_fn(|cx| starts.poll_start(cx))) {
                assert_eq!(assignment.key(), &key());
            }
        }),
        thread::spawn(move || {
            while let Some(taken) = block_on(poll_fn(|cx| ends.poll_end(cx))) {
                assert!(taken.assignment.is_cancelled(), "marked before it is told");
                ends.confirm(taken.assignment.key(), taken.assignment.token());
            }
        }),
    ]
}

#[test]
fn every_stop_is_told_and_every_run_confirmed_once() {
    let story = || {
        let shared = shared();
        let applications = applications(&shared);
        begin(&shared);
        for token in [Token(1), Token(2)] {
            shared.queue(|queue| queue.start(key(), token));
            shared.queue(|queue| queue.stop(key(), token, Reason::Drain, None));
            wait_confirmed(&shared, token);
        }
        shared.queue(|queue| queue.close(Reason::Cancelled));
        for application in applications {
            application.join().expect("it ends with the node");
        }
        assert!(shared.queue(Queue::take_confirmed).is_empty(), "nothing twice");
    };
    shuttle::check_random(story, ORDERS);
}

#[test]
fn a_stop_and_a_loss_on_end_are_confirmed_once() {
    let story = || {
        let shared = shared();
        let applications = applications(&shared);
        begin(&shared);
        shared.queue(|queue| queue.start(key(), Token(1)));
        shared.queue(|queue| queue.stop(key(), Token(1), Reason::Drain, None));
        let confirmed = shared.queue(Queue::take_confirmed);
        if confirmed.is_empty() {
            // Also where the confirmation came between the two.
            shared.queue(|queue| queue.lose(key(), Token(1), Reason::Fenced, Time(0)));
            wait_confirmed_at_least_once(&shared);
        }
        shared.queue(|queue| queue.close(Reason::Cancelled));
        for application in applications {
            application.join().expect("it ends with the node");
        }
    };
    shuttle::check_random(story, ORDERS);
}

/// A loss of a run that was just confirmed is answered with its confirmation once more.
fn wait_confirmed_at_least_once(shared: &Shared) {
    while shared.queue(Queue::take_confirmed).is_empty() {
        block_on(shared.wake.notified());
    }
}

#[test]
fn an_assignment_that_is_lost_is_never_valid_again() {
    let story = || {
        let shared = shared();
        begin(&shared);
        shared.queue(|queue| queue.start(key(), Token(1)));
        let assignment = block_on(poll_fn(|cx| shared.poll_start(cx))).expect("it is open");
        let reader = thread::spawn(move || {
            let seen: Vec<bool> = (0..3).map(|_| assignment.is_valid()).collect();
            assert!(seen.is_sorted_by(|before, after| before >= after), "{seen:?}");
        });
        // A renewal that was under way does not bring it back.
        shared.queue(|queue| queue.lose(key(), Token(1), Reason::ClaimLost, Time(0)));
        shared.queue(|queue| queue.extend(later(), later()));
        reader.join().expect("it saw it go");
    };
    shuttle::check_random(story, ORDERS);
}

#[test]
fn a_cancellation_is_seen_whoever_else_waits() {
    let story = || {
        let shared = shared();
        let (one, other) = (Arc::clone(&shared), Arc::clone(&shared));
        let waits = thread::spawn(move || block_on(one.cancel_requested()));
        let asks = thread::spawn(move || other.request_cancel());
        waits.join().expect("it is woken");
        asks.join().expect("it asked");
        // The engine's own wait, after the one at its start.
        block_on(shared.wake.notified());
        assert!(shared.is_cancel_requested());
    };
    shuttle::check_dfs(story, None);
}
