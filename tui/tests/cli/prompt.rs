//! Asking before a change, at a terminal.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

use crate::bed::{Bed, GROUP, PATIENCE};

/// `divider` at a terminal of 80 columns.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn open(bed: &Bed, args: &[&str]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_divider"));
        command.args(args);
        command.env("NATS_URL", bed.server.url());
        command.env("DIVIDER_GROUP", GROUP);
        command.env("XDG_CONFIG_HOME", bed.config.path());
        command.env("TERM", "xterm");
        let child = pair.slave.spawn_command(command).expect("it can be run");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keyboard = pair.master.take_writer().expect("a writer");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let screen = shown.clone();
        std::thread::spawn(move || {
            // It lives until the other side is closed.
            let _master = pair.master;
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
                screen.extend_from_slice(&buffer[..len]);
            }
        });
        Self { child, keyboard, shown }
    }

    fn text(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    async fn until(&self, expected: &str) {
        let seen = async {
            while !self.text().contains(expected) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{}", self.text()));
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it listens");
        self.keyboard.flush().expect("it listens");
    }

    async fn ends_with(&mut self, code: u32, expected: &str) {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status.exit_code();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, ended).await.expect("it ends");
        assert_eq!(found, code, "{}", self.text());
        self.until(expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_is_confirmed_and_only_by_a_yes() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    let question = "Drain w1 and move 2 keys? [y/N]";
    for (answer, code, expected) in [
        ("\n", 4, "not confirmed, nothing changed"),
        ("nope\n", 4, "not confirmed, nothing changed"),
        ("\u{3}", 130, "[y/N]"),
        ("y\n", 0, "node/w1 drained (2 keys"),
    ] {
        let mut terminal = Terminal::open(&bed, &["drain", "w1"]);
        terminal.until(question).await;
        terminal.type_in(answer);
        terminal.ends_with(code, expected).await;
    }
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_changes_before_it_is_confirmed_is_not_carried_out() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    let mut terminal = Terminal::open(&bed, &["drain", "w1"]);
    terminal.until("[y/N]").await;
    bed.announce(40).await;
    bed.settled(2, 40).await;
    terminal.type_in("y\n");
    terminal.ends_with(7, "the plan changed before it was confirmed").await;
    let nodes = bed.json(&["nodes", "w1"]).await;
    assert_eq!(nodes["nodes"][0]["state"], "ready", "{nodes}");
    first.cancel().await;
    second.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_is_confirmed_and_a_group_is_deleted_by_a_yes_and_its_name() {
    let bed = Bed::with_group().await;
    bed.announce(4).await;
    let (first, second) = (bed.node("w1").await, bed.node("w2").await);
    bed.settled(2, 4).await;
    bed.answer(&["drain", "w1", "--yes"]).await;
    bed.answer(&["resume", "w1"]).await;
    for (answer, code, expected) in [
        ("\n", 4, "not confirmed, nothing changed"),
        ("y\n", 0, "group/orders rebalance requested"),
    ] {
        let mut terminal = Terminal::open(&bed, &["rebalance"]);
        terminal.until("Rebalance and move 2 keys? [y/N]").await;
        terminal.type_in(answer);
        terminal.ends_with(code, expected).await;
    }
    bed.settled(2, 4).await;
    for (name, code, expected) in
        [("order\n", 4, "not confirmed, nothing changed"), ("orders\n", 0, "group/orders deleted")]
    {
        let mut terminal = Terminal::open(&bed, &["delete-group", "orders"]);
        terminal.until("Delete the group orders for good? [y/N]").await;
        terminal.type_in("y\n");
        terminal.until("Type the name of the group:").await;
        terminal.type_in(name);
        terminal.ends_with(code, expected).await;
    }
    first.cancel().await;
    second.cancel().await;
}
