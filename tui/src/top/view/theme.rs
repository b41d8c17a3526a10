//! Colours and signs.
//!
//! A word says what something is, a sign says it again, and a colour comes last: without the colour,
//! and without the sign, nothing is missing. The selection is reversed, never a colour.

use divider::snapshot::{NodeState, Phase};
use ratatui::style::{Color, Modifier, Style};

use crate::conditions::Severity;
use crate::top::model::settings::{Settings, ThemeName};

/// What something on the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Less important.
    Dim,
    Plain,
    /// A heading, or a key of the keyboard.
    Strong,
    /// As it should be. From here on the worst come last.
    Good,
    Joining,
    Cordoned,
    Draining,
    Late,
    Lost,
}

/// How the roles look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    palette: Palette,
    pub(crate) ascii: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Palette {
    Dark,
    Light,
    CbDark,
    CbLight,
    Mono,
}

impl Theme {
    pub(crate) fn of(settings: &Settings) -> Self {
        let palette = match (settings.theme, settings.light) {
            // The terminal library leaves out colours then, and the styles with them.
            _ if settings.no_color => Palette::Mono,
            (ThemeName::Mono, _) => Palette::Mono,
            (ThemeName::Light, _) | (ThemeName::Auto, true) => Palette::Light,
            (ThemeName::Dark | ThemeName::Auto, _) => Palette::Dark,
            (ThemeName::Cb, false) => Palette::CbDark,
            (ThemeName::Cb, true) => Palette::CbLight,
        };
        Self { palette, ascii: settings.ascii }
    }

    pub(crate) fn style(self, role: Role) -> Style {
        let style = Style::new().add_modifier(modifier(role, self.palette));
        match color(role, self.palette) {
            Some(color) => style.fg(color),
            None => style,
        }
    }

    pub(crate) fn sign(self, utf8: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { utf8 }
    }

    pub(crate) fn state_sign(self, state: NodeState) -> &'static str {
        match state {
            NodeState::Ready => self.sign("●", "+"),
            NodeState::Joining => self.sign("◐", "~"),
            NodeState::Cordoned => "=",
            NodeState::Draining => self.sign("▼", "v"),
            NodeState::Drained => self.sign("▽", "o"),
            NodeState::Emptied => self.sign("◇", "e"),
            NodeState::Leaving => self.sign("◁", "<"),
            NodeState::Away => self.sign("↻", "r"),
            NodeState::Late => "!",
            NodeState::Lost => self.sign("✖", "x"),
            NodeState::Absent => self.sign("·", "."),
            _ => "?",
        }
    }

    pub(crate) fn phase_sign(self, phase: Phase) -> &'static str {
        match phase {
            Phase::Running => self.sign("●", "+"),
            Phase::Stopping => self.sign("▼", "v"),
            Phase::Orphaned => self.sign("✖", "x"),
            Phase::Quarantined => self.sign("■", "#"),
        }
    }
}

/// The role of a node's state.
pub(crate) fn state_role(state: NodeState) -> Role {
    match state {
        NodeState::Ready => Role::Good,
        NodeState::Joining => Role::Joining,
        NodeState::Cordoned | NodeState::Drained => Role::Cordoned,
        NodeState::Draining | NodeState::Leaving | NodeState::Away => Role::Draining,
        NodeState::Late | NodeState::Emptied => Role::Late,
        NodeState::Lost => Role::Lost,
        _ => Role::Dim,
    }
}

/// The role of a key's phase.
pub(crate) fn phase_role(phase: Phase) -> Role {
    match phase {
        Phase::Running => Role::Good,
        Phase::Stopping => Role::Draining,
        Phase::Orphaned => Role::Lost,
        Phase::Quarantined => Role::Late,
    }
}

/// The role of a load, in hundredths of what it should be.
pub(crate) fn load_role(hundredths: u64) -> Role {
    match hundredths {
        0..=110 => Role::Good,
        111..=150 => Role::Late,
        _ => Role::Lost,
    }
}

