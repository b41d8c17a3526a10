//! A group made by hand, at a fixed time: what the tests of the dashboard look at.

use std::time::Duration;

use divider::snapshot::Mode;
use divider::snapshot::{
    Changed, DesiredState, DrainPreview, KeyStatus, Link, Moment, NodeState, NodeStatus, Phase,
    Snapshot, UnconfirmedStop,
};
use divider::store::Info;
use divider::{GroupName, Key, NodeId, Revision, Token};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::settings::Settings;
use super::model::{Model, Place};
use super::update::{Effect, Msg, News, update};
use crate::conditions::Clock;

/// 2026-08-23T12:04:31Z
pub(crate) const UNIX_MS: u64 = 1_787_486_671_000;

/// A model, and the clock of whoever plays with it.
pub(crate) struct Play {
    pub(crate) model: Model,
    begun: Moment,
}

pub(crate) fn node_id(id: &str) -> NodeId {
    NodeId::new(id).expect("legal")
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).expect("legal")
}

impl Play {
    /// Before anything is heard.
    pub(crate) fn new(settings: Settings) -> Self {
        let begun = Moment::now() + Duration::from_hours(1000);
        let place = Place {
            group: GroupName::new("orders").expect("legal"),
            context: Some("prod".to_owned()),
            server: "nats://n1.prod:4222".to_owned(),
            login: "credentials",
            by: "ana@ops".to_owned(),
        };
        let now = Clock { at: begun, unix_ms: UNIX_MS };
        Self { model: Model::new(place, settings, now), begun }
    }

    /// With the whole group on the screen.
    pub(crate) fn with_group(settings: Settings) -> Self {
        let mut play = Self::new(settings);
        let snapshot = play.group();
        play.show(snapshot);
        play.tick(1);
        play
    }

    pub(crate) fn at(&self, seconds: u64) -> Moment {
        self.begun + Duration::from_secs(seconds)
    }

    pub(crate) fn ago(&self, ms: u64) -> Moment {
        self.begun - Duration::from_millis(ms)
    }

    /// So many seconds after the beginning it is.
    pub(crate) fn tick(&mut self, seconds: u64) {
        let now = Clock { at: self.at(seconds), unix_ms: UNIX_MS + seconds * 1000 };
        update(&mut self.model, Msg::Tick(now));
    }

    pub(crate) fn news(&mut self, news: News) -> Vec<Effect> {
        update(&mut self.model, Msg::News(news))
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        update(&mut self.model, Msg::Resize(columns, rows));
    }

    /// Shows a snapshot in which everything is different.
    pub(crate) fn show(&mut self, snapshot: Snapshot) -> Vec<Effect> {
        let mut changed = Changed::default();
        let before = self.model.data.live.clone();
        changed.keys = before.keys().chain(snapshot.keys()).map(|(key, _)| key.clone()).collect();
        changed.keys.sort_unstable();
        changed.keys.dedup();
        changed.nodes =
            before.nodes().chain(snapshot.nodes()).map(|node| node.node.clone()).collect();
        changed.nodes.sort_unstable();
        changed.nodes.dedup();
        (changed.group, changed.problems, changed.link) = (true, true, true);
        self.news(News::Update { snapshot, changed, link: Link::Live })
    }

    /// Says that the store is lost.
    pub(crate) fn lose(&mut self) {
        let what = "no servers answer".to_owned();
        let link = Link::Lost {
            error: divider::store::StoreError::Unreachable { what },
            since: self.at(1),
            attempts: 4,
            retry: self.at(42),
        };
        let snapshot = self.model.data.live.clone();
        let mut changed = Changed::default();
        changed.link = true;
        self.news(News::Update { snapshot, changed, link });
    }

