//! `divider exec`: a process for each key, on a real server.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use divider::Key;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::bed::{Bed, PATIENCE, wait, words};

/// `divider exec` at work. It is killed at the latest with this.
struct Exec {
    child: Option<Child>,
    printed: UnboundedReceiver<String>,
}

impl Exec {
    /// Runs a script for each key.
    fn start(bed: &Bed, node: &str, options: &[&str], script: &str) -> Self {
        let args = [&["exec", "--node", node, "--lease", "10s"][..], options].concat();
        let mut command: Command = bed.command(&args);
        command.args(["--", "sh", "-c", script]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (tell, printed) = unbounded_channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .map(|line| tell.send(line))
                .take_while(Result::is_ok)
                .count()
        });
        Self { child: Some(child), printed }
    }

    /// The next line that a command printed.
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.printed.recv()).await;
        line.expect("in time").expect("it has not ended")
    }

    /// The rest of what the commands print, to the end of all.
    async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(Some(line)) = tokio::time::timeout(PATIENCE, self.printed.recv()).await {
            lines.push(line);
        }
        lines
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("it runs");
    }

    async fn ended(&mut self) -> Output {
        wait(self.child.take().expect("it runs")).await
    }

    /// Ends it in order.
    async fn end(&mut self) -> Output {
        self.signal(Signal::TERM);
        let output = self.ended().await;
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        output
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until there is no such process.
async fn gone(pid: &str) {
    let pid = pid.parse().ok().and_then(Pid::from_raw).expect("a process id");
    let gone = async {
        while test_kill_process(pid).is_ok() && !is_zombie(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it ends");
}

/// Whether it has ended, and nobody has waited for it.
fn is_zombie(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_succeeds_completes_its_key() {
    let bed = Bed::with_group().await;
    bed.announce(2).await;
    let script =
        "echo $DIVIDER_GROUP $DIVIDER_NODE $DIVIDER_KEY $DIVIDER_ATTEMPT $((DIVIDER_TOKEN > 0))";
    let mut exec = Exec::start(&bed, "w1", &["--prefix", "/orders/"], script);
    let mut lines = vec![exec.line().await, exec.line().await];
    lines.sort();
    let line = |n: u32| format!("/orders/{n} | orders w1 /orders/{n} 1 1");
    assert_eq!(lines, [line(0), line(1)]);
    bed.until(&["keys"], |answer| answer["keys"] == serde_json::json!([])).await;
    exec.end().await;
    assert_eq!(exec.rest().await, Vec::<String>::new(), "each ran once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_when_its_whole_process_group_has_ended() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let file = bed.config.path().join("story");
    let story = file.to_str().expect("a text");
    // The group ends after its first process has: one that it started takes its time.
    let script = format!(
        "(trap 'sleep 0.5; echo last >> {story}; exit' TERM; echo ready
            while :; do sleep 0.05; done) &
         trap 'echo first >> {story}; exit' TERM; while :; do sleep 0.05; done"
    );
    let mut first = Exec::start(&bed, "w1", &["--no-prefix"], &script);
    assert_eq!(first.line().await, "ready");
    let script = format!("echo next >> {story}; echo $DIVIDER_NODE; exec sleep 1000");
    let mut second = Exec::start(&bed, "w2", &[], &script);
    bed.until(&["nodes"], |answer| answer["summary"]["ready"] == 2).await;
    first.signal(Signal::INT);
    assert_eq!(second.line().await, "/orders/0 | w2");
    assert_eq!(std::fs::read_to_string(file).expect("written"), "first\nlast\nnext\n");
    assert_eq!(first.ended().await.status.code(), Some(0));
    second.end().await;
    let left = bed.json(&["keys"]).await;
    assert_eq!(left["keys"][0]["phase"], "orphaned", "a stop completes nothing: {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ignores_its_stop_is_killed_with_all_that_it_started() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let script = "trap '' TERM; sh -c 'echo $$; while :; do sleep 0.05; done' & wait; wait";
    let mut exec = Exec::start(&bed, "w1", &["--no-prefix", "--stop-timeout", "300ms"], script);
    let pid = exec.line().await;
    let output = exec.end().await;
    assert!(words(&output).contains("/orders/0: killed"), "{}", words(&output));
    gone(&pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_tried_again_and_then_quarantined() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let options = ["--attempts", "2", "--no-prefix"];
    let mut exec = Exec::start(&bed, "w1", &options, "echo $DIVIDER_ATTEMPT; exit 3");
    assert_eq!([exec.line().await, exec.line().await], ["1", "2"]);
    bed.until(&["keys", "--phase", "quarantined"], |answer| {
        answer["keys"][0]["quarantine"]["attempts"] == 2
    })
    .await;
    let card = bed.answer(&["key", "/orders/0"]).await;
    assert!(card.contains("error     the command failed: exit status: 3"), "{card}");
    assert!(card.contains("failed    2 attempts in 1 run, the last on w1"), "{card}");
    let status = bed.answer(&["status"]).await;
    let sentence = "/orders/0 is quarantined: the command failed: exit status: 3";
    assert!(status.contains(sentence), "{status}");
    assert!(status.contains("next: divider retry /orders/0"), "{status}");
    let missing = bed.refusal(5, &["retry", "/orders/9"]).await;
    assert!(missing.contains("no such key"), "{missing}");
    let retried = bed.answer(&["retry", "/orders/0", "-m", "again"]).await;
    assert_eq!(retried, "/orders/0 retried\n");
    assert_eq!([exec.line().await, exec.line().await], ["1", "2"]);
    bed.until(&["keys"], |answer| answer["summary"]["quarantined"] == 1).await;
    assert_eq!(bed.answer(&["retry", "--all"]).await, "/orders/0 retried\n");
    assert_eq!([exec.line().await, exec.line().await], ["1", "2"]);
    bed.until(&["keys"], |answer| answer["summary"]["quarantined"] == 1).await;
    let output = exec.end().await;
    let said = words(&output);
    assert_eq!(said.matches("the command failed: exit status: 3").count(), 6, "{said}");
    let again = "a command that cannot be started fails, too";
    let key = [Key::new("x").expect("legal")];
    bed.group().await.announce_all(key).await.expect("announced");
    let mut command = bed.command(&["exec", "--prefix", "x", "--attempts", "1", "--", "/nowhere"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let pid = Pid::from_child(&child);
    bed.until(&["key", "x"], |answer| answer["key"]["token"].as_u64() > Some(0)).await;
    bed.until(&["key", "x"], |answer| answer["key"]["phase"] == "quarantined").await;
    let unowned = bed.json(&["status"]).await;
    assert_eq!(unowned["summary"]["orphaned"], 0, "{unowned}");
    kill_process(pid, Signal::TERM).expect("it runs");
    let said = words(&wait(child).await);
    assert!(said.contains("cannot run /nowhere"), "{again}: {said}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn commands_die_with_divider() {
    let bed = Bed::with_group().await;
    bed.announce(1).await;
    let mut exec = Exec::start(&bed, "w1", &["--no-prefix"], "echo $$; exec sleep 1000");
    let pid = exec.line().await;
    exec.signal(Signal::KILL);
    gone(&pid).await;
}
