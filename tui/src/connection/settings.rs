//! What won: each setting with where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use divider::store::Backend;

use super::field::Login;
use super::redact::{has_secrets, hidden, without_secrets};
use super::{Chosen, ConnectionArgs, Contexts, Environment, Field, Source, redacted};
use crate::exit::{Exit, Failure};
use crate::span::parse_span;

/// A setting that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(super) text: String,
    pub(crate) source: Source,
}

/// How to connect, worked out from flags, variables and context, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) context: Option<Chosen>,
    values: BTreeMap<Field, Value>,
}

const DEFAULT_SERVER: &str = "nats://127.0.0.1:4222";
const DEFAULT_TIMEOUT: &str = "5s";

impl Settings {
    /// Works it out. Reads the context's file, and no other.
    pub(crate) fn resolve(
        args: &ConnectionArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let context = Contexts::new(environment).choose(args, environment)?;
        let mut values = given(args, environment);
        if let Some(context) = &context {
            add_context(&mut values, context)?;
        }
        for (field, text) in [(Field::Server, DEFAULT_SERVER), (Field::Timeout, DEFAULT_TIMEOUT)] {
            let default = Value { text: text.to_owned(), source: Source::Default };
            values.entry(field).or_insert(default);
        }
        let settings = Self { context, values };
        settings.check()?;
        Ok(settings)
    }

    /// A setting's value, secrets included.
    pub(super) fn text(&self, field: Field) -> Option<&str> {
        self.values.get(&field).map(|value| value.text.as_str())
    }

    /// Every setting as it may be shown, with its source.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (Field, String, &Source)> {
        self.values.iter().map(|(field, value)| {
            let text = match field {
                Field::Server => redacted(&value.text),
                field if field.is_secret() => hidden(),
                _ => value.text.clone(),
            };
            (*field, text, &value.source)
        })
    }

    /// The address, as it may be shown.
    pub(crate) fn server(&self) -> String {
        redacted(self.text(Field::Server).unwrap_or(DEFAULT_SERVER))
    }

    /// How it logs in: the first that there is, in the order in which the `nats` command tries them.
    pub(crate) fn login(&self) -> Option<Login> {
        let has = |login: &Login| self.values.keys().any(|field| field.login() == Some(*login));
        let order = [Login::Password, Login::Creds, Login::Nkey, Login::Jwt, Login::Token];
        order.into_iter().find(has)
    }

    /// How it logs in, in words.
    pub(crate) fn login_words(&self) -> &'static str {
        match self.login() {
            Some(login) => login.as_str(),
            None if self.values.contains_key(&Field::TlsCert) => "TLS certificate",
            None if has_secrets(self.text(Field::Server).unwrap_or_default()) => {
                "credentials in the address"
            }
            None => "none",
        }
    }

    /// How long an answer is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        let text = self.text(Field::Timeout).unwrap_or(DEFAULT_TIMEOUT);
        parse_span(text).unwrap_or(Duration::from_secs(5))
    }

    /// Whether the settings suit a backend other than NATS: log-in and TLS are in its address.
    pub(super) fn check_backend(&self, backend: Backend) -> Result<(), Failure> {
        let suits =
            |field: Field| matches!(field, Field::Server | Field::Timeout | Field::ConnectionName);
        let given = |(field, value): &(&Field, &Value)| {
            !suits(**field) && matches!(value.source, Source::Flag(_))
        };
        let Some((_, value)) = self.values.iter().find(given) else { return Ok(()) };
        let words = format!(
            "{} is for NATS, and this server is {backend}: put log-in and TLS settings into its \
             address",
            value.source
        );
        Err(Failure::new(Exit::Usage, words))
    }

    fn check(&self) -> Result<(), Failure> {
        let usage = |words: String| Err(Failure::new(Exit::Usage, words));
        let Some(Value { text, source }) = self.values.get(&Field::Timeout) else { return Ok(()) };
        match parse_span(text) {
            Ok(span) if span.is_zero() => {
                return usage(format!("{source} must be above 0: {text}"));
            }
            Ok(_) => {}
            Err(error) => return usage(format!("{source}: {error}")),
        }
        if let Some(proxy) = self.values.get(&Field::SocksProxy) {
            let source = &proxy.source;
            return usage(format!(
                "a SOCKS proxy is not supported (set by {source}): use a tunnel"
            ));
        }
        for (one, other) in [(Field::TlsCert, Field::TlsKey), (Field::Seed, Field::Jwt)] {
            if self.values.contains_key(&one) && !self.values.contains_key(&other) {
                return usage(format!("--{} also needs --{}", one.flag(), other.flag()));
            }
        }
        Ok(())
    }
}

