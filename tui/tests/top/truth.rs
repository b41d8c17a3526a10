//! The screen says what it knows, and what it does not.

use std::time::Duration;

use divider::GroupName;
use divider::store::nats::{NatsStore, StreamOptions};

use crate::bed::Bed;
use crate::terminal::{Start, Terminal};

#[tokio::test(flavor = "multi_thread")]
async fn of_several_groups_none_is_opened_before_one_is_chosen() {
    let bed = Bed::start().await;
    bed.announce(7).await;
    let url = bed.server.url();
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    options.connect(&url, GroupName::new("chat").expect("legal")).await.expect("another group");
    let none = Start { url: &url, args: &[], env: &[("DIVIDER_GROUP", "")] };
    let mut terminal = Terminal::start(&none);
    terminal.until("CHOOSE A GROUP").await;
    terminal.until("[5 Groups 2]").await;
    terminal.until("▸   chat").await;
    terminal.press("j\r");
    terminal.until("LIVE").await;
    terminal.until("7 orphaned").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_silence_of_the_server_is_no_nodes_fault() {
    let mut bed = Bed::start().await;
    bed.announce(10).await;
    let node = bed.node("w1").await;
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("1 ready").await;
    terminal.until("10 running").await;
    bed.server.kill();
    let blamed = |text: &str| text.contains("w1 is lost") || text.contains("w1 is late");
    // Which of both comes first depends on how the connection ended.
    terminal
        .until_it("the server is named", |text| {
            assert!(!blamed(text), "{text}");
            text.contains("Nothing heard from the server")
                || text.contains("no word from the server")
        })
        .await;
    terminal
        .until_it("OFFLINE", |text| {
            assert!(!blamed(text), "{text}");
            text.contains("OFFLINE: no word from the server")
        })
        .await;
    assert!(terminal.text().contains("ready "), "{}", terminal.text());
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    bed.server.restart().expect("a server again");
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ages_are_those_of_the_records_in_a_fresh_session() {
    let bed = Bed::start().await;
    bed.announce(12).await;
    let node = bed.node("w1").await;
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("12 running").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let begun = tokio::time::Instant::now();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("12 running").await;
    terminal.press("2/age>4s owner:w1\r");
    terminal.until("12 of 12").await;
    // What counts from when the screen was opened is younger than the screen.
    let text = terminal.text();
    let row = text.lines().find(|line| line.contains("/orders/0 ")).expect("the key");
    let age = seconds(row.split_whitespace().next_back().expect("its age"));
    assert!(age > begun.elapsed().as_secs(), "{age} s after {:?}", begun.elapsed());
    terminal.press("/\u{15}ownr:w1");
    terminal.until("no filter ownr: here; use node:w1, phase:orphaned").await;
    terminal.press("\u{1b}");
    terminal.until_it("the filter from before", |text| !text.contains("ownr:")).await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    node.cancel().await;
}

/// Whole seconds of `7.2s`, `12s` or `1m05s`.
fn seconds(age: &str) -> u64 {
    let (minutes, rest) = age.split_once('m').unwrap_or(("0", age));
    let whole = rest.trim_end_matches('s').split('.').next().unwrap_or_default();
    minutes.parse::<u64>().expect("minutes") * 60 + whole.parse::<u64>().expect("seconds")
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_and_a_plan_are_seen_in_forty_columns() {
    let bed = Bed::start().await;
    bed.announce(20).await;
    let nodes = [bed.node("w1").await, bed.node("w2").await];
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("20 running").await;
    terminal.until("2 ready").await;
    terminal.resize(40, 12);
    terminal.until("2 nodes, 20 keys").await;
    terminal.press("D");
    terminal.until("Moves 10 keys to 1 node").await;
    terminal.until("[Drain 10]").await;
    // The name has to be typed: the button leads to where.
    terminal.press("\t\t\r");
    terminal.until("▸ Type").await;
    terminal.press("w1\t\t\t\r");
    terminal.until("10 keys moved").await;
    terminal.until("1 drained").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    for node in nodes {
        node.cancel().await;
    }
}
