//! What is drawn, of a group made by hand at a fixed time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use divider::snapshot::{
    Candidate, Changed, DrainPreview, KeyStatus, Link, NodeState, NodeStatus, Phase,
    RebalancePreview, Snapshot,
};
use divider::{GroupName, Revision};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::nodes::state;
use super::*;
use crate::top::fixture::{Play, UNIX_MS, drain_preview, info, key, node_id};
use crate::top::model::settings::{Settings, ThemeName};
use crate::top::model::{Cause, ContextRow, GroupNumbers, GroupRow, NotOpen, Overlay};
use crate::top::update::{Ask, Effect, Failed, News};

const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (60, 16), (20, 5)];

fn drawn(play: &mut Play, columns: u16, rows: u16) -> Buffer {
    play.resize(columns, rows);
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    draw(&play.model, area, &mut buffer);
    buffer
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(buffer.area.width)) {
        let line: String = row.iter().map(Cell::symbol).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Where which style is: `r7 c1-80 REVERSED`.
fn styles(buffer: &Buffer) -> String {
    let mut text = String::new();
    for (row, cells) in buffer.content().chunks(usize::from(buffer.area.width)).enumerate() {
        let mut from = 0;
        for run in cells.chunk_by(|a, b| a.style() == b.style()) {
            let name = style_name(run[0].style());
            if !name.is_empty() {
                // A String takes whatever is written to it.
                let _ = writeln!(text, "r{row} c{from}-{}{name}", from + run.len() - 1);
            }
            from += run.len();
        }
    }
    text
}

fn style_name(style: Style) -> String {
    let mut name = String::new();
    if let Some(color) = style.fg.filter(|color| *color != Color::Reset) {
        let _ = write!(name, " {color}");
    }
    if style.add_modifier != Modifier::empty() {
        let _ = write!(name, " {:?}", style.add_modifier);
    }
    name
}

/// The screen in every size, and the styles of the one in the middle.
fn screens(mut play: Play) -> String {
    let mut all = String::new();
    for (columns, rows) in SIZES {
        let buffer = drawn(&mut play, columns, rows);
        let _ = write!(all, "{columns}x{rows}\n{}\n", text(&buffer));
        if columns == 80 {
            let _ = write!(all, "styles of {columns}x{rows}\n{}\n", styles(&buffer));
        }
    }
    all
}

fn group() -> Play {
    let mut play = Play::with_group(Settings::default());
    play.news(News::Info { info: info(), answer_ms: 3 });
    play
}

macro_rules! shows {
    ($name:ident, $play:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(screens($play));
        }
    };
}

shows!(nodes, group());
shows!(keys, pressed("2"));
shows!(moves, pressed("3"));
shows!(events, with_events());
shows!(groups, with_groups());
shows!(help, pressed("?"));
shows!(menu, pressed("a"));
shows!(card_of_a_draining_node, pressed("j j enter"));
shows!(card_of_a_key_that_stops, card_of("eu.acme.invoices"));
shows!(card_of_a_key_that_nobody_has, card_of("ap.kolb.orders.05"));
shows!(filter_being_typed, pressed("/ n o d e - 0"));
shows!(palette, pressed(": d r"));
shows!(marked_and_in_trouble, pressed("space space z"));
shows!(paused, pressed("f"));
shows!(plan_of_a_drain, with_plan());
shows!(drain_that_failed, failed_drain());
shows!(drain_that_is_refused, refused_drain());
shows!(resume_with_its_plan, with_resume());
shows!(drain_that_ended, ended_drain());
shows!(offline, lost());
shows!(connecting, Play::new(Settings::default()));
shows!(no_group, not_open(Cause::NoGroup, "no such group: orders"));
shows!(denied, not_open(Cause::Denied, "authorization violation"));
shows!(empty_group, with(|group| group));
shows!(
    keys_without_a_node,
    with(|group| group.key(key("a"), KeyStatus::new(Phase::Orphaned, now())))
);
shows!(a_thousand_nodes, many_nodes(1000));
shows!(load_map_by_a_label, by_zone());
shows!(contexts, with_contexts());
shows!(moves_of_a_file, of_a_file());
shows!(reading_again, reading());
shows!(nothing_comes, silent());
shows!(denied_a_change, with_a_denied_change());
shows!(
    without_colours,
    Play::with_group(Settings { theme: ThemeName::Mono, ..Settings::default() })
);
shows!(in_ascii, Play::with_group(Settings { ascii: true, ..Settings::default() }));
shows!(
    read_only,
    Play::with_group(Settings { read_only: Some("--readonly".into()), ..Settings::default() })
);

