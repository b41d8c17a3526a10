//! What the dashboard knows: the group, and where one is on the screen.

pub(crate) mod data;
pub(crate) mod dialog;
pub(crate) mod drains;
pub(crate) mod event;
pub(crate) mod filter;
mod happened;
pub(crate) mod history;
pub(crate) mod line;
mod lists;
mod node_events;
pub(crate) mod node_trend;
pub(crate) mod operation;
mod past;
pub(crate) mod plan;
pub(crate) mod rate;
pub(crate) mod settings;
pub(crate) mod sort;
pub(crate) mod table;
mod tally;
pub(crate) mod trend;
mod wire;

use divider::snapshot::{Candidate, Moment, Snapshot};
use divider::{GroupName, Key, NodeId};

use self::data::Data;
use self::dialog::Dialog;
use self::line::Line;
pub(crate) use self::lists::columns;
use self::settings::Settings;
use self::sort::Sort;
use self::table::Table;
pub(crate) use self::wire::{Cause, NotOpen, Wire};
use crate::conditions::{Clock, Severity};

/// Everything that the screen is drawn from.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) now: Clock,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    pub(crate) place: Place,
    pub(crate) wire: Wire,
    pub(crate) data: Data,
    pub(crate) settings: Settings,
    pub(crate) view: View,
    /// The view that was shown before.
    pub(crate) last_view: View,
    pub(crate) nodes: Table<NodeId>,
    pub(crate) keys: Table<Key>,
    pub(crate) moves: Table<Key>,
    pub(crate) events: Table<u64>,
    pub(crate) groups: Table<GroupName>,
    /// The groups of the account, where they were asked for.
    pub(crate) known_groups: Known,
    /// How well each node suits a key, for its card.
    pub(crate) suitors: Option<(Key, Vec<Candidate>)>,
    pub(crate) overlay: Overlay,
    pub(crate) typing: Option<Typing>,
    /// What was given to the palette before.
    pub(crate) commands: Vec<String>,
    pub(crate) note: Option<Note>,
    /// The server does not allow changes, in its words.
    pub(crate) denied: Option<String>,
    /// The screen is paused since then.
    pub(crate) paused: Option<Clock>,
    /// When the group was opened here, in Unix milliseconds.
    pub(crate) opened_ms: u64,
    /// When the group was heard of last: a record came, or everything was read.
    pub(crate) heard: Option<Clock>,
    /// Nothing was heard of the group since then: nobody is judged later than this.
    pub(crate) unheard: Option<Clock>,
    /// The list of keys was last worked out then.
    pub(crate) keys_listed: Option<Moment>,
    /// What is on the screen is not what it should show.
    pub(crate) dirty: bool,
}

/// Where the group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: GroupName,
    /// The `nats` context, where one is used.
    pub(crate) context: Option<String>,
    /// The server, without secrets; or the file.
    pub(crate) server: String,
    /// What it logs in with, in words.
    pub(crate) login: &'static str,
    /// Who does what is done from here.
    pub(crate) by: String,
}

/// What the middle of the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum View {
    Nodes,
    Keys,
    Moves,
    Events,
    Groups,
}

impl View {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nodes, Self::Keys, Self::Moves, Self::Events, Self::Groups];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Nodes => "Nodes",
            Self::Keys => "Keys",
            Self::Moves => "Moves",
            Self::Events => "Events",
            Self::Groups => "Groups",
        }
    }

    /// Its name in the palette.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Keys => "keys",
            Self::Moves => "moves",
            Self::Events => "events",
            Self::Groups => "groups",
        }
    }

    /// Whether a word of the palette is for it.
    pub(crate) fn is_called(self, name: &str) -> bool {
        let more = match self {
            Self::Nodes => "no",
            Self::Groups => "ns",
            _ => return name == self.command(),
        };
        name == self.command() || name == more
    }

    /// Its place among all, from 0 on.
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|view| *view == self).unwrap_or(0)
    }
}

/// What lies over the screen.
#[derive(Debug, Clone)]
pub(crate) enum Overlay {
    None,
    /// The keys of the keyboard, from that line on.
    Help(usize),
    /// Every problem in full, from that line on.
    Problems(usize),
    /// What can be done to the selection, and which of it is selected.
    Menu(usize),
    /// All there is to know of the selection, from that line on.
    Card(usize),
    Dialog(Box<Dialog>),
    /// The contexts, and which of them is selected.
    Contexts(Vec<ContextRow>, usize),
}

