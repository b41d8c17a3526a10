//! `divider top`: the dashboard.
//!
//! [`model`] is what it knows, [`update`] a pure function from what comes in to what is to be done,
//! [`view`] a pure function from the model to the screen. [`source`] follows the group, on a thread
//! of its own; the loop here joins them to the terminal. Nothing of the protocol depends on any of
//! it: ending it changes nothing.

mod drive;
mod export;
#[cfg(test)]
mod fixture;
mod model;
mod once;
mod signals;
mod source;
mod terminal;
mod update;
mod view;

use std::io::IsTerminal;

use clap::Args;
use divider::GroupName;

use self::model::settings::{Settings as ScreenSettings, ThemeName};
use self::model::{Model, Place};
use self::source::Source;
use crate::connection::{Environment, Settings};
use crate::exit::{Exit, Failure, Outcome};
use crate::look::{self, FromArgs, Look};
use crate::shell::Shell;

/// Watch and operate a group on the full screen
///
/// Each change needs a confirmation. Drains continue after you quit. `?` shows the keys.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Print the nodes once and exit, as `divider nodes` does
    #[arg(long)]
    once: bool,
    /// Disable all changes
    #[arg(long)]
    readonly: bool,
    /// Colour theme; `NO_COLOR` turns colours off
    #[arg(long, value_enum, default_value = "auto", value_name = "THEME")]
    theme: ThemeName,
    /// Group the load map by this label of the nodes
    #[arg(long, value_name = "LABEL")]
    group_by: Option<String>,
    /// Enable the mouse; the terminal then cannot select text
    #[arg(long)]
    mouse: bool,
    #[command(flatten)]
    from: FromArgs,
    /// Name to record as the requester
    #[arg(long, value_name = "NAME", env = "USER", default_value = "", hide_env_values = true)]
    by: String,
    /// Panic after so many milliseconds: what becomes of the terminal then is tested
    #[arg(long, hide = true, value_name = "MS")]
    panic_after: Option<u64>,
}

impl TopArgs {
    /// Shows the dashboard.
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if self.once || dumb || !terminal {
            return Box::pin(once::run(shell, self.from)).await;
        }
        let look = self.from.from.as_deref().map(look::read).transpose()?;
        let place = match &self.from.from {
            Some(file) => Place::of_file(file.display().to_string()),
            None => Settings::resolve(&shell.connection, &Environment::of_process())?.place(),
        };
        let place = Place { by: self.by.clone(), ..place };
        let mut model = Model::new(place, self.settings(shell), drive::now());
        let source = match look {
            Some(Look { snapshot, viewer }) => {
                let taken_ms = viewer.anchor.unix_ms();
                let file = update::News::File { snapshot, taken_ms };
                update::update(&mut model, update::Msg::News(file));
                None
            }
            None => Some(Source::start(shell.connection.clone())?),
        };
        drive::drive(model, source, self.panic_after).await
    }

    fn settings(&self, shell: &Shell) -> ScreenSettings {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
        let locale = locale.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_lowercase();
        ScreenSettings {
            theme: self.theme,
            light: is_light(&variable("COLORFGBG")),
            no_color: !shell.output.color,
            ascii: shell.output.ascii || !(locale.contains("utf-8") || locale.contains("utf8")),
            group_by: self.group_by.clone(),
            mouse: self.mouse,
            read_only: self.readonly.then(|| "--readonly".to_owned()),
            ..ScreenSettings::default()
        }
    }
}

/// Whether the ground is light: terminals that say so name its colour last.
fn is_light(colors: &str) -> bool {
    matches!(colors.rsplit(';').next().and_then(|ground| ground.parse().ok()), Some(7 | 9..=15))
}

impl Settings {
    /// Where they lead to, before a group is known.
    pub(crate) fn place(&self) -> Place {
        Place {
            context: self.context.as_ref().map(|context| context.name.clone()),
            login: self.login_words(),
            ..Place::of_file(self.server())
        }
    }
}

impl Place {
    /// The name of the group before one is known.
    fn nowhere() -> GroupName {
        GroupName::new("-").expect("a hyphen is a legal name")
    }

    fn of_file(server: String) -> Self {
        let by = String::new();
        Self { group: Self::nowhere(), context: None, server, login: "", by }
    }

    /// Whether a group is known.
    pub(crate) fn is_known(&self) -> bool {
        self.group.as_str() != "-"
    }
}

/// A failure of the terminal.
fn terminal_failed(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the terminal failed: {error}"))
}
