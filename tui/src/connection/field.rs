//! The single settings of a connection, and the names they have in each place.

use std::fmt;

/// One setting of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Server,
    User,
    Password,
    Token,
    Creds,
    Nkey,
    Jwt,
    Seed,
    TlsCert,
    TlsKey,
    TlsCa,
    TlsFirst,
    IgnoreDiscovered,
    JsDomain,
    JsApiPrefix,
    InboxPrefix,
    ConnectionName,
    SocksProxy,
    Timeout,
}

/// Where a setting was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flag(&'static str),
    Variable(&'static str),
    Context,
    Default,
}

/// The ways to log in. A token is sent beside any of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Login {
    Password,
    Creds,
    Nkey,
    Jwt,
    Token,
}

impl Field {
    pub(crate) const ALL: [Self; 19] = [
        Self::Server,
        Self::User,
        Self::Password,
        Self::Token,
        Self::Creds,
        Self::Nkey,
        Self::Jwt,
        Self::Seed,
        Self::TlsCert,
        Self::TlsKey,
        Self::TlsCa,
        Self::TlsFirst,
        Self::IgnoreDiscovered,
        Self::JsDomain,
        Self::JsApiPrefix,
        Self::InboxPrefix,
        Self::ConnectionName,
        Self::SocksProxy,
        Self::Timeout,
    ];

    /// The flag, without its dashes: the field's name for people, too.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::User => "user",
            Self::Password => "password",
            Self::Token => "token",
            Self::Creds => "creds",
            Self::Nkey => "nkey",
            Self::Jwt => "jwt",
            Self::Seed => "seed",
            Self::TlsCert => "tlscert",
            Self::TlsKey => "tlskey",
            Self::TlsCa => "tlsca",
            Self::TlsFirst => "tlsfirst",
            Self::IgnoreDiscovered => "ignore-discovered-servers",
            Self::JsDomain => "js-domain",
            Self::JsApiPrefix => "js-api-prefix",
            Self::InboxPrefix => "inbox-prefix",
            Self::ConnectionName => "connection-name",
            Self::SocksProxy => "socks-proxy",
            Self::Timeout => "timeout",
        }
    }

    /// The variable, as the `nats` command has it.
    pub(crate) const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("NATS_URL"),
            Self::User => Some("NATS_USER"),
            Self::Password => Some("NATS_PASSWORD"),
            Self::Token => Some("NATS_TOKEN"),
            Self::Creds => Some("NATS_CREDS"),
            Self::Nkey => Some("NATS_NKEY"),
            Self::Jwt => Some("NATS_JWT"),
            Self::Seed => Some("NATS_SEED"),
            Self::TlsCert => Some("NATS_CERT"),
            Self::TlsKey => Some("NATS_KEY"),
            Self::TlsCa => Some("NATS_CA"),
            Self::Timeout => Some("NATS_TIMEOUT"),
            Self::SocksProxy => Some("NATS_SOCKS_PROXY"),
            Self::TlsFirst
            | Self::IgnoreDiscovered
            | Self::JsDomain
            | Self::JsApiPrefix
            | Self::InboxPrefix
            | Self::ConnectionName => None,
        }
    }

    /// What a context's file calls it.
    pub(crate) const fn context_key(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("url"),
            Self::User => Some("user"),
            Self::Password => Some("password"),
            Self::Token => Some("token"),
            Self::Creds => Some("creds"),
            Self::Nkey => Some("nkey"),
            Self::Jwt => Some("user_jwt"),
            Self::Seed => Some("user_seed"),
            Self::TlsCert => Some("cert"),
            Self::TlsKey => Some("key"),
            Self::TlsCa => Some("ca"),
            Self::TlsFirst => Some("tls_first"),
            Self::JsDomain => Some("jetstream_domain"),
            Self::JsApiPrefix => Some("jetstream_api_prefix"),
            Self::InboxPrefix => Some("inbox_prefix"),
            Self::SocksProxy => Some("socks_proxy"),
            Self::IgnoreDiscovered | Self::ConnectionName | Self::Timeout => None,
        }
    }

    /// What the field is a part of, if it is one of what logs in.
    pub(crate) const fn login(self) -> Option<Login> {
        match self {
            Self::User | Self::Password => Some(Login::Password),
            Self::Token => Some(Login::Token),
            Self::Creds => Some(Login::Creds),
            Self::Nkey => Some(Login::Nkey),
            Self::Jwt | Self::Seed => Some(Login::Jwt),
            _ => None,
        }
    }

    /// Whether nobody may read its value.
    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Token | Self::Jwt | Self::Seed)
    }
}

impl Login {
    /// What it is called where a word has to say how one logged in.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "user and password",
            Self::Creds => "credentials file",
            Self::Nkey => "nkey",
            Self::Jwt => "jwt",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(name) => f.write_str(name),
            Self::Context => f.write_str("context"),
            Self::Default => f.write_str("default"),
        }
    }
}
