//! Messages of keys in order, while nodes and the server come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use divider::messages::{InboxError, StartAt};
use divider::{Assignment, BoxError, Divider, Finish, run};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::bed::{Bed, api, in_time, make_stream, publish};
use crate::journal::{Journal, judge};

const KEYS: usize = 30;

/// A node whose handlers read the messages of their keys.
struct Reader {
    divider: Divider,
    task: JoinHandle<()>,
}

impl Reader {
    async fn start(bed: &Bed, name: &str, journal: &Journal) -> Self {
        let (divider, events) = bed.node(name).await;
        let journal = journal.clone();
        let running = run(divider.clone(), events, move |mine| read(mine, journal.clone()))
            .backoff(Duration::from_millis(50), Duration::from_secs(1));
        // Whether it ends well is a matter of what the test does to it.
        let task = tokio::spawn(async move { _ = running.await });
        Self { divider, task }
    }

    async fn leave(self) {
        in_time(self.divider.flush_and_cancel()).await.expect("it was not over");
        in_time(self.task).await.expect("no panic");
    }

    async fn lose(self) {
        in_time(self.divider.cancel()).await;
        in_time(self.task).await.expect("no panic");
    }
}

async fn read(mine: Assignment, journal: Journal) -> Result<Finish, BoxError> {
    let mut inbox = mine.messages("ORDERS", format!("orders.{}.>", mine.key())).await?;
    while let Some(message) = inbox.next().await? {
        journal.add(mine.key().as_str(), message.sequence(), mine.token().0);
        tokio::task::yield_now().await;
        message.done().await?;
    }
    Ok(Finish::Release)
}

/// Publishes to all keys in turn until it is stopped. Returns the sequences by key.
fn start_publisher(
    client: async_nats::Client,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> JoinHandle<BTreeMap<String, Vec<u64>>> {
    tokio::spawn(async move {
        let mut published = BTreeMap::<_, Vec<_>>::new();
        for number in 0usize.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let key = format!("k{}", number % KEYS);
            let subject = format!("orders.{key}.new");
            let sequence = publish(&client, &subject, &number.to_string()).await;
            published.entry(key).or_default().push(sequence);
            count.fetch_add(1, Ordering::Relaxed);
        }
        published
    })
}

