//! Keys as they are given: on the command line, in a file, on standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use divider::Key;

use crate::exit::{Exit, Failure};

/// The keys a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// The keys; - reads them from standard input, one on each line
    #[arg(value_name = "KEY", required_unless_present = "file")]
    keys: Vec<String>,
    /// Read the keys from a file, one on each line; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    file: Option<PathBuf>,
}

/// Reads the keys. Nothing is taken of a list in which one is wrong.
pub(crate) fn read_keys(args: &KeyArgs) -> Result<Vec<Key>, Failure> {
    match &args.file {
        Some(file) => read_lines(file),
        None if args.keys == ["-"] => read_lines(Path::new("-")),
        None => args.keys.iter().map(|text| Key::new(text).map_err(|e| usage(&e))).collect(),
    }
}

/// Reads a list of keys, one a line. Empty lines are none.
pub(crate) fn read_lines(file: &Path) -> Result<Vec<Key>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("cannot read the keys from {}: {error}", file.display()))
    };
    read.map_err(|error| failed(&error))?;
    let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let key = |(at, line): (usize, &str)| {
        Key::new(line).map_err(|error| usage(&format!("line {}: {error}", at + 1)))
    };
    lines.map(key).collect()
}

fn usage(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}
