//! Round after round: faults, their undoing, and the wait until all is well.

use std::io::{self, Write};
use std::time::Duration;

use divider_examples::journal::now_ns;

use crate::Failure;
use crate::arena::Arena;
use crate::fault::{Cost, Reach, Shape};
use crate::memory::Memory;
use crate::oracle::{Limits, Oracle};
use crate::report::Report;
use crate::schedule::{Planned, Round, Schedule};
use crate::settings::Settings;

/// How often the journals are read.
const LOOK: Duration = Duration::from_millis(100);

/// How often a line of progress is written.
const TELL_NS: u64 = 5_000_000_000;

/// How long after a limit is passed the harness still waits, to go on with the next round.
const GIVE_UP: Duration = Duration::from_mins(2);

/// How long workers may take to leave at the end.
const LEAVE: Duration = Duration::from_secs(30);

/// Plays until the time is over, somebody stops it, or it cannot go on.
pub(crate) fn play(arena: &mut Arena, settings: &Settings) -> Result<Report, Failure> {
    let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let shape = Shape {
        servers: settings.servers,
        lease: settings.lease(),
        workers: arena.workers.len(),
        free: Vec::new(),
    };
    let mut schedule = Schedule::new(seed, shape, settings.store.faults(), &settings.only);
    let mut player = Player {
        oracle: Oracle::new(Limits::new(settings.lease(), settings.slack)),
        memory: Memory::default(),
        report: begin_report(settings, arena, seed),
        told_ns: 0,
        doing: "workers start".to_owned(),
        arena,
    };
    let outcome = player.go_on(&mut schedule, settings, seed);
    if let Err(error) = &outcome {
        // What was found so far is worth more than the reason why it could not go on.
        let what = format!("the harness failed: {error}");
        player.oracle.violate(player.arena, what, None);
    }
    player.sum_up(settings)
}

fn begin_report(settings: &Settings, arena: &Arena, seed: u64) -> Report {
    Report {
        seed,
        servers: settings.servers,
        program: arena.bed.program().to_owned(),
        versions: vec![arena.bed.version()],
        workers: arena.workers.len(),
        keys: settings.keys,
        lease_ms: u64::try_from(settings.lease().as_millis()).unwrap_or(u64::MAX),
        ..Report::default()
    }
}

struct Player<'a> {
    arena: &'a mut Arena,
    oracle: Oracle,
    memory: Memory,
    report: Report,
    /// When progress was told last.
    told_ns: u64,
    doing: String,
}

