//! The demo does what it says, also without a terminal, and leaves nothing behind however it ends.

mod traces;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use divider_local_server::{Binary, Scratch};
use rustix::process::{Pid, Signal, kill_process};

use traces::assert_nothing_left;

/// The demo, with a temporary folder of its own to look into.
fn start(folder: &Path, args: &[&str]) -> Child {
    // A server is fetched before the demo is asked to end.
    let binary = Binary::find().expect("a nats-server can be had");
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(args)
        .env("TMPDIR", folder)
        .env("NATS_SERVER", binary.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process can be started")
}

#[test]
fn the_demo_ends_with_a_true_summary_and_leaves_nothing() {
    let folder = Scratch::new().unwrap();
    let output = start(folder.path(), &["--keys", "200"]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("No key was ever held by two workers at once (200 keys"), "{said}");
    assert!(!said.contains('\x1b'), "nothing is drawn where there is no terminal: {said}");
    assert_nothing_left(folder.path());
}

#[test]
fn the_demo_ends_at_a_signal_and_leaves_nothing() {
    let check = |signal: Signal, args: &[&str], after: &str| {
        let folder = Scratch::new().unwrap();
        let mut demo = start(folder.path(), args);
        let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
        let found = lines.by_ref().any(|line| line.unwrap().contains(after));
        assert!(found, "the demo did not say {after:?}");
        kill_process(Pid::from_child(&demo), signal).unwrap();
        assert!(!demo.wait().unwrap().success());
        assert_nothing_left(folder.path());
    };
    check(Signal::INT, &[], "listens at");
    check(Signal::INT, &[], "2. ");
    check(Signal::TERM, &["--keys", "50"], "5. ");
    check(Signal::HUP, &["--keys", "50", "--keep"], "Still running");
}
