use std::fs;
use std::path::Path;

use clap::Parser;
use divider_local_server::Scratch;

use super::*;
use crate::exit::Failure;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A folder of contexts, variables and flags.
struct Bed {
    folder: Scratch,
}

impl Bed {
    fn new() -> Self {
        let folder = Scratch::new().expect("a folder");
        fs::create_dir_all(folder.path().join("nats/context")).expect("a folder");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn path_text(&self) -> String {
        self.path().display().to_string()
    }

    fn context(self, name: &str, json: &str) -> Self {
        let path = self.path().join(format!("nats/context/{name}.json"));
        fs::write(path, json).expect("written");
        self
    }

    fn select(self, name: &str) -> Self {
        fs::write(self.path().join("nats/context.txt"), format!("{name}\n")).expect("written");
        self
    }

    fn resolve(&self, flags: &str, variables: &str) -> Result<Settings, Failure> {
        let line = Line::parse_from(["divider"].into_iter().chain(flags.split_whitespace()));
        let mut environment = Environment::from([("XDG_CONFIG_HOME", self.path_text().as_str())]);
        let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs {
            environment.variables.insert(name.to_owned(), value.to_owned());
        }
        Settings::resolve(&line.connection, &environment)
    }

    /// What is shown, without what is so by default.
    fn shown(&self, flags: &str, variables: &str) -> String {
        let settings = self.resolve(flags, variables).expect("it can be resolved");
        let name = settings.context.as_ref().map_or("-", |context| &context.name).to_owned();
        let given = settings.shown().filter(|(_, _, source)| **source != Source::Default);
        let each =
            given.map(|(field, text, source)| format!(" {}={text} ({source})", field.flag()));
        name + &each.collect::<String>()
    }

    fn refusal(&self, flags: &str, variables: &str) -> String {
        self.resolve(flags, variables).expect_err(flags).to_string()
    }
}

fn prod() -> Bed {
    Bed::new()
        .context("prod", r#"{"url": "nats://n1", "user": "ana", "password": "s3cret"}"#)
        .context("dev.eu", r#"{"url": "me:s3cret@n2, n3", "tls_first": true, "creds": ""}"#)
}

#[test]
fn flags_win_over_variables_and_both_over_the_context() {
    let bed = prod();
    let check = |flags: &str, variables: &str, expected: &str| {
        assert_eq!(bed.shown(flags, variables), expected, "{flags} {variables}");
    };
    check("", "", "-");
    check("", "NATS_URL=nats://x NATS_CREDS=", "- server=nats://x (NATS_URL)");
    check("-s nats://y", "NATS_URL=nats://x", "- server=nats://y (--server)");
    let context = "server=nats://n1 (context) user=ana (context) password=xxxxx (context)";
    check("--context prod", "", &format!("prod {context}"));
    check("", "NATS_CONTEXT=prod", &format!("prod {context}"));
    check("--no-context", "NATS_CONTEXT=prod", "-");
    let url = "prod server=nats://y (--server) user=ana (context) password=xxxxx (context)";
    check("--context prod -s nats://y", "", url);
    check("--context dev.eu", "", "dev.eu server=xxxxx@n2,n3 (context) tlsfirst=true (context)");
}

#[test]
fn what_logs_in_clears_what_the_context_would_log_in_with() {
    let bed = prod();
    let check = |flags: &str, variables: &str, expected: &str| {
        let shown = bed.shown(flags, variables);
        assert_eq!(shown.split_once(' ').map(|(_, rest)| rest), Some(expected), "{flags}");
    };
    let server = "server=nats://n1 (context)";
    check("--context prod --creds a", "", &format!("{server} creds=a (--creds)"));
    check("--context prod", "NATS_CREDS=a", &format!("{server} creds=a (NATS_CREDS)"));
    // A user alone is a token, and has nothing to do with the context's password.
    check("--context prod --user bob", "", &format!("{server} token=xxxxx (--user)"));
    let half = format!("{server} user=ana (context) password=xxxxx (--password)");
    check("--context prod --password x", "", &half);
    // The address brings its own credentials, or loses them to those that were given.
    check("--context prod -s nats://me:x@y", "", "server=nats://xxxxx@y (--server)");
    let bare = "server=n2,n3 (context) token=xxxxx (--token) tlsfirst=true (context)";
    check("--context dev.eu --token t", "", bare);
    // One way by a flag leaves the other ways of the environment out.
    check("-s x --creds a", "NATS_USER=u NATS_PASSWORD=p", "server=x (--server) creds=a (--creds)");
    let both = "server=x (--server) user=u (--user) password=xxxxx (NATS_PASSWORD)";
    check("-s x --user u", "NATS_PASSWORD=p", both);
}

#[test]
fn the_order_of_logins_is_that_of_the_nats_command() {
    let check = |json: &str, expected: Option<&str>| {
        let bed = Bed::new().context("c", json);
        let settings = bed.resolve("--context c", "").expect(json);
        assert_eq!(settings.login().map(field::Login::as_str), expected, "{json}");
    };
    check("{}", None);
    check(r#"{"user": "u", "password": "p", "creds": "f"}"#, Some("user and password"));
    check(r#"{"creds": "f", "nkey": "n"}"#, Some("credentials file"));
    check(r#"{"nkey": "n", "user_jwt": "j", "token": "t"}"#, Some("nkey"));
    check(r#"{"user_jwt": "j", "user_seed": "s"}"#, Some("jwt"));
    check(r#"{"user": "u"}"#, Some("token"));
}

#[test]
fn a_context_is_found_by_flag_variable_choice_or_path() {
    let bed = prod().select("prod");
    let name = |flags: &str, variables: &str| {
        let settings = bed.resolve(flags, variables).expect("resolved");
        settings.context.map(|context| (context.name, context.choice))
    };
    let is = |name: &str, choice| Some((name.to_owned(), choice));
    assert_eq!(name("", ""), is("prod", Choice::Selected));
    assert_eq!(name("", "NATS_CONTEXT=dev.eu"), is("dev.eu", Choice::Variable));
    assert_eq!(name("--context prod", "NATS_CONTEXT=dev.eu"), is("prod", Choice::Flag));
    assert_eq!(name("--no-context", "NATS_CONTEXT=dev.eu"), None);
    let path = bed.path().join("nats/context/dev.eu.json");
    assert_eq!(name(&format!("--context {}", path.display()), ""), is("dev.eu", Choice::Flag));
    let environment = Environment::from([("XDG_CONFIG_HOME", bed.path_text().as_str())]);
    let contexts = Contexts::new(&environment);
    assert_eq!(contexts.names(), ["dev.eu", "prod"]);
}

#[test]
fn unsupported_settings_are_rejected() {
    let bed = prod()
        .context("nsc", r#"{"nsc": "nsc://op/acc/user"}"#)
        .context("socks", r#"{"socks_proxy": "socks5://p"}"#)
        .context("windows", r#"{"windows_cert_store": "user"}"#)
        .context("broken", "{");
    let check = |flags: &str, variables: &str, expected: &str| {
        let words = bed.refusal(flags, variables);
        assert!(words.contains(expected), "{flags}: {words}");
    };
    check("--context nowhere", "", "no such context; existing: broken, dev.eu, nsc, prod");
    check("", "NATS_CONTEXT=nowhere", "(from NATS_CONTEXT)");
    check("--context ../../etc", "", "neither the name of a context");
    check("--context broken", "", "cannot read the context broken");
    check("--context nsc", "", "nsc generate creds");
    check("--context socks", "", "SOCKS");
    check("--socks-proxy socks5://p", "", "SOCKS");
    check("--context windows", "", "Windows");
    check("--tlscert a", "", "--tlscert also needs --tlskey");
    check("--seed a", "", "--seed also needs --jwt");
    check("--timeout 5", "", "--timeout");
    check("--timeout 0s", "", "above 0");
    check("", "NATS_TIMEOUT=soon", "NATS_TIMEOUT");
    assert!(bed.resolve("--context nsc --creds f", "").is_ok());
    let missing = prod().select("gone").refusal("", "");
    assert!(missing.contains("(selected; see"), "{missing}");
}
