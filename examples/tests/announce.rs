//! `announce` as its users run it.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use divider::store::nats::NatsStore;
use divider::{Group, GroupName};
use divider_local_server::LocalServer;
use tokio::time::timeout;

/// How long a machine that is busy with other things may take.
const PATIENCE: Duration = Duration::from_mins(1);

fn announce(server: &LocalServer, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_announce"))
        .args(["--server", &server.url(), "--group", "said"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process can be started");
    // One that wants no input may be gone before it is given any.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn check(output: &Output, code: i32, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(said), "{said:?} is not in {stderr:?}");
    assert!(output.stdout.is_empty());
}

/// Waits until these are the keys of the group.
async fn wait_keys(server: &LocalServer, expected: &[&str]) {
    let name = GroupName::new("said").expect("a legal name");
    let group =
        Group::open(NatsStore::connect(&server.url(), name).await.expect("the server is there"));
    let mut watch = group.watch();
    let seen = async {
        loop {
            let update = watch.next().await;
            let snapshot = update.snapshot;
            let keys: Vec<_> = snapshot.keys().map(|(key, _)| key.as_str()).collect();
            if snapshot.is_complete() && keys == expected {
                return;
            }
        }
    };
    timeout(PATIENCE, seen)
        .await
        .unwrap_or_else(|_| panic!("these are not the keys: {expected:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_announced_retracted_and_end_their_time() {
    let server = LocalServer::start().unwrap();
    let done = announce(&server, &["/a/1", "/a/2"], "");
    check(&done, 1, "--create");
    let done = announce(&server, &["--create", "/a/1", "/a/2"], "");
    check(&done, 0, "2 of 2 announcements acknowledged");
    let done = announce(&server, &["-"], "/a/3\n\n/a/4\n");
    check(&done, 0, "2 of 2 announcements acknowledged");
    let done = announce(&server, &["--ttl", "2s", "/a/5", "/a/6"], "");
    check(&done, 0, "2 of 2 announcements acknowledged");
    // Announced again without a time to live, it stays.
    let done = announce(&server, &["/a/6"], "");
    check(&done, 0, "1 of 1 announcements acknowledged");
    wait_keys(&server, &["/a/1", "/a/2", "/a/3", "/a/4", "/a/6"]).await;
    let done = announce(&server, &["--retract", "/a/2", "/a/4"], "");
    check(&done, 0, "2 of 2 retractions acknowledged");
    wait_keys(&server, &["/a/1", "/a/3", "/a/6"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_no_key_changes_nothing() {
    let server = LocalServer::start().unwrap();
    check(&announce(&server, &["--create", "/a/1"], ""), 0, "1 of 1");
    let long = "x".repeat(2_000);
    let done = announce(&server, &["-"], &format!("/a/2\n{long}\n/a/3\n"));
    check(&done, 1, "line 2");
    wait_keys(&server, &["/a/1"]).await;
    check(&announce(&server, &[], ""), 2, "KEY");
    check(&announce(&server, &["--retract", "--ttl", "1s", "/a/1"], ""), 2, "--ttl");
}
