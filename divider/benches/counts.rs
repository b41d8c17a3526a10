//! How many instructions the core's work takes: `cargo bench -p divider --features bench --bench
//! counts`. It needs valgrind.
//!
//! Times on a busy machine say little; instructions are the same in every run, so a regression shows.
//! `counts.txt` has what they were. More than a tenth above that fails; `-- --bless` writes them anew,
//! after a change that is worth it or with another compiler.

use std::error::Error;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use divider::bench::{Folded, Placing};
use divider::wire::ClaimRecord;

type Failure = Box<dyn Error>;

/// What there is to count, in the order of the file.
const WORK: [&str; 4] = [
    "place 1000 keys on 100 nodes",
    "hash 1000 keys with 100 nodes",
    "move 1000 claims in a view of 20000 keys",
    "read 1000 claims",
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

/// Does one of them; what comes before [`counted`] does not count.
fn work(name: &str) -> Result<(), Failure> {
    let placing = Placing::new(1_000, 100);
    match WORK.iter().position(|work| *work == name) {
        Some(0) => counted(|| _ = black_box(placing.place())),
        Some(1) => counted(|| _ = black_box(placing.hash())),
        Some(2) => {
            let mut folded = Folded::new(20_000);
            counted(|| (0..1_000).for_each(|_| folded.move_a_key()));
        }
        Some(3) => counted(|| {
            (0..1_000).for_each(|_| drop(black_box(ClaimRecord::decode(black_box(CLAIM)))));
        }),
        _ => return Err(format!("expected one of {WORK:?}: {name:?}").into()),
    }
    Ok(())
}

/// The function that valgrind looks for.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
}

fn check(bless: bool) -> Result<(), Failure> {
    let before = std::fs::read_to_string(FILE).unwrap_or_default();
    let (mut now, mut worse) = (String::new(), Vec::new());
    for work in WORK {
        let count = count(work)?;
        now.push_str(&format!("{count:>12} {work}\n"));
        let known =
            before.lines().find_map(|line| line.trim().strip_suffix(work)?.trim().parse().ok());
        let known: u64 = known.unwrap_or(0);
        println!("{count:>12} instructions, {known:>12} before: {work}");
        if count > known + known / 10 {
            worse.push(work);
        }
    }
    if bless {
        return Ok(std::fs::write(FILE, now)?);
    }
    if worse.is_empty() { Ok(()) } else { Err(format!("more than a tenth more: {worse:?}").into()) }
}

/// The instructions of one of them, as callgrind counts them.
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
