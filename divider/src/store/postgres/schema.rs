//! The schema of the tables and functions.

use std::fmt;

/// The version of the schema that this build needs.
pub(super) const VERSION: i32 = 1;

/// Tables and functions of version 1, in a schema `DIVIDER`.
const VERSION_1: &str = include_str!("schema.sql");

/// The name of a schema, quoted as an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    name: String,
}

impl Schema {
    /// A name that needs no care wherever it stands in a statement.
    pub(super) fn new(name: &str) -> Result<Self, String> {
        let starts = |c: char| c.is_ascii_lowercase() || c == '_';
        let is_legal = name.len() <= 63
            && name.starts_with(starts)
            && name.chars().all(|c| starts(c) || c.is_ascii_digit())
            && !name.starts_with("pg_");
        if is_legal {
            return Ok(Self { name: name.to_owned() });
        }
        Err(format!(
            "the name of the schema must have 1 to 63 of a-z, 0-9 and _, and begin with neither a \
             digit nor pg_: {name:?}"
        ))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A statement that calls a function.
    pub(super) fn call(&self, call: &str) -> String {
        format!("SELECT * FROM {self}.{call}")
    }

    /// The statements that create everything.
    pub(super) fn statements(&self) -> String {
        VERSION_1.replace("DIVIDER", &self.to_string())
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_need_care_is_refused() {
        let check = |name: &str, ok: bool| assert_eq!(Schema::new(name).is_ok(), ok, "{name}");
        check("divider", true);
        check("_d2", true);
        check("", false);
        check("2d", false);
        check("Divider", false);
        check("a\"b", false);
        check("a.b", false);
        check("pg_divider", false);
        check(&"a".repeat(64), false);
    }
}
