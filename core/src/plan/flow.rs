//! Flows of keys from classes into nodes of limited room.

use std::collections::VecDeque;

use super::fill::Stream;

/// How many keys of each stream go into each of its vessels.
#[derive(Debug, Clone)]
pub(super) struct Flow<'a> {
    streams: &'a [Stream],
    /// By stream, and by position in its list of vessels.
    pub(super) keys: Vec<Vec<u64>>,
    /// The room left in each vessel.
    room: Vec<u64>,
    /// The keys of each stream that have no vessel yet.
    left: Vec<u64>,
    /// The streams that may go into each vessel, with the vessel's position in their lists.
    from: Vec<Vec<(usize, usize)>>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(streams: &'a [Stream], room: Vec<u64>) -> Self {
        let mut from = vec![Vec::new(); room.len()];
        for (stream, Stream { to, .. }) in streams.iter().enumerate() {
            for (place, &vessel) in to.iter().enumerate() {
                from[vessel].push((stream, place));
            }
        }
        let keys = streams.iter().map(|stream| vec![0; stream.to.len()]).collect();
        let left = streams.iter().map(|stream| stream.keys).collect();
        Self { streams, keys, room, left, from }
    }

    /// Puts all streams in. Returns whether that is possible.
    pub(super) fn run(&mut self) -> bool {
        for stream in 0..self.streams.len() {
            self.pour(stream);
        }
        for stream in 0..self.streams.len() {
            while self.left[stream] > 0 && self.reroute(stream) {}
        }
        self.left.iter().all(|left| *left == 0)
    }

    /// Puts a stream in where there is room, first where few other streams can go.
    fn pour(&mut self, stream: usize) {
        let to = &self.streams[stream].to;
        let mut order: Vec<usize> = (0..to.len()).collect();
        order.sort_by_key(|&place| self.from[to[place]].len());
        for place in order {
            let vessel = to[place];
            let keys = self.left[stream].min(self.room[vessel]);
            self.keys[stream][place] += keys;
            self.left[stream] -= keys;
            self.room[vessel] -= keys;
        }
    }

    /// Puts more of a stream in by moving other streams to other vessels.
    fn reroute(&mut self, stream: usize) -> bool {
        let mut search = Search::new(self.streams.len(), self.room.len());
        search.reach_stream(stream, None);
        let Some(end) = search.run(self, |vessel| self.room[vessel] > 0) else {
            return false;
        };
        let path = search.path(end);
        let narrowest =
            path.iter().filter_map(|hop| hop.leaves).map(|(s, p)| self.keys[s][p]).min();
        let keys = self.left[stream].min(self.room[end]).min(narrowest.unwrap_or(u64::MAX));
        self.left[stream] -= keys;
        self.room[end] -= keys;
        self.shift(&path, keys);
        true
    }

    fn shift(&mut self, path: &[Hop], keys: u64) {
        for hop in path {
            let (stream, place) = hop.enters;
            self.keys[stream][place] += keys;
            if let Some((stream, place)) = hop.leaves {
                self.keys[stream][place] -= keys;
            }
        }
    }

    /// The streams that have too many keys for their vessels, and these vessels.
    pub(super) fn crowd(&self) -> (Vec<bool>, Vec<bool>) {
        let mut search = Search::new(self.streams.len(), self.room.len());
        for stream in (0..self.streams.len()).filter(|&stream| self.left[stream] > 0) {
            search.reach_stream(stream, None);
        }
        let end = search.run(self, |_| false);
        debug_assert!(end.is_none());
        (search.streams, search.vessels.iter().map(Option::is_some).collect())
    }

    /// Changes the flow to the one in which the first stream has as many keys as possible in its first
    /// vessel, then in its second, and so on; then the second stream.
    pub(super) fn straighten(&mut self) {
        for stream in 0..self.streams.len() {
            for place in 0..self.streams[stream].to.len() {
                while self.widen(stream, place) {}
            }
        }
    }

    /// Puts more of a stream into a vessel, and less into the later ones of its list.
    fn widen(&mut self, stream: usize, place: usize) -> bool {
        let later = self.keys[stream][place + 1..].iter().sum::<u64>();
        if later == 0 {
            return false;
        }
        let start = self.streams[stream].to[place];
        let mut search = Search::new(self.streams.len(), self.room.len());
        search.after = Some((stream, place));
        search.vessels[start] = Some((stream, place));
        search.queue.push_back(Reached::Vessel(start));
        let own = |vessel: usize| {
            let at = self.streams[stream].to.binary_search(&vessel);
            at.is_ok_and(|at| at > place && self.keys[stream][at] > 0)
        };
        let Some(end) = search.run(self, own) else { return false };
        let path = search.path(end);
        let back = self.streams[stream].to.binary_search(&end).expect("it goes there");
        let narrowest =
            path.iter().filter_map(|hop| hop.leaves).map(|(s, p)| self.keys[s][p]).min();
        let keys = self.keys[stream][back].min(narrowest.unwrap_or(u64::MAX));
        self.shift(&path, keys);
        self.keys[stream][back] -= keys;
        true
    }
}

