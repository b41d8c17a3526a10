//! The forms an answer may have.

use clap::ValueEnum;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// One JSON document, with the name and version of its schema
    Json,
    /// One JSON document on each line
    Jsonl,
    /// All columns, separated by commas
    Csv,
    /// Only the names, such as node/w1
    Name,
    /// All columns, separated by tabs, without headings
    Plain,
}

impl Format {
    /// What a list may be written as.
    pub(crate) const OF_LISTS: [Self; 7] =
        [Self::Table, Self::Wide, Self::Json, Self::Jsonl, Self::Csv, Self::Name, Self::Plain];

    /// What a single thing may be written as.
    pub(crate) const OF_ONE: [Self; 2] = [Self::Table, Self::Json];

    /// What a plan may be written as.
    pub(crate) const OF_PLANS: [Self; 3] = [Self::Table, Self::Wide, Self::Json];

    /// What a sentence a thing may be written as.
    pub(crate) const OF_CHANGES: [Self; 3] = [Self::Plain, Self::Name, Self::Json];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Name => "name",
            Self::Plain => "plain",
        }
    }
}