/// What flags and variables say.
fn given(args: &ConnectionArgs, environment: &Environment) -> BTreeMap<Field, Value> {
    let mut values = BTreeMap::new();
    for field in Field::ALL {
        if let Some(text) = args.get(field) {
            values.insert(field, Value { text, source: Source::Flag(field.flag()) });
        }
    }
    let by_flags = logins(&values);
    for field in Field::ALL {
        let Some(name) = field.variable() else { continue };
        // Who gives one way to log in by a flag does not want another of the environment.
        if !by_flags.is_empty() && field.login().is_some_and(|login| !by_flags.contains(&login)) {
            continue;
        }
        if let Some(text) = environment.get(name) {
            values.entry(field).or_insert(Value { text, source: Source::Variable(name) });
        }
    }
    user_alone_is_a_token(&mut values);
    values
}

/// Adds what the context says and nobody else did.
fn add_context(values: &mut BTreeMap<Field, Value>, context: &Chosen) -> Result<(), Failure> {
    let usage = |words: String| Failure::new(Exit::Usage, words);
    if let Some(words) = context.foreign() {
        return Err(usage(words));
    }
    let given = &*values;
    let logs_in = !logins(given).is_empty()
        || given.get(&Field::Server).is_some_and(|server| has_secrets(&server.text));
    let mut added = BTreeMap::new();
    for field in Field::ALL {
        let is_cleared = logs_in && field.login().is_some() && !completes(given, field);
        let is_overruled = field == Field::JsApiPrefix && given.contains_key(&Field::JsDomain);
        if given.contains_key(&field) || is_cleared || is_overruled {
            continue;
        }
        let Some(mut text) = context.get(field) else { continue };
        if field == Field::Server && logs_in {
            text = without_secrets(&text);
        }
        added.insert(field, Value { text, source: Source::Context });
    }
    if !logs_in {
        user_alone_is_a_token(&mut added);
    }
    values.extend(added);
    if let Some(user) = context.nsc().filter(|_| logins(values).is_empty()) {
        let words = "takes its credentials from nsc, which is not supported: write them to a file \
                     with `nsc generate creds` and set it with --creds";
        return Err(usage(format!("the context {} {words}: {user}", context.name)));
    }
    Ok(())
}

/// Whether a field of the context is the other half of what was given.
fn completes(given: &BTreeMap<Field, Value>, field: Field) -> bool {
    let other = match field {
        Field::User => Field::Password,
        Field::Jwt => Field::Seed,
        Field::Seed => Field::Jwt,
        _ => return false,
    };
    given.contains_key(&other)
}

fn user_alone_is_a_token(values: &mut BTreeMap<Field, Value>) {
    let alone = values.contains_key(&Field::User) && !values.contains_key(&Field::Password);
    if alone
        && !values.contains_key(&Field::Token)
        && let Some(user) = values.remove(&Field::User)
    {
        values.insert(Field::Token, user);
    }
}

fn logins(values: &BTreeMap<Field, Value>) -> BTreeSet<Login> {
    values.keys().filter_map(|field| field.login()).collect()
}