fn pressed(keys: &str) -> Play {
    let mut play = group();
    play.press(keys);
    play
}

fn now() -> divider::snapshot::Moment {
    Play::new(Settings::default()).at(0)
}

/// A group that is made like that.
fn with(
    make: impl FnOnce(divider::snapshot::SnapshotBuilder) -> divider::snapshot::SnapshotBuilder,
) -> Play {
    let mut play = Play::new(Settings::default());
    let name = GroupName::new("orders").expect("legal");
    let group = Snapshot::builder(name, Revision(7), play.at(0));
    play.show(make(group).build());
    play.tick(1);
    play
}

fn with_events() -> Play {
    let mut play = group();
    let empty = Snapshot::builder(play.model.place.group.clone(), Revision(184_300), play.at(2));
    play.show(empty.build());
    let snapshot = play.group();
    play.show(snapshot);
    play.press("4");
    play
}

fn with_groups() -> Play {
    let mut play = pressed("5");
    let numbers = GroupNumbers {
        nodes: 12,
        ready: 7,
        keys: 2400,
        orphaned: 31,
        stopping: 22,
        spread: Some(102),
        worst: Some(NodeState::Lost),
    };
    let row =
        |name: &str, numbers| GroupRow { group: GroupName::new(name).expect("legal"), numbers };
    let rows = vec![
        row("orders", Ok(numbers)),
        row("chat", Ok(GroupNumbers::default())),
        row("old", Err("the group speaks another protocol".to_owned())),
    ];
    play.news(News::Groups(Ok(rows)));
    play
}

fn card_of(text: &str) -> Play {
    let mut play = group();
    play.press(":");
    play.type_in(&format!("key {text}"));
    play.press("enter");
    let mut third = Candidate::new(node_id("node-12"), 0, 0.0);
    third.ineligible = Some(divider::snapshot::Ineligible::TakesNothing);
    let suitors = vec![
        Candidate::new(node_id("node-04"), 100, 231.4),
        Candidate::new(node_id("node-07"), 100, 99.1),
        third,
    ];
    play.news(News::Suitors { key: key(text), suitors });
    play
}

fn with_plan() -> Play {
    let mut play = pressed("G D");
    let preview = Ok(drain_preview(&play));
    play.news(News::DrainPlan { nodes: vec![node_id("node-08")], preview });
    play
}

fn failed_drain() -> Play {
    let mut play = with_plan();
    play.press("tab tab");
    let effects = play.press("enter");
    let Some(Effect::Ask(Ask::Operate(operation, _))) = effects.into_iter().next() else {
        panic!("it was not asked for");
    };
    let failed = Failed { error: "permission denied: control.node-08".to_owned(), denied: false };
    play.news(News::Done { operation, result: Err(failed) });
    play
}

fn refused_drain() -> Play {
    let mut play = with(|group| {
        let mut node = NodeStatus::new(node_id("w1"), NodeState::Ready, now());
        (node.keys, node.target, node.effective_affinity, node.affinity) = (1, 1, 100, 100);
        group.node(node)
    });
    play.press("D");
    let preview = DrainPreview::new(Revision(7)).with_move(key("a"), node_id("w1"), None);
    play.news(News::DrainPlan { nodes: vec![node_id("w1")], preview: Ok(preview) });
    play
}

fn with_resume() -> Play {
    let mut play = pressed("j j u");
    let preview = RebalancePreview::new(Revision(184_201))
        .with_shift(node_id("node-01"), node_id("node-07"), 21)
        .with_shift(node_id("node-02"), node_id("node-07"), 20);
    play.news(News::RebalancePlan(Ok(preview)));
    play
}