/// The role of how bad something is.
pub(crate) fn severity_role(severity: Severity) -> Role {
    match severity {
        Severity::Note => Role::Plain,
        Severity::Warning => Role::Late,
        Severity::Critical => Role::Lost,
    }
}

fn modifier(role: Role, palette: Palette) -> Modifier {
    match role {
        Role::Strong | Role::Late | Role::Lost => Modifier::BOLD,
        Role::Dim => Modifier::DIM,
        // Colours say it where there are any.
        Role::Joining if palette == Palette::Mono => Modifier::DIM,
        Role::Cordoned if palette == Palette::Mono => Modifier::UNDERLINED,
        Role::Draining if palette == Palette::Mono => Modifier::BOLD,
        _ => Modifier::empty(),
    }
}

/// The colours of Okabe and Ito, which are told apart by whoever sees few colours.
const ORANGE: Color = Color::Rgb(0xE6, 0x9F, 0x00);
const SKY: Color = Color::Rgb(0x56, 0xB4, 0xE9);
const GREEN: Color = Color::Rgb(0x00, 0x9E, 0x73);
const YELLOW: Color = Color::Rgb(0xF0, 0xE4, 0x42);
const BLUE: Color = Color::Rgb(0x00, 0x72, 0xB2);
const VERMILION: Color = Color::Rgb(0xFF, 0x7A, 0x1F);
const PURPLE: Color = Color::Rgb(0xCC, 0x79, 0xA7);
/// Darker, so that they can be read on white.
const DARK_ORANGE: Color = Color::Rgb(0x8A, 0x5F, 0x00);
const DARK_PURPLE: Color = Color::Rgb(0x8A, 0x3A, 0x6A);
const DARK_GREEN: Color = Color::Rgb(0x00, 0x70, 0x52);
const DARK_VERMILION: Color = Color::Rgb(0xB8, 0x46, 0x00);

fn color(role: Role, palette: Palette) -> Option<Color> {
    let colors = match palette {
        Palette::Mono => return None,
        Palette::Dark => [
            Color::Green,
            Color::Cyan,
            Color::LightBlue,
            Color::Yellow,
            Color::LightYellow,
            Color::LightRed,
        ],
        Palette::Light => [
            Color::Indexed(28),
            Color::Indexed(30),
            Color::Blue,
            Color::Indexed(94),
            Color::Indexed(130),
            Color::Red,
        ],
        Palette::CbDark => [SKY, PURPLE, GREEN, ORANGE, YELLOW, VERMILION],
        Palette::CbLight => {
            [BLUE, DARK_PURPLE, DARK_GREEN, DARK_ORANGE, DARK_VERMILION, DARK_VERMILION]
        }
    };
    match role {
        Role::Plain | Role::Dim | Role::Strong => None,
        Role::Good => Some(colors[0]),
        Role::Joining => Some(colors[1]),
        Role::Cordoned => Some(colors[2]),
        Role::Draining => Some(colors[3]),
        Role::Late => Some(colors[4]),
        Role::Lost => Some(colors[5]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(color: Color) -> f64 {
        let Color::Rgb(r, g, b) = color else { panic!("not a fixed colour: {color:?}") };
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    }

    #[test]
    fn the_fixed_colours_can_be_read_on_their_ground() {
        let roles =
            [Role::Good, Role::Joining, Role::Cordoned, Role::Draining, Role::Late, Role::Lost];
        for (palette, ground) in [(Palette::CbDark, 0.0), (Palette::CbLight, 1.0)] {
            for role in roles {
                let own = luminance(color(role, palette).expect("a colour"));
                let (high, low) = if own > ground { (own, ground) } else { (ground, own) };
                let contrast = (high + 0.05) / (low + 0.05);
                assert!(contrast >= 4.5, "{palette:?} {role:?}: {contrast:.1}");
            }
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        let settings = Settings { no_color: true, ..Settings::default() };
        for role in [Role::Plain, Role::Dim, Role::Strong, Role::Late, Role::Lost, Role::Draining] {
            let style = Theme::of(&settings).style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }
}
