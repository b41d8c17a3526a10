//! Names that come and go in a store that shows superseded records again when it crashes.
//!
//! A second, smaller model beside [`Group`](crate::Group): no leases and no claims, but every way in
//! which announcements, retractions, manifests, tombstones that expire, views that are read again and
//! crashes can follow each other, for one part of the names.

use stateright::{Model, Property};

/// What is gone does not exist for any node.
pub const GONE: &str = "what is gone stays gone";
/// What was announced and not retracted exists for every node.
pub const STANDS: &str = "what stands exists";

/// A rule of the protocol, to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoneRule {
    /// A tombstone expires only when a manifest covers it. Without it: at any time.
    TombstoneStays,
    /// A manifest covers a tombstone at or below its `upto`. Without it: any manifest will do.
    CoversTombstone,
    /// A superseded record does not count. Without it: it does.
    SupersededIsGone,
    /// A manifest speaks up to what its writer has seen. Without it: up to the log's end.
    UptoSeen,
    /// A manifest is written by compare-and-set. Without it: blind, and an old one may replace a newer.
    ManifestNamesRevision,
}

/// The names, nodes and writes that there are.
#[derive(Debug, Clone, Copy)]
pub struct Gone {
    /// How many names; at most 4.
    pub names: usize,
    /// How many nodes.
    pub nodes: usize,
    /// How many writes the log takes in all; at most 15.
    pub writes: u8,
    /// How often the store crashes.
    pub crashes: u8,
    /// The rule that is left out.
    pub without: Option<GoneRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Record {
    revision: u8,
    exists: bool,
    /// The store removes it by itself.
    ends: bool,
}

/// What a manifest says: up to which revision, and which of those stand, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Manifest {
    revision: u8,
    upto: u8,
    live: u16,
}

impl Manifest {
    fn supersedes(self, revision: u8) -> bool {
        revision <= self.upto && self.live & (1 << revision) == 0
    }
}

/// A node's view; nothing is known of a name before its record was shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct View {
    seen: u8,
    known: Vec<Option<Record>>,
    manifest: Manifest,
    /// Everything that there was has been shown.
    complete: bool,
    /// The manifest that is on its way, with the revision that it names.
    flying: Option<(Manifest, u8)>,
}

impl View {
    fn exists(&self, name: usize, without: Option<GoneRule>) -> bool {
        let counts = |record: &Record| {
            let superseded = self.manifest.supersedes(record.revision);
            record.exists && (!superseded || without == Some(GoneRule::SupersededIsGone))
        };
        self.known[name].as_ref().is_some_and(counts)
    }
}

/// A state of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names {
    last: u8,
    /// Every record of a name that the store may still have, the newest last.
    records: Vec<Vec<Record>>,
    /// Whether the newest counts; if not, the store shows nothing of the name.
    shown: Vec<bool>,
    /// Whether it was announced last, and not retracted.
    announced: Vec<bool>,
    manifest: Manifest,
    views: Vec<View>,
    crashes: u8,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Somebody announces a name, or retracts it: blind.
    Say(usize, bool),
    /// A node is shown the next record.
    Show(usize),
    /// A node is told that everything was shown.
    CaughtUp(usize),
    /// A node starts again, or reads everything again.
    Again(usize),
    /// A node sends a manifest of what it knows.
    List(usize),
    /// The manifest of a node lands, if it still may.
    Land(usize),
    /// A node gives a tombstone an end.
    Collect(usize, usize),
    /// The store removes the newest record of a name, which has an end.
    Expire(usize),
    /// The store crashes: of a name of which it shows nothing, it shows the record at this place.
    Crash(usize, usize),
}

impl Gone {
    fn keeps(&self, rule: GoneRule) -> bool {
        self.without != Some(rule)
    }

    fn empty(&self) -> View {
        View { known: vec![None; self.names], ..View::default() }
    }

    /// The record of a name that the store shows.
    fn newest(s: &Names, name: usize) -> Option<Record> {
        s.records[name].last().copied().filter(|_| s.shown[name])
    }

    fn write(s: &mut Names, name: usize, exists: bool, ends: bool) {
        s.last += 1;
        s.records[name].push(Record { revision: s.last, exists, ends });
        s.shown[name] = true;
    }

    fn next_for(&self, s: &Names, view: &View) -> Option<u8> {
        let records = (0..self.names).filter_map(|name| Self::newest(s, name));
        let revisions = records.map(|record| record.revision).chain([s.manifest.revision]);
        revisions.filter(|revision| *revision > view.seen).min()
    }

    fn show(&self, s: &Names, at: usize) -> Option<Names> {
        let revision = self.next_for(s, &s.views[at])?;
        let mut s = s.clone();
        s.views[at].seen = revision;
        if s.manifest.revision == revision {
            s.views[at].manifest = s.manifest;
        }
        for name in 0..self.names {
            if let Some(record) = Self::newest(&s, name).filter(|r| r.revision == revision) {
                s.views[at].known[name] = Some(record);
            }
        }
        Some(s)
    }

    fn list(&self, s: &Names, at: usize) -> Option<Names> {
        let view = &s.views[at];
        if !view.complete || view.flying.is_some() {
            return None;
        }
        let stands = (0..self.names).filter(|name| view.exists(*name, self.without));
        let live = stands.filter_map(|name| view.known[name]).map(|r| 1_u16 << r.revision).sum();
        let upto = if self.keeps(GoneRule::UptoSeen) { view.seen } else { s.last };
        let mut s = s.clone();
        let over = s.views[at].manifest.revision;
        s.views[at].flying = Some((Manifest { revision: 0, upto, live }, over));
        Some(s)
    }

