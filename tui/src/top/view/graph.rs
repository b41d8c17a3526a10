//! Graphs of the last ten minutes, where the list leaves room.

use std::time::Duration;

use ratatui::layout::Rect;

use super::header::oldest_stop;
use super::pen::Pen;
use super::theme::{Role, Theme};
use super::words::{grouped, short};
use crate::output::age;
use crate::top::model::trend::Sample;
use crate::top::model::{Model, View};

/// The fewest and the most rows that they take, with their titles and the line of the time.
const LEAST: u16 = 5;
const MOST: u16 = 10;

/// A graph is at least that wide.
const WIDE: u16 = 22;

struct Graph {
    title: &'static str,
    now: String,
    /// How it is now.
    role: Role,
    /// What the picture shows.
    picture: Role,
    value: fn(&Sample) -> u64,
    /// A value in words.
    words: fn(u64) -> String,
}

/// How many rows below a list of so many rows they take.
pub(super) fn rows(model: &Model, room: u16) -> u16 {
    let is_open = model.snapshot().nodes().len() > 0;
    let has_graphs = matches!(model.view, View::Nodes | View::Moves);
    if !has_graphs || !is_open || room < LEAST { 0 } else { room.min(MOST) }
}

/// Draws as many of them as there is room for, side by side.
pub(super) fn draw(model: &Model, pen: &mut Pen<'_>) {
    let area = pen.area();
    if area.height < LEAST {
        return;
    }
    let graphs = graphs(model);
    let count = (area.width / WIDE).clamp(1, 3);
    let width = area.width / count;
    for (at, graph) in graphs.iter().take(usize::from(count)).enumerate() {
        let x = area.x + width * u16::try_from(at).unwrap_or(0);
        draw_graph(model, graph, Rect { x, width: width.saturating_sub(1), ..area }, pen);
    }
}

fn graphs(model: &Model) -> [Graph; 3] {
    let snapshot = model.snapshot();
    let orphans = snapshot.counts().orphaned;
    let tenths = model.data.history.rate.tenths();
    let stop = oldest_stop(snapshot).map(|(_, stop)| model.age_at().since(stop.told));
    [
        Graph {
            title: "MOVES/s",
            now: format!("{}.{}", grouped(tenths / 10), tenths % 10),
            role: Role::Plain,
            picture: Role::Joining,
            value: |sample| sample.moves,
            words: short,
        },
        Graph {
            title: "ORPHANED",
            now: grouped(orphans),
            role: if orphans > 0 { Role::Lost } else { Role::Good },
            picture: Role::Lost,
            value: |sample| sample.orphans,
            words: short,
        },
        Graph {
            title: "OLDEST STOP",
            now: stop.map_or("none".to_owned(), age),
            role: if stop.is_some() { Role::Draining } else { Role::Good },
            picture: Role::Draining,
            value: |sample| sample.oldest_stop,
            words: |seconds| age(Duration::from_secs(seconds)),
        },
    ]
}

fn draw_graph(model: &Model, graph: &Graph, area: Rect, pen: &mut Pen<'_>) {
    let mut pen = pen.within(area);
    let columns = usize::from(area.width.saturating_sub(1));
    let parts = model.data.trend.parts(columns * 2, graph.value);
    let most = parts.iter().flatten().copied().max().unwrap_or(0);
    pen.line(0);
    pen.put(format!(" {} ", graph.title), Role::Dim).put(&graph.now, graph.role);
    let text = format!("  max {}", (graph.words)(most));
    if most > 0 && text.len() < usize::from(pen.left()) {
        pen.put(text, Role::Dim);
    }
    let rows = usize::from(area.height.saturating_sub(2));
    for (line, text) in picture(&parts, most, rows, pen.theme).iter().enumerate() {
        pen.line(line + 1);
        pen.skip(1).put(text, graph.picture);
    }
    pen.line(rows + 1);
    pen.put(" -10m ", Role::Dim);
    pen.rule_before(" now", Role::Dim);
}

/// The values as columns, two of them a cell and four dots a row. What is unknown is left out.
fn picture(parts: &[Option<u64>], most: u64, rows: usize, theme: Theme) -> Vec<String> {
    let dots = |part: &Option<u64>| -> usize {
        let Some(value) = part else { return 0 };
        let height = (rows * 4) as u64;
        let dots = value.saturating_mul(height).div_ceil(most.max(1));
        usize::try_from(dots).unwrap_or(rows * 4).clamp(1, rows * 4)
    };
    let heights: Vec<usize> = parts.iter().map(dots).collect();
    let row = |from_below: usize| -> String {
        let full = |height: usize| height.saturating_sub(from_below * 4).min(4);
        let cells =
            heights.chunks(2).map(|pair| [full(pair[0]), pair.get(1).map_or(0, |h| full(*h))]);
        cells.map(|[left, right]| cell(left, right, theme)).collect()
    };
    (0..rows).rev().map(row).collect()
}

/// One cell with so many dots on the left and on the right, from below.
fn cell(left: usize, right: usize, theme: Theme) -> char {
    const LEFT: [u32; 5] = [0, 0x40, 0x44, 0x46, 0x47];
    const RIGHT: [u32; 5] = [0, 0x80, 0xA0, 0xB0, 0xB8];
    if theme.ascii {
        return [' ', '.', '-', '=', '#'][left.max(right)];
    }
    match LEFT[left] | RIGHT[right] {
        0 => ' ',
        dots => char::from_u32(0x2800 | dots).unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::model::settings::Settings;

    #[test]
    fn values_are_columns_of_dots() {
        let theme = Theme::of(&Settings::default());
        let parts = [None, Some(0), Some(1), Some(4), Some(8), Some(8)];
        assert_eq!(picture(&parts, 8, 2, theme), ["  ⣿", "⢀⣸⣿"]);
        let ascii = Theme::of(&Settings { ascii: true, ..Settings::default() });
        assert_eq!(picture(&parts, 8, 2, ascii), ["  #", ".##"]);
    }
}
