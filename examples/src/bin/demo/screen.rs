use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

/// Where the demo is shown: lines, and on a terminal a picture below them that is drawn again.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: bool,
    /// How many lines the picture has that is there.
    drawn: usize,
}

/// The longest bar.
const BAR: u64 = 40;

impl Screen {
    pub(crate) fn new() -> Self {
        Self { terminal: io::stdout().is_terminal(), drawn: 0 }
    }

    /// Prints a line, over the picture if there is one.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        let erase = self.erase();
        let mut out = io::stdout().lock();
        writeln!(out, "{erase}{text}")?;
        out.flush()
    }

    /// Draws how many keys each worker has, if this is a terminal.
    pub(crate) fn draw(&mut self, counts: &BTreeMap<String, u64>, idle: u64) -> io::Result<()> {
        if !self.terminal {
            return Ok(());
        }
        let lines = bars(counts, idle);
        let erase = self.erase();
        self.drawn = lines.len();
        let mut out = io::stdout().lock();
        writeln!(out, "{erase}{}", lines.join("\n"))?;
        out.flush()
    }

    /// Prints how many keys each worker has, to stay.
    pub(crate) fn keep(&mut self, counts: &BTreeMap<String, u64>, idle: u64) -> io::Result<()> {
        self.line(&bars(counts, idle).join("\n"))
    }

    /// What erases the picture: up by its lines, and everything below.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}

fn bars(counts: &BTreeMap<String, u64>, idle: u64) -> Vec<String> {
    let most = counts.values().copied().max().unwrap_or(0).max(1);
    let bar = |count: u64| "#".repeat(usize::try_from(count * BAR / most).unwrap_or(0));
    let mut lines: Vec<String> = counts
        .iter()
        .map(|(node, &count)| format!("   {node:<5} {count:>6} {}", bar(count)))
        .collect();
    if idle > 0 {
        lines.push(format!("   {:<5} {idle:>6}", "-"));
    }
    lines
}
