//! Whatever comes in, in whatever order.

use divider::Revision;
use divider::snapshot::RebalancePreview;
use proptest::prelude::*;

use super::*;
use crate::top::fixture::info;
use crate::top::model::operation::Operation;
use crate::top::update::action::Action;
use crate::top::update::binding::BINDINGS;

/// What may come in, in any order.
fn any_msg() -> impl Strategy<Value = Step> {
    let keys = BINDINGS.iter().flat_map(|binding| binding.chords).map(|chord| chord.label());
    let keys: Vec<String> = keys.collect();
    prop_oneof![
        6 => proptest::sample::select(keys).prop_map(Step::Press),
        2 => "[a-z0-9 *:!>.-]{1,8}".prop_map(Step::Type),
        2 => (1u16..=300, 1u16..=80).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => (0u64..100).prop_map(Step::Tick),
        1 => Just(Step::Group),
        1 => Just(Step::Nothing),
        1 => Just(Step::Lose),
        1 => Just(Step::Plans),
        1 => Just(Step::Denied),
        1 => "\\PC{0,6}".prop_map(Step::Paste),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Press(String),
    Type(String),
    Paste(String),
    Resize(u16, u16),
    Tick(u64),
    Group,
    Nothing,
    Lose,
    Plans,
    Denied,
}

fn take(play: &mut Play, step: Step) -> Vec<Effect> {
    match step {
        Step::Press(key) => return play.press(&key),
        Step::Type(text) => play.type_in(&text),
        Step::Paste(text) => return update(&mut play.model, Msg::Paste(text)),
        Step::Resize(columns, rows) => play.resize(columns, rows),
        Step::Tick(seconds) => play.tick(seconds),
        Step::Group => {
            let snapshot = play.group();
            return play.show(snapshot);
        }
        Step::Nothing => {
            let group = play.model.place.group.clone();
            let empty = divider::snapshot::Snapshot::builder(group, Revision(9), play.at(1));
            return play.show(empty.build());
        }
        Step::Lose => play.lose(),
        Step::Plans => {
            let preview = drain_preview(play);
            if let Overlay::Dialog(dialog) = &play.model.overlay {
                let nodes = dialog.nodes.clone();
                play.news(News::DrainPlan { nodes, preview: Ok(preview) });
                play.news(News::RebalancePlan(Ok(RebalancePreview::new(Revision(7)))));
            }
            play.news(News::Info { info: info(), answer_ms: 3 });
        }
        Step::Denied => {
            let failed = Failed { error: "permission denied".to_owned(), denied: false };
            play.news(News::Done { operation: Operation::Rebalance, result: Err(failed) });
        }
    }
    Vec::new()
}

/// Draws it, as large as it says it is.
fn draw(play: &Play) {
    let (columns, rows) = play.model.size;
    let area = ratatui::layout::Rect::new(0, 0, columns, rows);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    crate::top::view::draw(&play.model, area, &mut buffer);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_in_breaks_it(steps in prop::collection::vec(any_msg(), 1..60)) {
        let mut play = group();
        for step in steps {
            take(&mut play, step);
            draw(&play);
            let nodes = &play.model.nodes;
            if !nodes.ids().is_empty() {
                prop_assert_eq!(nodes.selected(), nodes.ids().get(nodes.at()));
            }
        }
    }

    #[test]
    fn read_only_changes_nothing_whatever_is_pressed(
        steps in prop::collection::vec(any_msg(), 1..80),
    ) {
        let mut play = Play::with_group(Settings {
            read_only: Some("--readonly".to_owned()),
            ..Settings::default()
        });
        for step in steps {
            let effects = take(&mut play, step);
            prop_assert!(!effects.iter().any(Effect::is_mutation), "{:?}", effects);
        }
    }

    #[test]
    fn the_selection_follows_its_node(steps in prop::collection::vec(any_msg(), 1..40)) {
        let mut play = group();
        for step in steps {
            let before = play.model.nodes.selected().cloned();
            let moves = matches!(step, Step::Press(_) | Step::Type(_) | Step::Paste(_) | Step::Nothing);
            take(&mut play, step);
            let there = before.as_ref().is_some_and(|id| play.model.nodes.ids().contains(id));
            if !moves && there {
                prop_assert_eq!(play.model.nodes.selected(), before.as_ref());
            }
        }
    }
}

#[test]
fn every_change_is_refused_when_read_only() {
    for binding in BINDINGS.iter().filter(|binding| binding.action.is_mutation()) {
        let mut play = Play::with_group(Settings {
            read_only: Some("--readonly".to_owned()),
            ..Settings::default()
        });
        assert!(play.model.why_not(binding.action).is_some(), "{binding:?}");
        let effects = if let Some(chord) = binding.chords.first() {
            play.press(&chord.label())
        } else {
            play.press(":");
            play.type_in(binding.name);
            play.press("enter")
        };
        assert_eq!(effects, []);
        assert!(matches!(play.model.overlay, Overlay::None), "{binding:?}");
    }
    assert!(group().model.why_not(Action::Rebalance).is_none());
}