    /// Presses keys: single characters, or `enter`, `esc`, `tab`, `ctrl-x`.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for name in keys.split(' ') {
            effects.extend(update(&mut self.model, Msg::Key(pressed(name))));
        }
        effects
    }

    /// Types a text, letter by letter.
    pub(crate) fn type_in(&mut self, text: &str) {
        for c in text.chars() {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            update(&mut self.model, Msg::Key(key));
        }
    }

    /// Twelve nodes in all their states, and 24 keys.
    pub(crate) fn group(&self) -> Snapshot {
        use NodeState::{Cordoned, Drained, Draining, Joining, Late, Lost, Ready};
        let group = GroupName::new("orders").expect("legal");
        let mut snapshot =
            Snapshot::builder(group, Revision(184_201), self.begun).generation(Revision(180_000));
        let states = [
            Ready, Ready, Late, Ready, Ready, Ready, Draining, Ready, Drained, Joining, Lost,
            Cordoned,
        ];
        for (at, state) in states.into_iter().enumerate() {
            snapshot = snapshot.node(self.node(at + 1, state));
        }
        for at in 0..24 {
            let (text, key) = self.key_status(at);
            snapshot = snapshot.key(text, key);
        }
        snapshot.build()
    }

    fn node(&self, number: usize, state: NodeState) -> NodeStatus {
        let id = node_id(&format!("node-{number:02}"));
        let small = u64::try_from(number).expect("small");
        let since = self.ago(817_200_000 - 1000 * small);
        let mut node = NodeStatus::new(id, state, since);
        (node.affinity, node.effective_affinity) = (100, 100);
        (node.keys, node.held, node.target) = (200 + small, 200 + small, 205);
        node.last_beat = Some(self.ago(100 * small));
        node.lease = Duration::from_secs(6);
        node.balanced = Revision(184_000);
        node.host = format!("ip-10-0-4-{number}");
        node.build = "orders-svc 4.2.1".to_owned();
        node.labels = [("zone".to_owned(), "eu-1b".to_owned())].into();
        match state {
            NodeState::Draining => self.drain(&mut node),
            NodeState::Drained => {
                node.desired = Some(desired(Mode::Drain));
                (node.keys, node.held, node.target, node.effective_affinity) = (0, 0, 0, 0);
            }
            NodeState::Cordoned => {
                node.desired = Some(desired(Mode::Cordon));
                node.effective_affinity = 0;
            }
            NodeState::Late => node.last_beat = Some(self.ago(9_100)),
            NodeState::Lost => {
                (node.last_beat, node.since) = (Some(self.ago(41_000)), self.ago(41_000));
            }
            NodeState::Joining => node.since = self.ago(13_000),
            _ => {}
        }
        node
    }

    fn drain(&self, node: &mut NodeStatus) {
        let mut drain = desired(Mode::Drain);
        drain.drain_id = Some("00c0ffee00c0ffee".to_owned());
        drain.drained_from = 206;
        drain.deadline_ms = Some(UNIX_MS + 3_560_000);
        node.desired = Some(drain);
        (node.keys, node.held, node.stopping, node.target) = (58, 58, 17, 0);
        (node.effective_affinity, node.since) = (0, self.ago(41_000));
        let stop = |text: &str, ms| UnconfirmedStop::new(key(text), Token(7), self.ago(ms));
        node.unconfirmed.count = 17;
        node.unconfirmed.oldest =
            vec![stop("eu.acme.invoices", 41_000), stop("eu.acme.refunds", 12_000)];
    }

    fn key_status(&self, at: usize) -> (Key, KeyStatus) {
        let text = match at {
            0 => "eu.acme.invoices".to_owned(),
            1 => "eu.acme.refunds".to_owned(),
            2 => "us.\u{1b}[2Jzed".to_owned(),
            at => format!("ap.kolb.orders.{at:02}"),
        };
        let phase = match at {
            0 | 1 => Phase::Stopping,
            5 => Phase::Orphaned,
            _ => Phase::Running,
        };
        let small = u64::try_from(at).expect("small");
        let mut status = KeyStatus::new(phase, self.ago(1000 * small + 500));
        if phase != Phase::Orphaned {
            status.owner = Some(node_id(if at < 3 { "node-07" } else { "node-01" }));
        }
        status.to = (at < 3 || at == 5).then(|| node_id("node-04"));
        (status.token, status.revision) = (Token(1_787_486_000_000_000 + small), Revision(small));
        (key(&text), status)
    }
}

fn desired(mode: Mode) -> DesiredState {
    let mut desired = DesiredState::new(mode);
    (desired.by, desired.reason) = ("ana@ops".to_owned(), "kernel 6.8".to_owned());
    desired.at_ms = UNIX_MS - 41_000;
    desired.revision = Revision(184_000);
    desired
}

/// The preview of a drain of node-01, without its keys.
pub(crate) fn drain_preview(play: &Play) -> DrainPreview {
    let mut preview = DrainPreview::new(Revision(184_201));
    for at in 0..6_u64 {
        let (from, to) =
            (node_id("node-01"), Some(node_id(["node-04", "node-05"][usize::from(at > 3)])));
        preview = preview.with_move(key(&format!("ap.kolb.orders.{:02}", at + 6)), from, to);
    }
    let now = |id: &str| play.model.data.live.node(&node_id(id)).map_or(0, |node| node.keys);
    for (id, adds) in [("node-04", 4), ("node-05", 2)] {
        preview = preview.with_receiver(node_id(id), now(id), adds);
    }
    preview
}

/// What a store says of a small log on one server.
pub(crate) fn info() -> Info {
    let mut info = Info::new(1, Revision(184_201));
    info.bytes = 1000;
    info
}

/// The key of that name.
fn pressed(name: &str) -> KeyEvent {
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match name {
        "enter" => plain(KeyCode::Enter),
        "esc" => plain(KeyCode::Esc),
        "tab" => plain(KeyCode::Tab),
        "shift-tab" => plain(KeyCode::BackTab),
        "space" => plain(KeyCode::Char(' ')),
        "up" => plain(KeyCode::Up),
        "down" => plain(KeyCode::Down),
        "right" => plain(KeyCode::Right),
        "backspace" => plain(KeyCode::Backspace),
        name => {
            let held = name.strip_prefix("ctrl-");
            let modifiers = if held.is_some() { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            let c = held.unwrap_or(name).chars().next().expect("a key");
            KeyEvent::new(KeyCode::Char(c), modifiers)
        }
    }
}
