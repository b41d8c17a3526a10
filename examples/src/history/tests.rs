use super::*;

/// A run from lines like `10 start k 1`: the moment, the event, the key, the token.
fn run(node: &str, script: &str) -> Run {
    let entries = script.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let event = serde_json::from_str(&format!("\"{}\"", words[1])).unwrap();
        Entry {
            at_ns: words[0].parse().unwrap(),
            node: node.to_owned(),
            event,
            key: words.get(2).map(|&key| key.to_owned()),
            token: words.get(3).map(|token| token.parse().unwrap()),
            session: None,
            reason: None,
        }
    });
    Run { entries: entries.collect(), ..Run::default() }
}

fn check(runs: &[Run], expected: &[&str]) {
    let history = History::new(runs);
    let broken: Vec<String> = history.broken().iter().map(ToString::to_string).collect();
    assert_eq!(broken, expected);
}

#[test]
fn a_clean_hand_over_breaks_nothing() {
    let giver = run("a", "1 joined\n10 start k 1\n20 stop k 1\n30 stopped k 1\n99 left");
    check(&[giver, run("b", "30 start k 2")], &[]);
}

#[test]
fn two_holders_at_once_are_found() {
    let giver = run("a", "10 start k 1\n20 stop k 1\n30 stopped k 1");
    let early = run("b", "29 start k 2\n40 stopped k 2");
    check(&[giver, early], &["k was held by a and b at once for 1 ns (tokens 1 and 2)"]);
}

#[test]
fn two_runs_of_one_node_are_two_holders() {
    let runs = [run("a", "10 start k 1"), run("a", "20 start k 2\n30 stopped k 2")];
    check(&runs, &["k was held by a and a at once for 10 ns (tokens 1 and 2)"]);
}

#[test]
fn a_hold_within_a_longer_one_and_one_after_it_are_both_found() {
    let long = run("a", "10 start k 1\n90 stopped k 1");
    let short = run("b", "20 start k 2\n30 stopped k 2\n40 start k 3\n50 stopped k 3");
    assert_eq!(History::new(&[long, short]).broken().len(), 2);
}

#[test]
fn a_killed_process_holds_until_it_is_gone() {
    let mut killed = run("a", "10 start k 1");
    killed.ended_ns = Some(20);
    check(&[killed.clone(), run("b", "20 start k 2")], &[]);
    let early = run("b", "19 start k 2");
    check(&[killed, early], &["k was held by a and b at once for 1 ns (tokens 1 and 2)"]);
}

#[test]
fn a_frozen_process_holds_nothing_if_its_first_line_says_so() {
    let heir = run("b", "50 start k 2");
    let mut aware = run("a", "10 start k 1\n105 fenced\n106 lost k 1\n107 stopped k 1");
    aware.frozen_ns = vec![(20, 100)];
    check(&[aware.clone(), heir.clone()], &[]);
    assert_eq!(History::new(&[aware]).woke_after_ns(), [5]);
    let mut unaware = run("a", "10 start k 1\n105 stop k 1\n106 stopped k 1");
    unaware.frozen_ns = vec![(20, 100)];
    check(&[unaware, heir], &["a woke and went on with Stop Some(\"k\")"]);
}

#[test]
fn a_process_that_never_wakes_holds_until_its_freeze() {
    let mut asleep = run("a", "10 start k 1");
    asleep.frozen_ns = vec![(20, 100)];
    asleep.ended_ns = Some(100);
    check(&[asleep, run("b", "50 start k 2")], &[]);
}

#[test]
fn a_token_that_does_not_rise_is_found() {
    let runs = [run("a", "10 start k 5\n20 stopped k 5"), run("b", "30 start k 5")];
    check(&runs, &["the token of k fell from 5 (a) to 5 (b)"]);
}

#[test]
fn starts_and_stops_of_one_process_alternate() {
    let twice = run("a", "10 start k 1\n20 start k 2");
    check(&[twice], &["a started k without having stopped it"]);
    let stray = run("a", "10 stopped k 1");
    check(&[stray], &["a stopped Some(\"k\"), which it had not started"]);
}

#[test]
fn owners_orphans_and_gaps_are_those_of_the_moment() {
    let runs = [run("a", "10 start k 1\n20 stopped k 1\n15 start l 1"), run("b", "30 start k 2")];
    let history = History::new(&runs);
    let keys = ["k".to_owned(), "l".to_owned(), "m".to_owned()];
    assert_eq!(history.owners(19).len(), 2);
    assert_eq!(history.orphans(&keys, 25), ["k", "m"]);
    assert_eq!(history.counts(35), BTreeMap::from([("a", 1), ("b", 1)]));
    assert_eq!(history.gaps("k", 12, 50), [(20, 30)]);
    assert_eq!(history.gaps("k", 0, 50), [(0, 10), (20, 30)]);
    assert_eq!(history.gaps("m", 0, 50), [(0, 50)]);
}

#[test]
fn moves_count_keys_that_changed_their_node() {
    let runs = [
        run("a", "10 start k 1\n10 start l 1\n20 stopped k 1\n21 stopped l 1\n25 start l 2"),
        run("b", "30 start k 2\n31 stopped k 2\n32 start k 3\n60 start m 1"),
    ];
    let moves = History::new(&runs).moves(15, 50);
    let expected = Moves { keys: 1, starts: 3, more_than_once: 1, last_start_ns: Some(32) };
    assert_eq!(moves, expected);
}

/// Journals are read as they grow, and old holds are forgotten, with the same result.
#[test]
fn what_is_read_in_pieces_and_forgotten_is_judged_as_the_whole() {
    let long = "10 start k 1\n20 start l 1\n30 stopped k 1\n60 start k 3\n90 stopped k 3";
    let other = "29 start k 2\n50 stopped k 2\n99 start k 4";
    let whole = History::new(&[run("a", long), run("b", other)]);
    let expected = ["k was held by a and b at once for 1 ns (tokens 1 and 2)"];
    let mut pieces = History::default();
    let (mut a, mut b) = (long.lines(), other.lines());
    loop {
        let (a, b) = (a.next(), b.next());
        pieces.read(0, &run("a", a.unwrap_or_default()));
        pieces.read(1, &run("b", b.unwrap_or_default()));
        if a.is_none() && b.is_none() {
            break;
        }
    }
    for forgotten in [0, 35, 55, 95, u64::MAX, u64::MAX] {
        pieces.forget_before(forgotten);
        pieces.judge();
        let broken: Vec<String> = pieces.broken().iter().map(ToString::to_string).collect();
        assert_eq!(broken, expected, "after {forgotten}");
    }
    assert_eq!(pieces.owners(99), whole.owners(99));
    assert_eq!((pieces.starts(), pieces.holds("k").len()), (5, 1));
}

#[test]
fn a_process_that_held_nothing_may_wake_with_anything_it_begins() {
    let mut idle = run("a", "10 start k 1\n15 stopped k 1\n105 joined\n106 start k 2");
    idle.frozen_ns = vec![(20, 100)];
    check(&[idle], &[]);
}
