//! `divider context`

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::connection::{Choice, Contexts, Environment, Settings, redacted};
use crate::exit::Outcome;
use crate::output::{Column, Format, List, answer_json};
use crate::shell::Shell;

/// Show the contexts of the nats command, and the settings of the connection
///
/// Contexts are only read: `nats context` creates and selects them.
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    #[command(subcommand)]
    command: ContextCommand,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ContextCommand {
    /// List the contexts
    Ls,
    /// Show the settings of the connection, and the source of each
    Info,
}

/// One context.
#[derive(Serialize)]
struct ContextRow {
    context: String,
    selected: bool,
    url: String,
    description: String,
}

/// `divider.contexts.v1`
#[derive(Serialize)]
struct ContextsDocument<'a> {
    schema: &'static str,
    contexts: &'a [ContextRow],
}

/// One setting, secrets hidden.
#[derive(Serialize)]
struct SettingRow {
    setting: String,
    value: String,
    from: String,
}

/// `divider.context.v1`
#[derive(Serialize)]
struct ContextDocument<'a> {
    schema: &'static str,
    context: Option<&'a str>,
    chosen_by: Option<&'a str>,
    file: Option<String>,
    login: &'a str,
    settings: &'a [SettingRow],
}

const CONTEXTS: &[Column<ContextRow>] = &[
    Column::new("CONTEXT", |row| row.context.clone()),
    Column::new("SELECTED", |row| if row.selected { "*" } else { "" }.to_owned()),
    Column::new("SERVER", |row| row.url.clone()),
    Column::new("DESCRIPTION", |row| row.description.clone()),
];

const SETTINGS: &[Column<SettingRow>] = &[
    Column::new("SETTING", |row| row.setting.clone()),
    Column::new("VALUE", |row| row.value.clone()),
    Column::new("FROM", |row| row.from.clone()),
];

impl ContextArgs {
    pub(crate) fn run(self, shell: &Shell) -> Outcome {
        match self.command {
            ContextCommand::Ls => list(shell),
            ContextCommand::Info => info(shell),
        }
    }
}

fn list(shell: &Shell) -> Outcome {
    let contexts = Contexts::new(&Environment::of_process());
    let selected = contexts.selected();
    let row = |name: String| {
        // One that cannot be read is listed, and says so when it is used.
        let read = contexts.read(&name, Choice::Selected).ok();
        let (url, description) = read.map_or_else(
            || ("?".to_owned(), "cannot be read".to_owned()),
            |context| (redacted(context.url()), context.description().to_owned()),
        );
        ContextRow { selected: selected.as_ref() == Some(&name), context: name, url, description }
    };
    let rows: Vec<_> = contexts.names().into_iter().map(row).collect();
    if rows.is_empty() {
        shell.output.say("no contexts; `nats context save` creates one");
    }
    let document = ContextsDocument { schema: "divider.contexts.v1", contexts: &rows };
    shell.output.list(&List { columns: CONTEXTS, rows: &rows, kind: "context" }, &document)
}

fn info(shell: &Shell) -> Outcome {
    let settings = Settings::resolve(&shell.connection, &Environment::of_process())?;
    let row = |(field, value, from): (crate::connection::Field, String, &_)| SettingRow {
        setting: field.flag().to_owned(),
        value,
        from: format!("{from}"),
    };
    let rows: Vec<_> = settings.shown().map(row).collect();
    let chosen_by = settings.context.as_ref().map(|context| context.choice.as_str());
    let document = ContextDocument {
        schema: "divider.context.v1",
        context: settings.context.as_ref().map(|context| context.name.as_str()),
        chosen_by,
        file: settings.context.as_ref().map(|context| context.path.display().to_string()),
        login: settings.login_words(),
        settings: &rows,
    };
    if shell.output.format(&Format::OF_LISTS)? == Format::Json {
        return answer_json(&document);
    }
    match (&document.context, chosen_by) {
        (Some(name), Some(by)) => {
            let file = document.file.as_deref().unwrap_or_default();
            shell.output.say(&format!("context {name}, {by}, in {file}"));
        }
        _ => shell.output.say("no context"),
    }
    shell.output.say(&format!("login: {}", document.login));
    shell.output.list(&List { columns: SETTINGS, rows: &rows, kind: "setting" }, &document)
}
