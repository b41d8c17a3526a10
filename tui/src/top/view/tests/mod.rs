//! What is drawn, of a group made by hand at a fixed time.

mod pace;
mod plays;
mod rules;
mod screens;

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::top::fixture::Play;

fn drawn(play: &mut Play, columns: u16, rows: u16) -> Buffer {
    play.resize(columns, rows);
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    draw(&play.model, area, &mut buffer);
    buffer
}

fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(buffer.area.width)) {
        let line: String = row.iter().map(Cell::symbol).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Where which style is: `r7 c1-80 REVERSED`.
fn styles(buffer: &Buffer) -> String {
    let mut text = String::new();
    for (row, cells) in buffer.content().chunks(usize::from(buffer.area.width)).enumerate() {
        let mut from = 0;
        for run in cells.chunk_by(|a, b| a.style() == b.style()) {
            let name = style_name(run[0].style());
            if !name.is_empty() {
                // A String takes whatever is written to it.
                let _ = writeln!(text, "r{row} c{from}-{}{name}", from + run.len() - 1);
            }
            from += run.len();
        }
    }
    text
}

fn style_name(style: Style) -> String {
    let mut name = String::new();
    if let Some(color) = style.fg.filter(|color| *color != Color::Reset) {
        let _ = write!(name, " {color}");
    }
    if style.add_modifier != Modifier::empty() {
        let _ = write!(name, " {:?}", style.add_modifier);
    }
    name
}
