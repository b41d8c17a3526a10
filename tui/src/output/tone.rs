//! Colours, of the sixteen that every terminal has; they only repeat what the words say.

/// What a word means for whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Good,
    Notice,
    Warn,
    Bad,
}

impl Tone {
    /// The text in its colour.
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Dim => 2,
            Self::Good => 32,
            Self::Notice => 36,
            Self::Warn => 33,
            Self::Bad => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The tone of a state of a node, a phase of a key, a step of a move, a verdict.
pub(crate) fn tone_of(word: &str) -> Tone {
    match word {
        "lost" | "orphaned" | "unplaced" | "fail" | "critical" | "error" => Tone::Bad,
        "quarantined" | "late" | "draining" | "leaving" | "away" | "stopping" | "warn"
        | "warning" => Tone::Warn,
        "joining" | "cordoned" | "taking" | "waiting" | "drained" => Tone::Notice,
        "ok" => Tone::Good,
        "absent" => Tone::Dim,
        _ => Tone::Plain,
    }
}