fn ended_drain() -> Play {
    let mut play = group();
    let live = play.model.data.live.clone();
    let mut node = live.node(&node_id("node-07")).expect("there").clone();
    (node.state, node.keys, node.stopping) = (NodeState::Drained, 0, 0);
    node.unconfirmed.oldest.clear();
    node.unconfirmed.count = 0;
    let mut done = Snapshot::builder(live.group().clone(), Revision(184_400), play.at(3));
    for other in live.nodes() {
        done = done.node(other.clone());
    }
    play.show(done.node(node).build());
    play
}

fn lost() -> Play {
    let mut play = group();
    play.lose();
    play.tick(38);
    play
}

fn by_zone() -> Play {
    let mut play = Play::new(Settings { group_by: Some("zone".to_owned()), ..Settings::default() });
    let mut group = Snapshot::builder(play.model.place.group.clone(), Revision(7), play.at(0));
    for at in 0..70 {
        let mut node = NodeStatus::new(node_id(&format!("node-{at:02}")), NodeState::Ready, now());
        (node.keys, node.target, node.effective_affinity, node.affinity) = (100, 100, 1, 1);
        if let Some(state) = STATES.get(at) {
            node.state = *state;
        }
        node.keys = [100, 79, 111, 101][at % 4];
        let zone = ["eu-1a", "eu-1b", "eu-1c"].get(at % 5).copied();
        node.labels.extend(zone.map(|zone| ("zone".to_owned(), zone.to_owned())));
        group = group.node(node);
    }
    play.show(group.build());
    play.tick(1);
    play
}

fn with_contexts() -> Play {
    let mut play = group();
    let row = |name: &str, url: &str| ContextRow { name: name.to_owned(), url: url.to_owned() };
    let rows = vec![
        row("local", "nats://127.0.0.1:4222"),
        row("prod", "nats://n1.prod:4222,nats://n2.prod:4222"),
        row("staging", "tls://xxxxx@staging:4222"),
    ];
    play.news(News::Contexts(rows));
    play
}

fn of_a_file() -> Play {
    let mut play = Play::new(Settings::default());
    let snapshot = play.group();
    play.news(News::File { snapshot, taken_ms: UNIX_MS });
    play.tick(60);
    play.press("3");
    play
}

fn reading() -> Play {
    let mut play = lost();
    let snapshot = play.model.data.live.clone();
    let mut changed = Changed::default();
    changed.link = true;
    let link = Link::Reading { records: 41_000 };
    play.news(News::Update { snapshot, changed, link });
    play.tick(40);
    play
}

fn silent() -> Play {
    let mut play = group();
    play.tick(9);
    play
}

fn with_a_denied_change() -> Play {
    let mut play = with_plan();
    play.press("tab tab");
    let effects = play.press("enter");
    let Some(Effect::Ask(Ask::Operate(operation, _))) = effects.into_iter().next() else {
        panic!("it was not asked for");
    };
    let failed = Failed { error: "permission denied: control.node-08".to_owned(), denied: true };
    play.news(News::Done { operation, result: Err(failed) });
    play.press("esc");
    play
}

fn not_open(cause: Cause, error: &str) -> Play {
    let mut play = Play::new(Settings::default());
    let retry = play.at(3);
    let group = (cause == Cause::NoGroup).then(|| play.model.place.group.clone());
    play.news(News::NotOpen(NotOpen { group, error: error.to_owned(), cause, attempts: 4, retry }));
    play
}

fn many_nodes(count: usize) -> Play {
    with(|mut group| {
        for at in 0..count {
            let state = if at % 60 == 7 { NodeState::Late } else { NodeState::Ready };
            let mut node = NodeStatus::new(node_id(&format!("node-{at:04}")), state, now());
            (node.keys, node.target, node.effective_affinity, node.affinity) = (100, 100, 1, 1);
            group = group.node(node);
        }
        group
    })
}

const STATES: [NodeState; 10] = [
    NodeState::Lost,
    NodeState::Late,
    NodeState::Draining,
    NodeState::Drained,
    NodeState::Emptied,
    NodeState::Leaving,
    NodeState::Cordoned,
    NodeState::Joining,
    NodeState::Ready,
    NodeState::Absent,
];

