//! A short piece of chaos, and that it leaves nothing behind however it ends.

mod traces;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use divider_local_server::{Binary, LocalPostgres, RedisServer, Scratch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use traces::assert_nothing_left;

/// Chaos, with a temporary folder of its own to look into.
fn start(folder: &Path, args: &[&str]) -> Child {
    let mut chaos = Command::new(env!("CARGO_BIN_EXE_chaos"));
    if !args.contains(&"--store") {
        let binary = Binary::find().expect("a nats-server can be had");
        chaos.env("NATS_SERVER", binary.path());
    }
    chaos
        .args(["--workers", "4", "--keys", "100", "--churn", "20", "--lease", "2s"])
        // How long things take is not what is tested: other tests may keep the machine busy.
        .args(["--slack", "60s"])
        .args(args)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process can be started")
}

#[test]
fn ten_seconds_of_chaos_break_no_rule() {
    break_no_rule(&["--seed", "1"]);
}

#[test]
fn ten_seconds_of_chaos_on_postgres_break_no_rule() {
    if LocalPostgres::or_skip(LocalPostgres::start()).is_none() {
        return;
    }
    let only = "kill-server,terminate,lock,kill-worker";
    break_no_rule(&["--store", "postgres", "--seed", "2", "--only", only]);
}

#[test]
fn ten_seconds_of_chaos_on_redis_break_no_rule() {
    if !RedisServer::is_here_or_skip("chaos on Redis") {
        return;
    }
    let only = "kill-server,client-kill,maxmemory,kill-worker";
    break_no_rule(&["--store", "redis", "--seed", "2", "--only", only]);
}

fn break_no_rule(args: &[&str]) {
    let (folder, kept) = (Scratch::new().expect("a folder"), Scratch::new().expect("a folder"));
    let report = kept.path().join("report.json");
    let report = report.to_str().expect("it is plain");
    let args = [&["--minutes", "0.17", "--report", report], args].concat();
    let output = start(folder.path(), &args).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("no rule was broken"), "{said}");
    assert_nothing_left(folder.path());
    let report: Value =
        serde_json::from_slice(&fs::read(report).expect("it is written")).expect("JSON");
    let faults = report["faults"].as_object().expect("it names them");
    assert!(!faults.is_empty() && report["starts"].as_u64() > Some(100), "{report}");
    for none in ["overlaps", "token_regressions", "left"] {
        assert_eq!(report[none], 0, "{none}: {report}");
    }
}

#[test]
fn chaos_ends_at_a_signal_and_leaves_nothing() {
    let folder = Scratch::new().unwrap();
    let mut chaos =
        start(folder.path(), &["--minutes", "10", "--only", "freeze-worker,kill-server"]);
    let mut lines = BufReader::new(chaos.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("round 1")), "it does not begin");
    // What it says meanwhile has to have somewhere to go.
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).last());
    kill_process(Pid::from_child(&chaos), Signal::INT).unwrap();
    assert!(!chaos.wait().unwrap().success());
    assert!(rest.join().unwrap().is_some_and(|last| last.contains("interrupted")));
    assert_nothing_left(folder.path());
}

#[test]
fn invalid_options_are_rejected() {
    let check = |args: &[&str], words: &str| {
        let folder = Scratch::new().unwrap();
        let output = start(folder.path(), args).wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    };
    check(
        &["--only", "kill-worker,flood"],
        "unknown fault \"flood\", expected with nats one of kill-worker, kill-workers",
    );
    check(&["--servers", "2"], "expected 1 or 3 servers with nats, found 2");
    check(&["--store", "mysql"], "nats, postgres, redis");
    check(
        &["--store", "redis", "--only", "lock,flushall"],
        "the fault \"lock\" is for postgres, expected with redis one of kill-worker",
    );
    check(
        &["--store", "postgres", "--only", "promote"],
        "none of these faults works with 1 server",
    );
    check(&["--store", "postgres", "--version", "2.11.11"], "--version is for nats");
    check(&["--version", "new"], "expected a version such as 2.15.1");
    check(&["--only", "lose-quorum"], "none of these faults works with 1 server");
    check(&["--minutes", "-1"], "expected a number of minutes above 0");
}
