//! What the server refused. It does so silently towards the request, and says it to the connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch as signal;

/// How many refusals are remembered.
const KEPT: usize = 1024;

/// The refusals of a connection of our own.
#[derive(Debug, Default)]
pub(super) struct Denials {
    recent: Mutex<VecDeque<Denial>>,
    /// The number of refusals so far.
    count: signal::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Denial {
    number: u64,
    subject: String,
    subscription: bool,
    words: String,
}

impl Denials {
    /// Remembers what the server said, if it is about a permission.
    pub(super) fn record(&self, words: &str) {
        let Some(rest) = words.strip_prefix("Permissions Violation for ") else { return };
        let Some(subject) = rest.split('"').nth(1) else { return };
        let mut recent = self.lock();
        // Whoever wants something of the store tries on: it is told once for a subject.
        if recent.iter().any(|denial| denial.subject == subject) {
            tracing::debug!(subject, "the server denied a permission again");
        } else {
            tracing::warn!(subject, "the server denied a permission");
        }
        let number = *self.count.borrow() + 1;
        let subscription = rest.starts_with("Subscription");
        recent.push_back(Denial {
            number,
            subject: subject.to_owned(),
            subscription,
            words: words.to_owned(),
        });
        if recent.len() > KEPT {
            recent.pop_front();
        }
        self.count.send_replace(number);
    }

    /// Forgets everything: a new connection may have other rights.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// How many refusals there were so far; what is asked after this number is newer.
    pub(super) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    /// Told of every refusal.
    pub(super) fn subscribe(&self) -> signal::Receiver<u64> {
        self.count.subscribe()
    }

    /// The server's words on this subject since the count, or on the inbox of the answers ever.
    pub(super) fn find(&self, subject: &str, inbox: &str, since: u64) -> Option<String> {
        let hit = |denial: &&Denial| {
            if denial.subscription {
                denial.subject.starts_with(inbox)
            } else {
                denial.number > since && denial.subject == subject
            }
        };
        self.lock().iter().find(hit).map(|denial| denial.words.clone())
    }

    /// The subjects that nobody may publish to, as refused after the count, with the server's words.
    pub(super) fn publishes_since(&self, count: u64) -> HashMap<String, String> {
        let newer = |denial: &&Denial| denial.number > count && !denial.subscription;
        let words = |denial: &Denial| (denial.subject.clone(), denial.words.clone());
        self.lock().iter().filter(newer).map(words).collect()
    }

    /// Waits until the server refuses the subject; never returns if it does not.
    pub(super) async fn wait(&self, subject: &str, inbox: &str, since: u64) -> String {
        let mut count = self.subscribe();
        loop {
            count.mark_unchanged();
            if let Some(words) = self.find(subject, inbox, since) {
                return words;
            }
            count.changed().await.expect("the sender is in self");
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Denial>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_by_its_subject() {
        let denials = Denials::default();
        denials.record("Permissions Violation for Publish to \"$KV.b.x\"");
        denials.record("Permissions Violation for Subscription to \"_INBOX.ab.*\"");
        denials.record("Stale Connection");
        let check = |subject: &str, inbox: &str, since: u64, found: bool| {
            assert_eq!(denials.find(subject, inbox, since).is_some(), found, "{subject} {inbox}");
        };
        check("$KV.b.x", "_INBOX_a.", 0, true);
        check("$KV.b.x", "_INBOX_a.", 1, false);
        check("$KV.b.y", "_INBOX_a.", 0, false);
        check("$KV.b.y", "_INBOX.", 2, true);
        assert_eq!(denials.count(), 2);
        assert_eq!(denials.publishes_since(0).into_keys().collect::<Vec<_>>(), ["$KV.b.x"]);
        assert!(denials.publishes_since(1).is_empty());
        denials.clear();
        check("$KV.b.x", "_INBOX.", 0, false);
    }
}