#[test]
fn states_are_told_apart_by_their_words_and_signs_alone() {
    for ascii in [false, true] {
        let settings = Settings { ascii, theme: ThemeName::Mono, ..Settings::default() };
        let theme = Theme::of(&settings);
        let node = |state| NodeStatus::new(node_id("w1"), state, now());
        let words: BTreeSet<String> = STATES.iter().map(|s| state(&node(*s), now())).collect();
        let signs: BTreeSet<&str> = STATES.iter().map(|s| theme.state_sign(*s)).collect();
        assert_eq!((words.len(), signs.len()), (STATES.len(), STATES.len()));
        assert!(!ascii || signs.iter().all(|sign| sign.is_ascii()));
    }
}

#[test]
fn in_ascii_nothing_else_is_on_the_screen() {
    for keys in ["1", "2", "3", "4", "?", "a", "D", "j j enter"] {
        let mut play = Play::with_group(Settings { ascii: true, ..Settings::default() });
        play.press(keys);
        let shown = text(&drawn(&mut play, 120, 40));
        assert!(shown.is_ascii(), "{keys}: {shown}");
    }
}

#[test]
fn without_colours_the_selection_is_reversed_and_nothing_is_coloured() {
    let mut play = Play::with_group(Settings { no_color: true, ..Settings::default() });
    let buffer = drawn(&mut play, 80, 24);
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let reversed = |cell: &&Cell| cell.modifier.contains(Modifier::REVERSED);
    assert_eq!(buffer.content().iter().filter(reversed).count(), 80);
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    let mut play = pressed("2");
    for at in 0..24 {
        play.press("j");
        let buffer = drawn(&mut play, 200, 50);
        let raw = |cell: &Cell| cell.symbol().chars().any(char::is_control);
        assert!(!buffer.content().iter().any(raw), "{at}");
    }
    assert!(text(&drawn(&mut play, 200, 50)).contains("us.\\u{1b}[2Jzed"));
}

/// Every size from 1×1 on, with everything that can lie over the screen.
#[test]
fn nothing_panics_in_any_size() {
    for keys in ["1", "2", "3", "4", "5", "?", "a", "D", "u", "j j enter", "/ x", ": x", "f", "e"] {
        let mut play = pressed(keys);
        for columns in (1..=130).step_by(3).chain([300]) {
            for rows in (1..=42).step_by(2).chain([80]) {
                drawn(&mut play, columns, rows);
            }
        }
    }
}

/// The bounds are far above what it takes: they find what costs as much as there are keys.
#[test]
fn a_large_group_is_drawn_and_filtered_quickly() {
    let mut play = many_nodes(1000);
    let live = play.model.data.live.clone();
    let mut large = Snapshot::builder(live.group().clone(), Revision(9), play.at(1));
    for node in live.nodes() {
        large = large.node(node.clone());
    }
    for at in 0..100_000 {
        let mut status = KeyStatus::new(Phase::Running, now());
        status.owner = Some(node_id(&format!("node-{:04}", at % 1000)));
        large = large.key(key(&format!("eu.tenant-{at:06}.orders")), status);
    }
    play.show(large.build());
    play.press("2");
    let begun = now_of_the_clock();
    for _ in 0..20 {
        drawn(&mut play, 120, 40);
    }
    let frame = since(begun) / 20;
    let begun = now_of_the_clock();
    play.press("/");
    play.type_in("tenant-099");
    let letter = since(begun) / 11;
    assert_eq!(play.model.keys.ids().len(), 1000);
    assert!(frame < Duration::from_millis(100), "a frame takes {frame:?}");
    assert!(letter < Duration::from_secs(1), "a letter of a filter takes {letter:?}");
    eprintln!("with 1 000 nodes and 100 000 keys a frame takes {frame:?}, a letter {letter:?}");
}

fn now_of_the_clock() -> divider::snapshot::Moment {
    divider::snapshot::Moment::now()
}

fn since(begun: divider::snapshot::Moment) -> Duration {
    begun.elapsed()
}

#[test]
fn a_dialog_keeps_its_buttons_on_the_screen() {
    let mut play = with_plan();
    for (columns, rows) in [(120, 40), (80, 24), (60, 16)] {
        let shown = text(&drawn(&mut play, columns, rows));
        assert!(shown.contains("[ Cancel ]") && shown.contains("[ Drain 6 keys ]"), "{shown}");
        assert!(matches!(play.model.overlay, Overlay::Dialog(_)));
    }
}