/// A context of the `nats` command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextRow {
    pub(crate) name: String,
    /// Its server, without secrets.
    pub(crate) url: String,
}

/// What is being typed at the bottom of the screen.
#[derive(Debug, Clone)]
pub(crate) struct Typing {
    pub(crate) what: TypedFor,
    pub(crate) line: Line,
    /// What the filter was before.
    pub(crate) before: String,
    /// Which of the older commands is shown, counted from the newest.
    pub(crate) older: Option<usize>,
}

/// What a line is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypedFor {
    Filter,
    Command,
    /// The name of the file that the list is written to.
    Export,
}

/// What is known of the account's groups.
#[derive(Debug, Clone, Default)]
pub(crate) enum Known {
    #[default]
    NotAsked,
    Groups(Vec<GroupRow>),
    Failed(String),
}

impl Known {
    /// How many groups are known.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Groups(rows) => rows.len(),
            Self::NotAsked | Self::Failed(_) => 0,
        }
    }
}

/// One group, in a few numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRow {
    pub(crate) group: GroupName,
    /// The group, or why it cannot be read.
    pub(crate) numbers: Result<GroupNumbers, String>,
}

/// How a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GroupNumbers {
    pub(crate) nodes: u64,
    pub(crate) ready: u64,
    pub(crate) keys: u64,
    pub(crate) orphaned: u64,
    pub(crate) stopping: u64,
    /// In hundredths.
    pub(crate) spread: Option<u64>,
    /// The worst state of a node.
    pub(crate) worst: Option<divider::snapshot::NodeState>,
}

/// A word to whoever sits before the screen, for some seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) severity: Severity,
    pub(crate) at: Moment,
}

impl Model {
    pub(crate) fn new(place: Place, settings: Settings, now: Clock) -> Self {
        let empty = Snapshot::builder(place.group.clone(), divider::Revision::NONE, now.at);
        Self {
            now,
            size: (80, 24),
            place,
            wire: Wire::default(),
            data: Data::new(empty.incomplete().build()),
            settings,
            view: View::Nodes,
            last_view: View::Nodes,
            nodes: Table::new(Sort::by(1)),
            keys: Table::new(Sort::by(0)),
            moves: Table::new(Sort::by(4)),
            events: Table::new(Sort::by(0)),
            groups: Table::new(Sort::by(0)),
            known_groups: Known::default(),
            suitors: None,
            overlay: Overlay::None,
            typing: None,
            commands: Vec::new(),
            note: None,
            denied: None,
            paused: None,
            opened_ms: now.unix_ms,
            heard: None,
            unheard: None,
            keys_listed: None,
            dirty: true,
        }
    }

    /// The group as it is shown.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.data.shown
    }

    /// The time that the group is judged by: it stands still while nothing is heard of it.
    pub(crate) fn heard_at(&self) -> Clock {
        self.unheard.unwrap_or(self.now)
    }

    /// The time that is on the screen: it stands still while that is paused, too.
    pub(crate) fn shown_at(&self) -> Clock {
        let times = self.paused.into_iter().chain(self.unheard);
        times.min_by_key(|clock| clock.at).unwrap_or(self.now)
    }

    /// The moment that ages are told from.
    pub(crate) fn age_at(&self) -> Moment {
        self.shown_at().at
    }

    /// Says something to whoever sits before the screen.
    pub(crate) fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.note = Some(Note { text: text.into(), severity, at: self.now.at });
    }

    /// Why nothing can be changed from here, if that is so.
    pub(crate) fn why_read_only(&self) -> Option<String> {
        let lasting = self.settings.read_only.as_ref().or(self.denied.as_ref());
        lasting.cloned().or_else(|| self.wire.why_no_changes())
    }

    /// The node that is selected, in whichever view.
    pub(crate) fn selected_node(&self) -> Option<&NodeId> {
        match self.view {
            View::Nodes => self.nodes.selected(),
            View::Keys | View::Moves => {
                let key = self.selected_key()?;
                self.snapshot().key(key)?.owner.as_ref()
            }
            View::Events | View::Groups => None,
        }
    }

    /// The key that is selected.
    pub(crate) fn selected_key(&self) -> Option<&Key> {
        match self.view {
            View::Keys => self.keys.selected(),
            View::Moves => self.moves.selected(),
            _ => None,
        }
    }
}
