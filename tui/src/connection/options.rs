//! Settings as the client takes them.

use async_nats::ConnectOptions;
use divider::NatsStore;
use divider::store::nats::NatsOptions;
use divider::store::nats::credentials_file;

use super::field::Login;
use super::{Environment, Field, Settings, files};
use crate::exit::{Exit, Failure};

/// So many bytes are read at once. The connection reads a hundred times before whoever folds what
/// came has its turn: of a large group that is what is in memory beside it.
const READ_AT_ONCE: u16 = 8 * 1024;

/// What the settings make of the store's options. Reads the files of credentials.
pub(super) fn store_options(
    settings: &Settings,
    environment: &Environment,
) -> Result<NatsOptions, Failure> {
    let options = with_login(settings, environment)?;
    let options = with_tls(options, settings, environment)?;
    let name = settings.text(Field::ConnectionName).unwrap_or("divider command");
    let mut options = options.name(name).read_buffer_capacity(READ_AT_ONCE);
    if let Some(prefix) = settings.text(Field::InboxPrefix) {
        options = options.custom_inbox_prefix(prefix);
    }
    let timeout = settings.timeout();
    let store = NatsStore::options()
        .connect_options(options)
        .connect_timeout(timeout)
        .request_timeout(timeout);
    let store = match settings.text(Field::IgnoreDiscovered) {
        Some(_) => store.ignore_discovered_servers(),
        None => store,
    };
    // The prefix is the more exact of the two.
    Ok(match (settings.text(Field::JsApiPrefix), settings.text(Field::JsDomain)) {
        (Some(prefix), _) => store.api_prefix(prefix),
        (None, Some(domain)) => store.domain(domain),
        (None, None) => store,
    })
}

fn with_login(settings: &Settings, environment: &Environment) -> Result<ConnectOptions, Failure> {
    let text = |field| settings.text(field).unwrap_or_default().to_owned();
    let path = |field| files::expanded(field, &text(field), environment);
    let options = ConnectOptions::new();
    let options = match settings.text(Field::Token) {
        Some(token) => options.token(token.to_owned()),
        None => options,
    };
    let Some(login) = settings.login() else { return Ok(options) };
    Ok(match login {
        Login::Token => options,
        Login::Password => options.user_and_password(text(Field::User), text(Field::Password)),
        Login::Creds => credentials_file(path(Field::Creds)?).map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot read the creds file: {error}"))
        })?,
        Login::Nkey => {
            let file = files::read(Field::Nkey, &path(Field::Nkey)?)?;
            let no_seed = || Failure::new(Exit::Failed, "the nkey file contains no seed");
            options.nkey(files::seed_in(&file).ok_or_else(no_seed)?.to_owned())
        }
        Login::Jwt => with_jwt(options, &text(Field::Jwt), settings.text(Field::Seed))?,
    })
}

fn with_jwt(
    options: ConnectOptions,
    jwt: &str,
    seed: Option<&str>,
) -> Result<ConnectOptions, Failure> {
    let Some(seed) = seed else {
        // A bearer's token is not signed for.
        return Ok(options.jwt(jwt.to_owned(), |_| async { Ok(Vec::new()) }));
    };
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    let failed =
        |error| Failure::new(Exit::Usage, format!("the seed does not match the JWT: {error}"));
    options.credentials(&creds).map_err(failed)
}

fn with_tls(
    mut options: ConnectOptions,
    settings: &Settings,
    environment: &Environment,
) -> Result<ConnectOptions, Failure> {
    let path = |field| {
        let text = settings.text(field);
        text.map(|text| files::readable(field, text, environment)).transpose()
    };
    if let Some(authority) = path(Field::TlsCa)? {
        options = options.add_root_certificates(authority).require_tls(true);
    }
    if let Some(cert) = path(Field::TlsCert)? {
        // Without a key the certificate's file has both.
        let key = path(Field::TlsKey)?.unwrap_or_else(|| cert.clone());
        options = options.add_client_certificate(cert, key).require_tls(true);
    }
    if settings.text(Field::TlsFirst) == Some("true") {
        options = options.tls_first();
    }
    Ok(options)
}