/// Adds what the stream has stored without being able to say so: the server was killed.
async fn add_unacknowledged(
    client: &async_nats::Client,
    journal: &Journal,
    stored: &mut BTreeMap<String, Vec<u64>>,
) {
    for entry in journal.entries() {
        let of_key = stored.entry(entry.key.clone()).or_default();
        if !of_key.contains(&entry.sequence) {
            let wanted = json!({"seq": entry.sequence});
            let found = api(client, "STREAM.MSG.GET.ORDERS", wanted).await;
            assert_eq!(found["message"]["subject"], format!("orders.{}.new", entry.key), "{found}");
            of_key.push(entry.sequence);
            of_key.sort_unstable();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_handled_in_order_by_one_owner_while_nodes_and_the_server_go() {
    let mut bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let journal = Journal::default();
    let first = Reader::start(&bed, "w1", &journal).await;
    let second = Reader::start(&bed, "w2", &journal).await;
    bed.announce((0..KEYS).map(|number| format!("k{number}"))).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let publishing = start_publisher(client.clone(), Arc::clone(&stop), Arc::clone(&count));
    // Waits until so many more were published and as many handled.
    let more = async |messages: usize| {
        let handled = journal.handled();
        let goal = count.load(Ordering::Relaxed) + messages as u64;
        in_time(async {
            while count.load(Ordering::Relaxed) < goal || journal.handled() < handled + messages {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    more(600).await;
    let third = Reader::start(&bed, "w3", &journal).await;
    more(600).await;
    first.leave().await;
    more(600).await;
    bed.server.kill();
    bed.server.restart().expect("it comes back");
    more(600).await;
    second.lose().await;
    more(600).await;
    let fourth = Reader::start(&bed, "w4", &journal).await;
    more(600).await;
    stop.store(true, Ordering::Relaxed);
    let mut stored = in_time(publishing).await.expect("no panic");
    let info = api(&client, "STREAM.INFO.ORDERS", json!({})).await;
    let all = usize::try_from(info["state"]["messages"].as_u64().expect("a number")).expect("few");
    in_time(async {
        while journal.handled() < all {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    add_unacknowledged(&client, &journal, &mut stored).await;
    assert_eq!(stored.values().map(Vec::len).sum::<usize>(), all);
    let repeated = judge(&journal.entries(), &stored).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(all >= 3_600 && repeated < all, "{all} published, {repeated} handled again");
    third.leave().await;
    fourth.leave().await;
}

#[tokio::test]
async fn what_was_done_before_a_clean_move_is_not_given_again() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let mut published = BTreeMap::<_, Vec<_>>::new();
    for number in 0..300 {
        let key = format!("k{}", number % 3);
        let sequence = publish(&client, &format!("orders.{key}.new"), "x").await;
        published.entry(key).or_default().push(sequence);
    }
    let journal = Journal::default();
    let first = Reader::start(&bed, "w1", &journal).await;
    bed.announce((0..3).map(|number| format!("k{number}"))).await;
    in_time(async {
        while journal.handled() < 30 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let second = Reader::start(&bed, "w2", &journal).await;
    first.leave().await;
    in_time(async {
        while journal.handled() < 300 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(judge(&journal.entries(), &published), Ok(0));
    second.leave().await;
}

#[tokio::test]
async fn a_value_and_the_position_are_saved_together() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let (_divider, _events, mine) = bed.owner().await;
    for amount in 1..=5 {
        publish(&client, "orders.k", &amount.to_string()).await;
    }
    let mut sum = 0;
    // Each handler ends after one message, or after one that it did not save.
    for _ in 0..3 {
        let mut state = mine.checkpoint::<u64>().await.expect("opened");
        let mut inbox =
            in_time(mine.messages("ORDERS", "orders.k").into_future()).await.expect("opened");
        sum = state.value().expect("readable").unwrap_or(0);
        let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
        sum += String::from_utf8_lossy(message.payload()).parse::<u64>().expect("a number");
        state.save_with(&sum, &message).await.expect("saved");
        let dropped = in_time(inbox.next()).await.expect("an answer").expect("a message");
        assert_eq!(dropped.attempt(), 1);
    }
    assert_eq!(sum, 1 + 2 + 3);
}

#[tokio::test]
async fn a_message_that_is_never_done_stops_its_key_or_is_put_aside() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    make_stream(&client, "POISON", json!({})).await;
    let (_divider, _events, mine) = bed.owner().await;
    let bad = publish(&client, "orders.k", "bad").await;
    let good = publish(&client, "orders.k", "good").await;
    let open = || mine.messages("ORDERS", "orders.k").max_deliver(3).into_future();
    for attempt in 1..=3 {
        let mut inbox = in_time(open()).await.expect("opened");
        let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
        assert_eq!((message.sequence(), message.attempt()), (bad, attempt));
    }
    let mut inbox = in_time(open()).await.expect("opened");
    for _ in 0..2 {
        let poison = in_time(inbox.next()).await;
        let Err(InboxError::Poison { sequence, attempts, .. }) = poison else {
            panic!("{poison:?}")
        };
        assert_eq!((sequence, attempts), (bad, 3));
    }
    let options = mine.messages("ORDERS", "orders.k").max_deliver(3).poison_subject("poison.k");
    let mut inbox = in_time(options.into_future()).await.expect("opened");
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    assert_eq!(message.sequence(), good);
    let wanted = json!({"last_by_subj": "poison.k"});
    let aside = api(&client, "STREAM.MSG.GET.POISON", wanted).await;
    assert_eq!(aside["message"]["data"], "YmFk", "`bad` in base64: {aside}");
}

#[tokio::test]
async fn a_poison_message_can_be_skipped() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let (_divider, _events, mine) = bed.owner().await;
    publish(&client, "orders.k", "bad").await;
    let good = publish(&client, "orders.k", "good").await;
    let open = || mine.messages("ORDERS", "orders.k").max_deliver(1).into_future();
    in_time(in_time(open()).await.expect("opened").next()).await.expect("an answer");
    let mut inbox = in_time(open()).await.expect("opened");
    assert!(matches!(in_time(inbox.next()).await, Err(InboxError::Poison { .. })));
    in_time(inbox.skip()).await.expect("skipped");
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    assert_eq!(message.sequence(), good);
}

#[tokio::test]
async fn only_the_newest_inbox_of_an_assignment_gets_messages() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let (_divider, _events, mine) = bed.owner().await;
    let open = || mine.messages("ORDERS", "orders.k").into_future();
    let mut old = in_time(open()).await.expect("opened");
    let mut new = in_time(open()).await.expect("opened");
    publish(&client, "orders.k", "x").await;
    assert!(matches!(in_time(old.next()).await, Err(InboxError::OpenedAgain { .. })));
    assert!(in_time(new.next()).await.expect("an answer").is_some());
}

#[tokio::test]
async fn an_inbox_begins_where_it_is_told_and_goes_on_after_what_is_done() {
    let bed = Bed::start();
    let client = bed.client().await;
    make_stream(&client, "ORDERS", json!({})).await;
    let (_divider, _events, mine) = bed.owner().await;
    for number in 1..=4 {
        assert_eq!(publish(&client, &format!("orders.{}", number % 2), "x").await, number);
    }
    let first = async |filter: &str, start: StartAt| {
        let options = mine.messages("ORDERS", filter).start_at(start);
        let mut inbox = in_time(options.into_future()).await.expect("opened");
        let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
        let sequence = message.sequence();
        in_time(message.done()).await.expect("done");
        in_time(inbox.close()).await.expect("closed");
        sequence
    };
    assert_eq!(first("orders.0", StartAt::First).await, 2);
    assert_eq!(first("orders.0", StartAt::First).await, 4, "it goes on");
    assert_eq!(first("orders.1", StartAt::Sequence(2)).await, 3);
    let options = mine.messages("ORDERS", "orders.>").start_at(StartAt::New);
    let mut inbox = in_time(options.into_future()).await.expect("opened");
    assert_eq!(publish(&client, "orders.9", "x").await, 5);
    let message = in_time(inbox.next()).await.expect("an answer").expect("a message");
    assert_eq!(message.sequence(), 5);
}
