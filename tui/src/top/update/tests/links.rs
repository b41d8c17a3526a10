//! What is said and allowed while nothing is heard, and where there is no group.

use std::time::Duration;

use super::*;
use crate::top::model::operation::Operation;
use crate::top::model::{ContextRow, Place, View, Wire};

#[test]
fn a_lost_connection_freezes_ages_and_refuses_changes() {
    let mut play = group();
    play.lose();
    play.tick(38);
    assert!(matches!(play.model.wire, Wire::Lost { .. }));
    assert_eq!(play.model.age_at(), play.at(0));
    assert_eq!(play.press("D"), []);
    assert_eq!(said(&play), "read-only: connection lost");
    let snapshot = play.group();
    play.show(snapshot);
    assert_eq!(play.model.wire, Wire::Live);
    assert!(!play.press("D").is_empty());
}

/// A node may have been drained while nobody could see it.
#[test]
fn nobody_is_judged_while_nothing_is_heard() {
    let mut play = group();
    play.tick(2);
    let before = play.model.data.conditions.clone();
    play.lose();
    play.tick(7200);
    let drain = play.model.data.drains.iter().next().expect("one");
    assert!(drain.is_failed(play.model.now), "its deadline passed meanwhile");
    assert!(!drain.is_failed(play.model.shown_at()));
    assert_eq!(play.model.heard_at().at, play.at(0));
    let codes = |conditions: &[crate::conditions::Condition]| -> Vec<_> {
        conditions.iter().map(|condition| (condition.code, condition.severity)).collect()
    };
    assert_eq!(codes(&play.model.data.conditions), codes(&before));
    // While it is read again, what is on the screen is still what was heard before.
    let live = play.model.data.live.clone();
    let mut changed = Changed::default();
    changed.link = true;
    let link = Link::Reading { records: 1000 };
    play.news(News::Update { snapshot: live, changed, link });
    assert_eq!(play.model.age_at(), play.at(0));
    play.press("ctrl-r");
    let snapshot = play.group();
    play.show(snapshot);
    assert_eq!(play.model.age_at(), play.at(7200));
}

#[test]
fn another_server_is_another_group_even_of_the_same_name() {
    let mut play = group();
    let failed = Failed { error: "permission denied".to_owned(), denied: true };
    play.news(News::Done { operation: Operation::Rebalance, result: Err(failed) });
    play.press(":");
    play.type_in("ctx");
    assert_eq!(play.press("enter"), [Effect::Contexts]);
    let row = |name: &str| ContextRow { name: name.to_owned(), url: "demo.nats.io".to_owned() };
    play.news(News::Contexts(vec![row("prod"), row("staging")]));
    let effects = play.press("down enter");
    assert_eq!(effects, [Effect::Ask(Ask::Context("staging".to_owned()))]);
    let context = Some("staging".to_owned());
    let place = Place { context: context.clone(), ..play.model.place.clone() };
    play.news(News::Going(place));
    assert_eq!(
        (play.model.snapshot().nodes().len(), play.model.wire.clone()),
        (0, Wire::Connecting)
    );
    let server = "demo.nats.io".to_owned();
    play.news(News::Open { group: play.model.place.group.clone(), server, context });
    assert!(play.model.denied.is_none(), "it is another user, too");
    assert_eq!(play.model.place.by, "ana@ops");
}

#[test]
fn offline_counts_from_the_last_that_was_heard() {
    let mut play = group();
    play.tick(9);
    play.lose();
    play.tick(38);
    // The snapshot came at the beginning; the loss was noticed a second later.
    assert_eq!(play.model.unheard.map(|unheard| unheard.at), Some(play.at(0)));
    let event = play.model.data.history.events.iter().next_back().expect("one").text.clone();
    let said = "connection lost to the server nats://n1.prod:4222: ";
    assert!(event.starts_with(said), "{event}");
}

#[test]
fn silence_is_the_servers_before_it_is_a_nodes() {
    let mut play = group();
    play.tick(2);
    let before = play.model.data.conditions.clone();
    play.tick(9);
    assert_eq!(play.model.unheard.map(|unheard| unheard.at), Some(play.at(0)));
    assert_eq!(play.model.heard_at().at, play.at(0));
    assert_eq!(play.model.data.conditions.len(), before.len());
    let live = play.group();
    let heard = divider::snapshot::Snapshot::builder(
        live.group().clone(),
        divider::Revision(184_202),
        play.at(9),
    );
    play.show(heard.build());
    assert_eq!(play.model.unheard, None);
}

#[test]
fn after_a_suspension_it_says_for_how_long() {
    let mut play = group();
    play.news(News::Suspended(Duration::from_millis(8_300)));
    assert_eq!(said(&play), "this screen was suspended for 8 s");
    let event = play.model.data.history.events.iter().next_back().expect("one");
    assert_eq!(event.text, "this screen was suspended for 8 s");
}

#[test]
fn of_several_groups_one_has_to_be_chosen() {
    let mut play = Play::new(Settings::default());
    let effects = play.news(News::Choose);
    assert_eq!(effects, [Effect::Ask(Ask::Groups)]);
    assert_eq!((play.model.view, play.model.wire.clone()), (View::Groups, Wire::Choosing));
    let row = |name: &str| crate::top::model::GroupRow {
        group: GroupName::new(name).expect("legal"),
        numbers: Err("not read".to_owned()),
    };
    play.news(News::Groups(Ok(vec![row("chat"), row("orders")])));
    let effects = play.press("j enter");
    let orders = GroupName::new("orders").expect("legal");
    assert_eq!(effects, [Effect::Ask(Ask::Switch(orders))]);
}
