//! The number of instructions of the core's work: `cargo bench -p divider-core --features testing
//! --bench counts`. It needs valgrind.
//!
//! Times on a busy machine vary. Instructions are the same in every run, so a regression shows.
//! `counts.txt` has the recorded counts, and the compiler. A count that is more than a tenth higher
//! fails; with another compiler there is only a message. `-- --bless` records the counts again,
//! after a change that is worth its cost.

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Duration;

use divider_core::bench::{Fleet, Folded, Placing};
use divider_core::wire::ClaimRecord;

type Failure = Box<dyn Error>;

/// The work that is counted, in the order of the file.
const WORK: [&str; 8] = [
    "place 1000 keys on 100 nodes",
    "hash 1000 keys with 100 nodes",
    "move 1000 claims in a view of 2000 keys",
    "move 1000 claims in a view of 50000 keys",
    "read 1000 claims",
    "write 1000 claims",
    "3 nodes: 1000 keys are announced and started",
    "4 nodes: one with 500 keys leaves",
];

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counts.txt");

const CLAIM: &[u8] = br#"{"v":1,"node":"node-1","session":"0123456789abcdef0123456789abcdef","token":1764000000000000}"#;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().position(|arg| arg == "--work") {
        Some(at) => work(args.get(at + 1).map_or("", String::as_str)),
        None => check(args.iter().any(|arg| arg == "--bless")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one kind of work. Only [`counted`] counts.
fn work(name: &str) -> Result<(), Failure> {
    match WORK.iter().position(|work| *work == name) {
        Some(0) => {
            let placing = Placing::new(1_000, 100);
            counted(|| _ = black_box(placing.place()));
        }
        Some(1) => {
            let placing = Placing::new(1_000, 100);
            counted(|| _ = black_box(placing.hash()));
        }
        Some(2) => move_claims(2_000),
        Some(3) => move_claims(50_000),
        Some(4) => counted(|| {
            (0..1_000).for_each(|_| drop(black_box(ClaimRecord::decode(black_box(CLAIM)))));
        }),
        Some(5) => {
            let claim = ClaimRecord::decode(CLAIM)?;
            counted(|| (0..1_000).for_each(|_| drop(black_box(black_box(&claim).encode()))));
        }
        Some(6) => {
            let mut fleet = fleet(3, 1_000);
            counted(|| fleet.announce(1_000..2_000, 50));
        }
        Some(7) => {
            let mut fleet = fleet(4, 2_000);
            counted(|| fleet.leave(1));
        }
        _ => return Err(format!("expected one of {WORK:?}: {name:?}").into()),
    }
    Ok(())
}

fn move_claims(keys: u32) {
    let mut folded = Folded::new(keys);
    counted(|| (0..1_000).for_each(|_| folded.move_a_key()));
}

fn fleet(nodes: u32, keys: u32) -> Fleet {
    let mut fleet = Fleet::new(Duration::from_secs(6));
    fleet.announce(0..keys, keys);
    fleet.cost(|fleet| fleet.join(0..nodes));
    fleet
}

/// The function whose instructions valgrind counts.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
}

fn check(bless: bool) -> Result<(), Failure> {
    let (before, compiler) = (std::fs::read_to_string(FILE).unwrap_or_default(), compiler()?);
    let same = before.lines().next() == Some(compiler.as_str());
    let (mut now, mut worse) = (format!("{compiler}\n"), Vec::new());
    for work in WORK {
        let count = count(work)?;
        writeln!(now, "{count:>12} {work}")?;
        let known =
            before.lines().find_map(|line| line.trim().strip_suffix(work)?.trim().parse().ok());
        let known: u64 = known.unwrap_or(0);
        eprintln!("{count:>12} instructions, {known:>12} before: {work}");
        if count > known + known / 10 {
            worse.push(work);
        }
    }
    if bless {
        return Ok(std::fs::write(FILE, now)?);
    }
    if !same {
        eprintln!("NOT JUDGED: {FILE} was written with another compiler than {compiler}");
        return Ok(());
    }
    if worse.is_empty() {
        return Ok(());
    }
    let advice = "if that is worth it, run it again with `-- --bless`";
    Err(format!("more than a tenth more instructions: {worse:?}; {advice}").into())
}

fn compiler() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("--version").output()?;
    let version = String::from_utf8(said.stdout)?;
    Ok(format!("{}, {}", version.trim(), std::env::consts::ARCH))
}

/// The instructions of one kind of work, by callgrind.
fn count(work: &str) -> Result<u64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    valgrind.arg("--toggle-collect=*counts::counted*").arg(std::env::current_exe()?);
    let run = valgrind.args(["--work", work]).output();
    let run = run.map_err(|error| format!("valgrind is needed to count instructions: {error}"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .ok_or_else(|| format!("valgrind counted nothing: {said}"))?;
    Ok(line.1.trim().parse()?)
}
