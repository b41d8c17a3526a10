//! A terminal with the dashboard in it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use tokio::time::{Instant, sleep};

const ROWS: u16 = 30;
const COLUMNS: u16 = 100;

/// How long a screen may take to show something.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Kept open, so that the terminal is there when the process is gone.
    _slave: Option<Box<dyn SlavePty + Send>>,
    master: Box<dyn MasterPty + Send>,
}

/// What the dashboard is started with.
pub(crate) struct Start<'a> {
    pub(crate) url: &'a str,
    pub(crate) args: &'a [&'a str],
    pub(crate) env: &'a [(&'a str, &'a str)],
}

impl Terminal {
    /// Starts `divider top`.
    pub(crate) fn start(start: &Start<'_>) -> Self {
        let mut top = command(start, env!("CARGO_BIN_EXE_divider"));
        top.arg("top");
        top.args(start.args);
        Self::run(top)
    }

    /// Starts it as a job of a shell, which says `stopped` when it is stopped, and has it go on.
    pub(crate) fn start_as_a_job(start: &Start<'_>) -> Self {
        let mut shell = command(start, "bash");
        let script = format!("{} top; echo stopped; read; fg", env!("CARGO_BIN_EXE_divider"));
        shell.args(["--norc", "-m", "-c", &script]);
        Self::run(shell)
    }

    fn run(command: CommandBuilder) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let child = pair.slave.spawn_command(command).expect("it can be run");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..read]);
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self { screen, writer, child, _slave: Some(pair.slave), master: pair.master }
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen())
    }

    pub(crate) fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// Makes it another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("another size");
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.screen_mut().set_size(rows, columns);
    }

    /// The row, from 1 on, that shows something.
    pub(crate) fn row_of(&self, what: &str) -> usize {
        let text = self.text();
        text.lines().position(|line| line.contains(what)).expect("it is shown") + 1
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).and_then(|()| self.writer.flush()).expect("typed");
    }

    /// Waits until the screen has this text.
    pub(crate) async fn until(&self, wanted: &str) {
        self.until_it(wanted, |text| text.contains(wanted)).await;
    }

    /// Waits until the screen's text is like that.
    pub(crate) async fn until_it(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.text()) {
            assert!(Instant::now() < deadline, "never shown: {what}\n{}", self.text());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the process is over, and gives its exit code.
    pub(crate) async fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it does not end\n{}", self.text());
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Whether the terminal is as it was: cooked, on its main screen, with a cursor.
    pub(crate) async fn until_as_it_was(&self) {
        let tty = self.master.tty_name().expect("a terminal has a name");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let on_main = self.look(|screen| !screen.alternate_screen() && !screen.hide_cursor());
            let pasted = self.look(vt100::Screen::bracketed_paste);
            let cooked = is_cooked(&tty);
            if on_main && cooked && !pasted {
                return;
            }
            let state = (on_main, cooked, pasted);
            assert!(Instant::now() < deadline, "the terminal was left changed: {state:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is_cooked(tty: &Path) -> bool {
    let settings = Command::new("stty").arg("-a").arg("-F").arg(tty).output().expect("stty");
    let settings = String::from_utf8_lossy(&settings.stdout).into_owned();
    let words: Vec<&str> = settings.split([' ', '\n', ';']).collect();
    words.contains(&"icanon") && words.contains(&"echo")
}

/// A program with the variables that it is to have, and nothing of whoever runs the tests.
fn command(start: &Start<'_>, program: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(program);
    command.env_clear();
    let own = [
        ("NATS_URL", start.url),
        ("DIVIDER_GROUP", "orders"),
        ("XDG_CONFIG_HOME", "/nonexistent"),
        ("TERM", "xterm-256color"),
        ("LANG", "C.UTF-8"),
        ("USER", "ana"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ];
    for (name, value) in own.into_iter().chain(start.env.iter().copied()) {
        command.env(name, value);
    }
    command
}

/// Opens a terminal whose only other end is the process: gives that, once it has drawn.
pub(crate) fn drawn_and_closed(start: &Start<'_>) -> Box<dyn Child + Send + Sync> {
    let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a terminal");
    let mut top = command(start, env!("CARGO_BIN_EXE_divider"));
    top.arg("top");
    let child = pair.slave.spawn_command(top).expect("it can be run");
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let mut parser = vt100::Parser::new(ROWS, COLUMNS, 0);
    let mut bytes = [0; 4096];
    while !parser.screen().contents().contains("divider") {
        let read = reader.read(&mut bytes).expect("it draws");
        parser.process(&bytes[..read]);
    }
    child
}
