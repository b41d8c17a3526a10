//! From the command line, the environment and the contexts of the `nats` command to a group.
//!
//! Nothing here reaches a server before [`Place::connect`]; until then it is a pure function of the
//! arguments, the environment and the files.

mod args;
mod context;
mod field;
mod files;
mod open;
mod options;
mod redact;
mod server;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;

pub(crate) use args::ConnectionArgs;
pub(crate) use context::{Choice, Chosen, Contexts};
pub(crate) use field::{Field, Source};
pub(crate) use open::{Connected, Opened};
pub(crate) use redact::redacted;
pub(crate) use server::{Secret, Server};
pub(crate) use settings::Settings;

/// The variables of a process, or of a test.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Those of this process. What is no text is as good as not set.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// The same without what says where to connect to.
    fn without_connection(mut self) -> Self {
        self.variables.retain(|name, _| !name.starts_with("NATS_") && name != "DIVIDER_GROUP");
        self
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { variables: variables.into_iter().map(owned).collect() }
    }
}
