//! A group is watched and operated from the screen.

use crate::bed::Bed;
use crate::terminal::{Start, Terminal};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_drained_and_resumed_from_the_screen() {
    let bed = Bed::start().await;
    bed.announce(60).await;
    let mut nodes = Vec::new();
    for id in ["w1", "w2", "w3", "w4"] {
        nodes.push(bed.node(id).await);
    }
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("LIVE").await;
    terminal.until("60 running").await;
    terminal.until_it("15 keys each", |text| text.matches(" 15      15 ").count() == 4).await;

    terminal.press("D");
    terminal.until("Moves 15 keys to 3 nodes").await;
    terminal.until("divider drain w1 --deadline 1h --parallel 256 --group orders").await;
    // It begins on Cancel: enter changes nothing.
    terminal.press("\r");
    terminal.until_it("no dialog", |text| !text.contains("Moves 15 keys")).await;
    terminal.press("D");
    terminal.until("[ Drain 15 keys ]").await;
    terminal.press("\t\t\r");
    terminal.until("all stops confirmed").await;
    terminal.until("15 keys moved, all stops confirmed").await;
    let snapshot = bed.group().await.snapshot().await.expect("read");
    let keys = |id: &str| snapshot.nodes().find(|n| n.node.as_str() == id).map(|n| n.keys);
    assert_eq!(["w1", "w2", "w3", "w4"].map(keys), [0, 20, 20, 20].map(Some));

    terminal.press("\u{1b}");
    terminal.until_it("no banner", |text| !text.contains("all stops confirmed")).await;
    terminal.press("u");
    terminal.until("A rebalance would move 15 keys").await;
    // To the choice, the other one, and on to the last button.
    terminal.press("\u{1b}[Z\u{1b}[Z\u{1b}[C\t\t\t\r");
    terminal.until_it("15 keys each", |text| text.matches(" 15      15 ").count() == 4).await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    for node in nodes {
        node.cancel().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_is_told_and_waited_for() {
    let mut bed = Bed::start().await;
    bed.announce(10).await;
    let node = bed.node("w1").await;
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("10 running").await;
    bed.server.kill();
    terminal.until("OFFLINE").await;
    terminal.until("read-only; drains continue once the server is back").await;
    terminal.press("D");
    terminal.until("read-only: connection lost").await;
    bed.server.restart().expect("a server again");
    terminal.until("LIVE").await;
    terminal.until("10 running").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
    node.cancel().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mouse_selects_a_row_once_it_is_on() {
    let bed = Bed::start().await;
    bed.announce(30).await;
    let url = bed.server.url();
    let mut terminal = Terminal::start(&Start { url: &url, args: &[], env: &[] });
    terminal.until("30 orphaned").await;
    terminal.press("2");
    terminal.until("▸ ✖ /orders/0 ").await;
    terminal.press("m");
    terminal
        .until_it("the mouse is listened to", |_| {
            terminal.look(|screen| screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None)
        })
        .await;
    let row = terminal.row_of("/orders/10 ");
    terminal.press(&format!("\u{1b}[<0;10;{row}M\u{1b}[<0;10;{row}m"));
    terminal.until("▸ ✖ /orders/10 ").await;
    // The wheel goes on from there.
    terminal.press(&format!("\u{1b}[<65;10;{row}M"));
    terminal.until("▸ ✖ /orders/11 ").await;
    // A heading sorts, and the name of a view opens it.
    let row = terminal.row_of("KEY▾");
    terminal.press(&format!("\u{1b}[<0;6;{row}M"));
    terminal.until("KEY▴").await;
    let row = terminal.row_of("3 Moves");
    terminal.press(&format!("\u{1b}[<0;3;{row}M"));
    terminal.until("[1 Nodes").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_gives_no_orders_and_the_selection_is_seen_without_colours() {
    let bed = Bed::start().await;
    let key = divider::Key::new("a\u{1b}]0;owned\u{7}b").expect("legal");
    bed.group().await.announce(&key).await.expect("announced");
    let url = bed.server.url();
    let plain = Start { url: &url, args: &["--readonly"], env: &[("NO_COLOR", "1")] };
    let mut terminal = Terminal::start(&plain);
    terminal.until("READ-ONLY").await;
    terminal.press("2");
    terminal.until("a\\u{1b}]0;owned\\u{7}b").await;
    // Under NO_COLOR the selection is still seen.
    terminal.until_it("a reversed row", |_| terminal.look(has_reversed_row)).await;
    let colored =
        terminal.look(|screen| cells(screen).any(|cell| cell.fgcolor() != vt100::Color::Default));
    assert!(!colored);
    terminal.press("1R");
    terminal.until("read-only: --readonly").await;
    terminal.press("q");
    assert_eq!(terminal.exit_code().await, 0);
}

fn cells(screen: &vt100::Screen) -> impl Iterator<Item = &vt100::Cell> {
    let (rows, columns) = screen.size();
    (0..rows).flat_map(move |row| (0..columns).filter_map(move |column| screen.cell(row, column)))
}

fn has_reversed_row(screen: &vt100::Screen) -> bool {
    let (rows, columns) = screen.size();
    let reversed = |row, column| screen.cell(row, column).is_some_and(vt100::Cell::inverse);
    (0..rows).any(|row| (0..columns).all(|column| reversed(row, column)))
}