    fn land(&self, s: &Names, at: usize) -> Option<Names> {
        let (manifest, over) = s.views[at].flying?;
        let mut s = s.clone();
        s.views[at].flying = None;
        let lands = over == s.manifest.revision || !self.keeps(GoneRule::ManifestNamesRevision);
        if lands && s.last < self.writes {
            s.last += 1;
            s.manifest = Manifest { revision: s.last, ..manifest };
        }
        Some(s)
    }

    fn collect(&self, s: &Names, at: usize, name: usize) -> Option<Names> {
        let view = &s.views[at];
        let known = view.known[name].filter(|record| !record.exists && !record.ends)?;
        let covered = view.manifest.supersedes(known.revision)
            || !self.keeps(GoneRule::CoversTombstone) && view.manifest.revision > 0
            || !self.keeps(GoneRule::TombstoneStays);
        if !view.complete || !covered || s.last == self.writes {
            return None;
        }
        // A compare-and-set: nothing was written since.
        let stands = Self::newest(s, name).is_some_and(|r| r.revision == known.revision);
        let mut s = s.clone();
        if !stands {
            return None;
        }
        Self::write(&mut s, name, false, true);
        Some(s)
    }

    fn expire(s: &Names, name: usize) -> Option<Names> {
        Self::newest(s, name).filter(|record| record.ends)?;
        let mut s = s.clone();
        s.records[name].pop();
        s.shown[name] = false;
        Some(s)
    }

    fn crash(&self, s: &Names, name: usize, place: usize) -> Option<Names> {
        if s.crashes == 0 || s.shown[name] || place >= s.records[name].len() {
            return None;
        }
        let mut s = s.clone();
        s.crashes -= 1;
        // What came after it is lost for good: the store has given up the file that it was in.
        s.records[name].truncate(place + 1);
        s.shown[name] = true;
        for at in 0..self.nodes {
            s.views[at] = View { flying: s.views[at].flying, ..self.empty() };
        }
        Some(s)
    }

    /// Whether a node's view says of a name what is so.
    fn agrees(&self, s: &Names, wanted: bool) -> bool {
        s.views.iter().filter(|view| view.complete && self.next_for(s, view).is_none()).all(
            |view| {
                let mut names = 0..self.names;
                names.all(|name| {
                    s.announced[name] != wanted || view.exists(name, self.without) == wanted
                })
            },
        )
    }
}

impl Model for Gone {
    type State = Names;
    type Action = Step;

    fn init_states(&self) -> Vec<Names> {
        vec![Names {
            last: 0,
            records: vec![Vec::new(); self.names],
            shown: vec![false; self.names],
            announced: vec![false; self.names],
            manifest: Manifest::default(),
            views: vec![self.empty(); self.nodes],
            crashes: self.crashes,
        }]
    }

    fn actions(&self, _: &Names, steps: &mut Vec<Step>) {
        for name in 0..self.names {
            steps.extend([Step::Say(name, true), Step::Say(name, false), Step::Expire(name)]);
            steps.extend((0..usize::from(self.writes)).map(|place| Step::Crash(name, place)));
            steps.extend((0..self.nodes).map(|at| Step::Collect(at, name)));
        }
        for at in 0..self.nodes {
            let own = [Step::Show(at), Step::CaughtUp(at), Step::Again(at), Step::List(at)];
            steps.extend(own);
            steps.push(Step::Land(at));
        }
    }

    fn next_state(&self, s: &Names, step: Step) -> Option<Names> {
        match step {
            Step::Say(name, exists) => {
                if s.last == self.writes {
                    return None;
                }
                let mut s = s.clone();
                Self::write(&mut s, name, exists, false);
                s.announced[name] = exists;
                Some(s)
            }
            Step::Show(at) => self.show(s, at),
            Step::CaughtUp(at) => {
                let done = s.views[at].complete || self.next_for(s, &s.views[at]).is_some();
                (!done).then(|| {
                    let mut s = s.clone();
                    s.views[at].complete = true;
                    s
                })
            }
            Step::Again(at) => {
                let mut s = s.clone();
                s.views[at] = View { flying: s.views[at].flying, ..self.empty() };
                Some(s)
            }
            Step::List(at) => self.list(s, at),
            Step::Land(at) => self.land(s, at),
            Step::Collect(at, name) => self.collect(s, at, name),
            Step::Expire(name) => Self::expire(s, name),
            Step::Crash(name, place) => self.crash(s, name, place),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let back = |_: &Self, s: &Names| {
            let newest = |name: usize| Self::newest(s, name).is_some_and(|record| record.exists);
            (0..s.announced.len()).any(|name| newest(name) && !s.announced[name])
        };
        vec![
            Property::<Self>::always(GONE, |model, s| model.agrees(s, false)),
            Property::<Self>::always(STANDS, |model, s| model.agrees(s, true)),
            Property::<Self>::sometimes("a superseded record comes back", back),
            Property::<Self>::sometimes("a manifest is written again", |_, s| {
                s.manifest.upto > 0 && s.manifest.revision > s.manifest.upto + 1
            }),
        ]
    }
}
