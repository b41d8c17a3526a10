//! Paths and credentials as a context may have them.

use std::path::{Path, PathBuf};

use super::{Environment, Field};
use crate::exit::{Exit, Failure};

/// Reads a path in which `~` and `$VARIABLE` may stand.
pub(super) fn expanded(
    field: Field,
    text: &str,
    environment: &Environment,
) -> Result<PathBuf, Failure> {
    if text.contains("://") || text.starts_with("data:") {
        let words = format!(
            "only files are supported; write the secret to a file and set it with --{}: {}",
            field.flag(),
            text.split_once(':').map_or(text, |(scheme, _)| scheme),
        );
        return Err(Failure::new(Exit::Usage, words));
    }
    let wrong = |name: &str| {
        let words = format!("a variable in the path of {} is not set: ${name}", field.flag());
        Failure::new(Exit::Usage, words)
    };
    let variable = |name: &str| environment.get(name).ok_or_else(|| wrong(name));
    let home = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let text = match home {
        Some(rest) => variable("HOME")? + rest,
        None => text.to_owned(),
    };
    let mut parts = text.split('$');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = variable_name(part);
        path += &variable(name)?;
        path += rest;
    }
    Ok(PathBuf::from(path))
}

/// Divides `{NAME}rest` or `NAMErest` where the name ends.
fn variable_name(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        return (name, rest);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

/// Reads a file that a setting names.
pub(super) fn read(field: Field, path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unreadable(field, path, &error))
}

/// The path of a file that somebody else is to read: it has to be there.
pub(super) fn readable(
    field: Field,
    text: &str,
    environment: &Environment,
) -> Result<PathBuf, Failure> {
    let path = expanded(field, text, environment)?;
    std::fs::File::open(&path).map_err(|error| unreadable(field, &path, &error))?;
    Ok(path)
}

fn unreadable(field: Field, path: &Path, error: &std::io::Error) -> Failure {
    let words = format!("cannot read the {} file {}: {error}", field.flag(), path.display());
    Failure::new(Exit::Failed, words)
}

/// The seed in a file: alone in it, or between the lines that `nsc` and `nk` write around it.
pub(super) fn seed_in(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| line.len() > 20 && line.starts_with('S'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let environment = Environment::from([("HOME", "/home/ana"), ("TEAM", "ops")]);
        let path = expanded(Field::Creds, text, &environment);
        match (path, expected) {
            (Ok(path), Ok(expected)) => assert_eq!(path, PathBuf::from(expected), "{text}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{text}: {error}");
            }
            (path, _) => panic!("{text}: {path:?}"),
        }
    }

    #[test]
    fn home_and_variables_stand_in_paths() {
        check("/a/b.creds", Ok("/a/b.creds"));
        check("~/b.creds", Ok("/home/ana/b.creds"));
        check("~bob/b.creds", Ok("~bob/b.creds"));
        check("$HOME/${TEAM}x/$TEAM.creds", Ok("/home/ana/opsx/ops.creds"));
        check("$NOBODY/b", Err("is not set: $NOBODY"));
        check("op://vault/item", Err("only files are supported"));
        check("data:;base64,AAAA", Err("only files are supported"));
    }

    #[test]
    fn a_seed_is_found_between_its_lines() {
        let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
        assert_eq!(seed_in(&format!("{seed}\n")), Some(seed));
        let dressed =
            format!("-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n");
        assert_eq!(seed_in(&dressed), Some(seed));
        assert_eq!(seed_in("nothing\n"), None);
    }
}