/// A step of a path: a stream enters a vessel, with keys from another one.
#[derive(Debug, Clone, Copy)]
struct Hop {
    enters: (usize, usize),
    leaves: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Reached {
    Stream(usize),
    Vessel(usize),
}

/// A breadth-first search over moves of streams.
#[derive(Debug)]
struct Search {
    streams: Vec<bool>,
    /// The vessel from which each stream was reached: (position, vessel).
    out_of: Vec<Option<(usize, usize)>>,
    /// The stream from which each vessel was reached.
    vessels: Vec<Option<(usize, usize)>>,
    queue: VecDeque<Reached>,
    /// Only flows after this one may change.
    after: Option<(usize, usize)>,
}

impl Search {
    fn new(streams: usize, vessels: usize) -> Self {
        Self {
            streams: vec![false; streams],
            out_of: vec![None; streams],
            vessels: vec![None; vessels],
            queue: VecDeque::new(),
            after: None,
        }
    }

    fn reach_stream(&mut self, stream: usize, out_of: Option<(usize, usize)>) {
        if !std::mem::replace(&mut self.streams[stream], true) {
            self.out_of[stream] = out_of;
            self.queue.push_back(Reached::Stream(stream));
        }
    }

    fn run(&mut self, flow: &Flow<'_>, ends: impl Fn(usize) -> bool) -> Option<usize> {
        while let Some(next) = self.queue.pop_front() {
            match next {
                Reached::Vessel(vessel) => {
                    if ends(vessel) {
                        return Some(vessel);
                    }
                    for &(stream, place) in &flow.from[vessel] {
                        if flow.keys[stream][place] > 0 && self.may_change(stream, place) {
                            self.reach_stream(stream, Some((place, vessel)));
                        }
                    }
                }
                Reached::Stream(stream) => {
                    for (place, &vessel) in flow.streams[stream].to.iter().enumerate() {
                        if self.vessels[vessel].is_none() && self.may_change(stream, place) {
                            self.vessels[vessel] = Some((stream, place));
                            self.queue.push_back(Reached::Vessel(vessel));
                        }
                    }
                }
            }
        }
        None
    }

    fn may_change(&self, stream: usize, place: usize) -> bool {
        self.after.is_none_or(|after| (stream, place) > after && stream != after.0)
    }

    /// The path from the start of the search to this end.
    fn path(&self, end: usize) -> Vec<Hop> {
        let (mut path, mut vessel) = (Vec::new(), end);
        while let Some(enters) = self.vessels[vessel] {
            let out_of = self.out_of[enters.0];
            path.push(Hop { enters, leaves: out_of.map(|(place, _)| (enters.0, place)) });
            let Some((_, before)) = out_of else { break };
            vessel = before;
        }
        path
    }
}
