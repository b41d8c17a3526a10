//! The contexts that the `nats` command keeps: read, never written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ConnectionArgs, Environment, Field};
use crate::exit::{Exit, Failure};

/// The folder of contexts.
#[derive(Debug, Clone)]
pub(crate) struct Contexts {
    /// `nats` below the folder of configurations; none where there is no home.
    root: Option<PathBuf>,
}

/// Why a context is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Flag,
    Variable,
    Selected,
}

impl Choice {
    /// It in words.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "by --context",
            Self::Variable => "by NATS_CONTEXT",
            Self::Selected => "selected",
        }
    }
}

/// A context that was read.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) choice: Choice,
    file: BTreeMap<String, Value>,
}

impl Contexts {
    pub(crate) fn new(environment: &Environment) -> Self {
        let home = || environment.get("HOME").map(|home| Path::new(&home).join(".config"));
        let config = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
        Self { root: config.map(|config| config.join("nats")) }
    }

    /// The names of all contexts, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let Some(root) = &self.root else { return Vec::new() };
        // A folder that is not there has no contexts in it.
        let entries = std::fs::read_dir(root.join("context")).into_iter().flatten().flatten();
        let name = |path: PathBuf| {
            let is_one = path.extension().is_some_and(|extension| extension == "json");
            is_one.then(|| Some(path.file_stem()?.to_str()?.to_owned())).flatten()
        };
        let mut names: Vec<_> = entries.filter_map(|entry| name(entry.path())).collect();
        names.sort_unstable();
        names
    }

    /// The context that is selected, if one is.
    pub(crate) fn selected(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.root.as_ref()?.join("context.txt")).ok()?;
        Some(text.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// The context to use, if one is to be used.
    pub(crate) fn choose(
        &self,
        args: &ConnectionArgs,
        environment: &Environment,
    ) -> Result<Option<Chosen>, Failure> {
        if args.no_context {
            return Ok(None);
        }
        let flag = args.context.clone().filter(|name| !name.is_empty());
        let variable = || environment.get("NATS_CONTEXT").map(|name| (name, Choice::Variable));
        let selected = || self.selected().map(|name| (name, Choice::Selected));
        let wanted = flag.map(|name| (name, Choice::Flag)).or_else(variable).or_else(selected);
        wanted.map(|(name, choice)| self.read(&name, choice)).transpose()
    }

    /// Reads one, by its name or the path of its file.
    pub(crate) fn read(&self, name: &str, choice: Choice) -> Result<Chosen, Failure> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "json") && path.exists() {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
            return Chosen::read(stem, path, choice);
        }
        if name.is_empty() || name.contains("..") || name.contains(['/', '\\']) {
            let words = "neither the name of a context nor the path of an existing .json file";
            return Err(Failure::new(Exit::Usage, format!("{words}: {name:?}")));
        }
        let path = self.root.as_ref().map(|root| root.join("context").join(format!("{name}.json")));
        match path.filter(|path| path.exists()) {
            Some(path) => Chosen::read(name, &path, choice),
            None => Err(self.unknown(name, choice)),
        }
    }

    fn unknown(&self, name: &str, choice: Choice) -> Failure {
        let why = match choice {
            Choice::Flag => "",
            Choice::Variable => " (from NATS_CONTEXT)",
            Choice::Selected => " (selected; see `nats context select`, or use --no-context)",
        };
        let known = match self.names() {
            names if names.is_empty() => "no contexts exist".to_owned(),
            names => format!("existing: {}", names.join(", ")),
        };
        Failure::new(Exit::NotFound, format!("no such context{why}; {known}: {name}"))
    }
}

impl Chosen {
    fn read(name: &str, path: &Path, choice: Choice) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            let words = format!("cannot read the context {name} in {}: {error}", path.display());
            Failure::new(Exit::Failed, words)
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        let file = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        Ok(Self { name: name.to_owned(), path: path.to_owned(), choice, file })
    }

    /// What the context says of a field; an empty text says nothing.
    pub(super) fn get(&self, field: Field) -> Option<String> {
        match self.file.get(field.context_key()?)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Bool(true) => Some("true".to_owned()),
            _ => None,
        }
    }

    /// What it says about itself.
    pub(crate) fn description(&self) -> &str {
        self.text("description")
    }

    /// The address, as its file has it.
    pub(crate) fn url(&self) -> &str {
        self.text("url")
    }

    /// What it needs and this program does not have: a sentence for each.
    pub(super) fn foreign(&self) -> Option<String> {
        let name = &self.name;
        if self.file.keys().any(|key| key.starts_with("windows_cert") && !self.text(key).is_empty())
        {
            return Some(format!(
                "the context {name} takes its certificate from Windows, which is not supported: set files with --tlscert and --tlskey"
            ));
        }
        None
    }

    /// The `nsc` user it takes its credentials from.
    pub(super) fn nsc(&self) -> Option<&str> {
        Some(self.text("nsc")).filter(|text| !text.is_empty())
    }

    fn text(&self, key: &str) -> &str {
        self.file.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}