impl Player<'_> {
    fn go_on(
        &mut self,
        schedule: &mut Schedule,
        settings: &Settings,
        seed: u64,
    ) -> Result<(), Failure> {
        let end_ns = now_ns() + nanos(Duration::from_secs_f64(settings.minutes * 60.0));
        self.wait_well(Duration::from_secs(30) + settings.slack)?;
        let runtime = self.arena.runtime.clone();
        let _inside = runtime.enter();
        self.arena.book.start(settings.churn, seed);
        while now_ns() < end_ns && !self.arena.is_stopped() {
            self.play_round(schedule.next())?;
        }
        self.arena.book.stop();
        self.wait_well(self.oracle.limits.idle_with_election)
    }

    fn play_round(&mut self, mut round: Round) -> Result<(), Failure> {
        let begun_ns = now_ns();
        self.report.rounds += 1;
        let told = round.faults.iter().map(|it| format!("{} {}", it.kind.name, it.fault));
        self.doing = told.collect::<Vec<_>>().join(", ");
        let mut lasting = vec![None; round.faults.len()];
        for (at, place, step) in steps(&round) {
            self.watch_until(begun_ns + nanos(at))?;
            let planned = &mut round.faults[place];
            match step {
                Step::Inject => lasting[place] = Some(self.inject(planned)),
                Step::Undo => self.undo(planned, lasting[place])?,
            }
        }
        let limit = self.limit(&round);
        if round.faults.iter().any(|it| it.kind.cost == Cost::Lossy) {
            // What was lost shows only when the nodes notice: until then all seems well.
            self.watch_until(now_ns() + nanos(self.oracle.limits.notice))?;
            self.wait_well(limit)?;
            self.oracle.allow_overlaps(begun_ns, now_ns());
        }
        self.wait_well(limit)?;
        self.oracle.judge(self.arena, begun_ns, limit);
        self.memory.look(self.arena);
        let (what, count) = self.arena.bed.kept()?;
        what.clone_into(&mut self.report.kept);
        self.report.most_kept = self.report.most_kept.max(count);
        let version = self.arena.bed.version();
        if self.report.versions.last() != Some(&version) {
            self.report.versions.push(version);
        }
        self.watch_until(now_ns() + nanos(round.pause))
    }

    /// The disturbance goes on until the undoing where nobody can take over meanwhile.
    fn inject(&mut self, planned: &mut Planned) -> usize {
        let from_ns = now_ns();
        let what = format!("{} {}", planned.kind.name, planned.fault);
        match planned.fault.inject(self.arena) {
            Ok(()) => *self.report.faults.entry(planned.kind.name.to_owned()).or_default() += 1,
            Err(error) => self.report.not_done.push(format!("{what}: {error}")),
        }
        let stops_all = match planned.kind.reach {
            Reach::All => true,
            Reach::Server => !self.arena.bed.outlives_a_server(),
            Reach::Some => false,
        };
        let until_ns = if stops_all { u64::MAX } else { now_ns() };
        self.oracle.disturb(from_ns, until_ns, what)
    }

    fn undo(&mut self, planned: &mut Planned, lasting: Option<usize>) -> Result<(), Failure> {
        let from_ns = now_ns();
        let what = format!("{} {}", planned.kind.name, planned.fault);
        planned.fault.undo(self.arena).map_err(|error| format!("to undo {what}: {error}"))?;
        let now = now_ns();
        if let Some(lasting) = lasting {
            self.oracle.calm_if_lasting(lasting, now);
        }
        self.oracle.disturb(from_ns, now, format!("undo {what}"));
        Ok(())
    }

    fn limit(&self, round: &Round) -> Duration {
        let elects = |it: &Planned| it.kind.reach != Reach::Some;
        let several = self.arena.bed.outlives_a_server();
        let limits = &self.oracle.limits;
        let idle = if several && round.faults.iter().any(elects) {
            limits.idle_with_election
        } else {
            limits.idle
        };
        let garbles = round.faults.iter().any(|it| it.kind.garbles);
        if garbles { idle + limits.garbage } else { idle }
    }

    /// Waits until every key is as the book says, and says what is amiss if that takes too long.
    fn wait_well(&mut self, limit: Duration) -> Result<(), Failure> {
        let nodes: Vec<String> = (0..self.arena.workers.len())
            .map(|slot| self.arena.workers.node(slot).to_owned())
            .collect();
        let mut is_told = false;
        loop {
            self.look()?;
            let book = self.arena.book.lines();
            let Some(amiss) = self.oracle.amiss(&book, &nodes, limit) else { return Ok(()) };
            let since = Duration::from_nanos(now_ns().saturating_sub(self.oracle.disturbed_ns()));
            if since > limit + GIVE_UP {
                return Err(format!("not settled after {since:?}: {}", amiss.what).into());
            }
            // A second more than any single key may take: the last look may be that old.
            if since > limit + Duration::from_secs(1) && !is_told {
                is_told = true;
                let what =
                    format!("not settled {since:?} after the last disturbance: {}", amiss.what);
                let key = amiss.key.unwrap_or_else(|| "/steady/0".to_owned());
                self.oracle.violate(self.arena, what, Some(&key));
            }
            if self.arena.is_stopped() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    fn watch_until(&mut self, at_ns: u64) -> Result<(), Failure> {
        loop {
            self.look()?;
            let left = Duration::from_nanos(at_ns.saturating_sub(now_ns()));
            if left.is_zero() || self.arena.is_stopped() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Reads the journals, keeps the workers running, and tells how it goes.
    fn look(&mut self) -> Result<(), Failure> {
        self.arena.workers.read(&mut self.oracle.history)?;
        for slot in self.arena.workers.tend()? {
            let now = now_ns();
            self.oracle.disturb(now, now, format!("w{slot} is started again"));
        }
        let now = now_ns();
        if now >= self.told_ns + TELL_NS {
            self.told_ns = now;
            self.tell(now);
        }
        Ok(())
    }

    fn tell(&self, now: u64) {
        let owners = self.oracle.history.owners(now).len();
        let (starts, broken) = (self.oracle.history.starts(), self.oracle.violations.len());
        // Nobody may look on.
        let _ = writeln!(
            io::stderr(),
            "{:7.1} s, round {}: {owners} keys held, {starts} starts, {broken} broken; {}",
            self.oracle.seconds(now),
            self.report.rounds,
            self.doing
        );
    }

    /// Has all workers leave, looks at what they leave behind, and makes the report.
    fn sum_up(mut self, settings: &Settings) -> Result<Report, Failure> {
        "workers leave".clone_into(&mut self.doing);
        self.memory.look(self.arena);
        // Whoever interrupts does not want to wait; what ran is ended all the same.
        if !self.arena.is_stopped() {
            self.leave()?;
        }
        let from_ns = now_ns();
        self.oracle.judge(self.arena, from_ns, self.oracle.limits.idle_with_election);
        if !self.arena.is_stopped() {
            self.judge_kept()?;
        }
        self.report.memory = self.memory.trends();
        for trend in self.report.memory.iter().filter(|trend| trend.grows()) {
            let what = format!("the memory of {} grew: {trend:?}", trend.what);
            self.oracle.violate(self.arena, what, None);
        }
        self.report.sessions = self.arena.workers.sessions();
        self.report.exits.clone_from(self.arena.workers.exits());
        let (taken, refused) = self.arena.resource.look(|it| (it.taken(), it.refused()));
        (self.report.writes_taken, self.report.writes_refused) = (taken, refused);
        self.report.seconds = Duration::from_secs_f64(self.oracle.seconds(now_ns())).as_secs();
        self.oracle.report(&mut self.report);
        if let (Some(folder), false) = (&settings.evidence, self.report.violations.is_empty()) {
            self.arena.keep_evidence(folder)?;
        }
        Ok(self.report)
    }

    fn leave(&mut self) -> Result<(), Failure> {
        for slot in 0..self.arena.workers.len() {
            self.arena.workers.leave_down(slot);
            if let Some(worker) = self.arena.workers.current(slot) {
                worker.thaw_in_time();
                worker.terminate();
            }
        }
        let deadline_ns = now_ns() + nanos(LEAVE);
        while now_ns() < deadline_ns {
            self.look()?;
            if (0..self.arena.workers.len()).all(|slot| !self.arena.workers.is_running(slot)) {
                break;
            }
            std::thread::sleep(LOOK);
        }
        for slot in 0..self.arena.workers.len() {
            if self.arena.workers.is_running(slot) {
                let node = self.arena.workers.node(slot);
                let what = format!("{node} did not leave within {LEAVE:?}");
                self.oracle.violate(self.arena, what, None);
            }
            if let Some(worker) = self.arena.workers.current(slot) {
                worker.kill();
            }
        }
        self.look()
    }

    /// A server may need a while to notice that a node is gone.
    fn judge_kept(&mut self) -> Result<(), Failure> {
        let deadline_ns = now_ns() + nanos(Duration::from_mins(1));
        let (what, mut left) = self.arena.bed.kept()?;
        while left > 0 && now_ns() < deadline_ns {
            std::thread::sleep(LOOK);
            left = self.arena.bed.kept()?.1;
        }
        what.clone_into(&mut self.report.kept);
        self.report.left = left;
        if left > 0 {
            let what = format!("{left} {what} are left, a minute after all workers");
            self.oracle.violate(self.arena, what, None);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Inject,
    Undo,
}

/// What is done when, in this order.
fn steps(round: &Round) -> Vec<(Duration, usize, Step)> {
    let both = |(place, planned): (usize, &Planned)| {
        [(planned.from, place, Step::Inject), (planned.until, place, Step::Undo)]
    };
    let mut steps: Vec<_> = round.faults.iter().enumerate().flat_map(both).collect();
    steps.sort_by_key(|(at, ..)| *at);
    steps
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
