//! How the screen is to look, and what may be done from it.

use clap::ValueEnum;

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ThemeName {
    /// As the terminal reports, or without colours under `NO_COLOR`
    #[default]
    Auto,
    /// The terminal's own colours, for a dark background
    Dark,
    /// The terminal's own colours, for a light background
    Light,
    /// Colours for colour-blind readers
    Cb,
    /// No colours
    Mono,
}

/// How the screen is to look, and what may be done from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Settings {
    pub(crate) theme: ThemeName,
    /// The ground is light, as far as the terminal says.
    pub(crate) light: bool,
    /// Colours are not wanted.
    pub(crate) no_color: bool,
    /// Nothing but ASCII.
    pub(crate) ascii: bool,
    /// More columns.
    pub(crate) wide: bool,
    /// Only what is in trouble.
    pub(crate) trouble: bool,
    /// The pane with the card of the selection.
    pub(crate) details: bool,
    /// The events take half the screen.
    pub(crate) tall_events: bool,
    /// The load map below the nodes.
    pub(crate) load_map: bool,
    /// The label by which it groups them.
    pub(crate) group_by: Option<String>,
    pub(crate) mouse: bool,
    /// Why nothing can be changed, if that is so.
    pub(crate) read_only: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeName::Auto,
            light: false,
            no_color: false,
            ascii: false,
            wide: false,
            trouble: false,
            details: true,
            tall_events: false,
            load_map: true,
            group_by: None,
            mouse: false,
            read_only: None,
        }
    }
}
