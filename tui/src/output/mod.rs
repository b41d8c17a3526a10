//! Writing: data to standard output, words to standard error.

mod format;
mod list;
mod text;
mod tone;
mod when;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use serde::Serialize;

pub(crate) use format::Format;
pub(crate) use list::{Column, List};
pub(crate) use text::{ascii, chain, count, json_escaped, padded, plain, width};
pub(crate) use tone::{Tone, tone_of};
pub(crate) use when::{age, ago, clock, date_time, millis, now_ms, rfc3339};

use crate::exit::{Exit, Failure, Outcome};

/// How answers look.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are")]
pub(crate) struct OutputArgs {
    /// Output format
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// The same as -o json
    #[arg(short, long, global = true, conflicts_with = "output")]
    json: bool,
    /// Omit the headings of tables
    #[arg(long, global = true, hide_short_help = true)]
    no_headers: bool,
    /// No colours on a terminal [env: NO_COLOR]
    #[arg(long, global = true, hide_short_help = true)]
    no_color: bool,
    /// Print only ASCII characters; others become escapes
    #[arg(long, global = true, hide_short_help = true)]
    ascii: bool,
    /// On standard error, print only errors
    #[arg(short, long, global = true, conflicts_with = "verbose", hide_short_help = true)]
    quiet: bool,
    /// On standard error, print more
    #[arg(short, long, global = true, hide_short_help = true)]
    verbose: bool,
}

/// How one run of the program writes.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Output {
    /// What was asked for, if anything was.
    format: Option<Format>,
    headings: bool,
    pub(crate) color: bool,
    pub(crate) ascii: bool,
    quiet: bool,
    verbose: bool,
}

impl Output {
    pub(crate) fn new(args: &OutputArgs) -> Self {
        let no_color = args.no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            format: if args.json { Some(Format::Json) } else { args.output },
            headings: !args.no_headers,
            color: !no_color && !dumb && io::stdout().is_terminal(),
            ascii: args.ascii,
            quiet: args.quiet,
            verbose: args.verbose,
        }
    }

    /// The format that was asked for, or the first of those that fit.
    pub(crate) fn format(&self, fitting: &[Format]) -> Result<Format, Failure> {
        match self.format {
            None => Ok(fitting[0]),
            Some(format) if fitting.contains(&format) => Ok(format),
            Some(format) => {
                let names: Vec<_> = fitting.iter().map(|format| format.as_str()).collect();
                let words = format!(
                    "unsupported format {}, this command supports {}",
                    format.as_str(),
                    names.join(", ")
                );
                Err(Failure::new(Exit::Usage, words))
            }
        }
    }

    /// Whether programs read the answers.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format, Some(Format::Json | Format::Jsonl))
    }

    /// Whether a format was asked for.
    pub(crate) fn is_format_given(&self) -> bool {
        self.format.is_some()
    }

    /// A text from elsewhere, such as a key, without anything that a terminal would obey.
    pub(crate) fn plain(&self, text: &str) -> String {
        if self.ascii { ascii(text) } else { plain(text) }
    }

    /// Says something beside the answer, unless that is not wanted.
    pub(crate) fn say(&self, words: &str) {
        if !self.quiet {
            tell(&self.plain(words));
        }
    }

    /// Says what only those want to know who asked for more.
    pub(crate) fn say_more(&self, words: &str) {
        if self.verbose {
            self.say(words);
        }
    }

    /// Whether progress is shown as a line that is written over: on a terminal, where anybody looks.
    pub(crate) fn is_live(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}

/// Answers with what somebody else has written. On a terminal a new line follows, and nothing in it is
/// obeyed.
pub(crate) fn answer_bytes(bytes: &[u8]) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return answer(&(plain(&String::from_utf8_lossy(bytes)) + "\n"));
    }
    write_answer(bytes)
}

/// Answers with a document.
pub(crate) fn answer_json(document: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(document)?;
    Ok(answer(&(json_escaped(&text) + "\n"))?)
}

/// Answers with one line of JSON.
pub(crate) fn answer_json_line(item: &impl Serialize) -> Outcome {
    Ok(answer(&json_line(item)?)?)
}

/// A thing as one line of JSON.
fn json_line(item: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(item).map(|text| json_escaped(&text) + "\n")
}

/// Whether nobody reads the answers any more.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Writes data. Its reader may stop early, as `head` does: the command ends with the same exit code as
/// with a reader.
pub(crate) fn answer(text: &str) -> io::Result<()> {
    write_answer(text.as_bytes())
}

fn write_answer(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        result => result,
    }
}

/// Whether somebody may still read the answers: without, what only answers has no more to do.
pub(crate) fn is_read() -> bool {
    !UNREAD.load(Ordering::Relaxed)
}

/// Writes a line of JSON where words go.
pub(crate) fn tell_json(item: &impl Serialize) {
    if let Ok(line) = json_line(item) {
        tell(line.trim_end());
    }
}

/// Writes a line of words.
pub(crate) fn tell(line: &str) {
    // Without a standard error there is nobody to tell that to either.
    let _ = writeln!(io::stderr(), "{line}");
}
