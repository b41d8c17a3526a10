//! However it ends, the terminal is as it was.

use std::time::Duration;

use crate::bed::Bed;
use crate::terminal::{Start, Terminal, drawn_and_closed};

/// Nobody listens there.
const NOWHERE: Start<'_> = Start { url: "nats://127.0.0.1:1", args: &[], env: &[] };

/// Ends it in that way, and looks at what is left.
async fn check(how: &str, code: u32, start: &Start<'_>, end: impl FnOnce(&mut Terminal)) {
    let mut terminal = Terminal::start(start);
    terminal.until("divider").await;
    assert!(terminal.look(vt100::Screen::alternate_screen), "{how}");
    end(&mut terminal);
    assert_eq!(terminal.exit_code().await, code, "{how}: {}", terminal.text());
    terminal.until_as_it_was().await;
}

#[tokio::test]
async fn the_terminal_is_as_it_was_after_every_end() {
    check("q", 0, &NOWHERE, |terminal| terminal.press("q")).await;
    check("ctrl-c", 0, &NOWHERE, |terminal| terminal.press("\u{3}")).await;
    check(":q", 0, &NOWHERE, |terminal| terminal.press(":q\r")).await;
    check("SIGTERM", 143, &NOWHERE, |terminal| terminal.signal("TERM")).await;
    check("SIGHUP", 129, &NOWHERE, |terminal| terminal.signal("HUP")).await;
    // Late enough that its screen is seen before, on a busy machine, too.
    let panics = Start { args: &["--panic-after", "5000"], ..NOWHERE };
    check("a panic", 101, &panics, |_| ()).await;
    let mouse = Start { args: &["--mouse"], ..NOWHERE };
    check("q with the mouse", 0, &mouse, |terminal| terminal.press("q")).await;
}

#[tokio::test]
async fn the_words_of_a_panic_are_seen() {
    let panics = Start { args: &["--panic-after", "300"], ..NOWHERE };
    let mut terminal = Terminal::start(&panics);
    assert_eq!(terminal.exit_code().await, 101);
    terminal.until("asked to panic").await;
}

/// In between, the shell has its terminal as it was.
#[tokio::test]
async fn ctrl_z_suspends_it_and_it_comes_back() {
    let mut terminal = Terminal::start_as_a_job(&NOWHERE);
    terminal.until("divider").await;
    terminal.press("\u{1a}");
    terminal.until("stopped").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    // The shell has it go on. It says for how long nobody looked.
    terminal.press("\r");
    terminal.until("this screen was suspended for").await;
    terminal.until("OFFLINE").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    terminal.until_as_it_was().await;
}

#[tokio::test]
async fn it_ends_with_its_terminal() {
    let mut child = drawn_and_closed(&NOWHERE);
    // It has two seconds by its own rule; a busy machine may need more.
    let ended = tokio::task::spawn_blocking(move || child.wait());
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("a child");
}

#[tokio::test]
async fn without_a_terminal_that_can_be_drawn_on_it_says_the_nodes_once() {
    let bed = Bed::start().await;
    let url = bed.server.url();
    let dumb = Start { url: &url, args: &[], env: &[("TERM", "dumb")] };
    let mut terminal = Terminal::start(&dumb);
    assert_eq!(terminal.exit_code().await, 0);
    terminal.until("NODE").await;
    assert!(!terminal.look(vt100::Screen::alternate_screen));
    let once = Start { url: &url, args: &["--once"], env: &[] };
    let mut terminal = Terminal::start(&once);
    assert_eq!(terminal.exit_code().await, 0);
    terminal.until("NODE").await;
}
