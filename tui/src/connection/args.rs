//! The flags of a connection, spelled as the `nats` command has them.

use clap::Args;

use super::{Environment, Field};

/// Where the server and the group are, and how to log in.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[expect(clippy::doc_markdown, reason = "these comments are shown as they are")]
#[command(next_help_heading = "Connection (--help shows all)")]
pub(crate) struct ConnectionArgs {
    /// The group; default: the only one in the account [env: DIVIDER_GROUP]
    #[arg(short, long, global = true, value_name = "NAME", add = crate::complete::groups())]
    pub(crate) group: Option<String>,
    /// The context of the nats command: its name, or a path that ends in .json [env: NATS_CONTEXT]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Use no context, even if one is selected
    #[arg(long, global = true, conflicts_with = "context", hide_short_help = true)]
    pub(crate) no_context: bool,
    /// The server: nats://, postgres:// or redis://, or several separated by commas [env: NATS_URL] [default: nats://127.0.0.1:4222]
    #[arg(short, long, global = true, value_name = "URL")]
    server: Option<String>,
    /// The user, or a token if there is no password [env: NATS_USER]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    user: Option<String>,
    /// The password; the variable is safer [env: NATS_PASSWORD]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    password: Option<String>,
    /// The token; the variable is safer [env: NATS_TOKEN]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    token: Option<String>,
    /// The file with the user's credentials [env: NATS_CREDS]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    creds: Option<String>,
    /// The file with the user's nkey seed [env: NATS_NKEY]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    nkey: Option<String>,
    /// The user's JWT; the variable is safer [env: NATS_JWT]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    jwt: Option<String>,
    /// The seed for the JWT; the variable is safer [env: NATS_SEED]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    seed: Option<String>,
    /// The client's certificate [env: NATS_CERT]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tlscert: Option<String>,
    /// The key of the client's certificate [env: NATS_KEY]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tlskey: Option<String>,
    /// The certificate authority of the server [env: NATS_CA]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    tlsca: Option<String>,
    /// Start TLS before the server's greeting
    #[arg(long, global = true, hide_short_help = true)]
    tlsfirst: bool,
    /// Connect only to the given addresses; ignore discovered servers
    #[arg(long, global = true, hide_short_help = true)]
    ignore_discovered_servers: bool,
    /// The JetStream domain of the group
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    js_domain: Option<String>,
    /// The prefix of an imported JetStream API
    #[arg(long, global = true, value_name = "SUBJECT", hide_short_help = true)]
    js_api_prefix: Option<String>,
    /// Inbox prefix, if the user may not subscribe to _INBOX
    #[arg(long, global = true, value_name = "SUBJECT", hide_short_help = true)]
    inbox_prefix: Option<String>,
    /// The name of the connection in the server's list
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    connection_name: Option<String>,
    /// Time-out for a reply [env: NATS_TIMEOUT] [default: 5s]
    #[arg(long, global = true, value_name = "SPAN", hide_short_help = true)]
    timeout: Option<String>,
    /// Not supported (rejected)
    #[arg(long, global = true, value_name = "URL", hide = true)]
    socks_proxy: Option<String>,
    /// Nothing but the context counts.
    #[arg(skip)]
    only_context: bool,
}

impl ConnectionArgs {
    /// What a context says, and nothing else: whoever chose it now means it.
    pub(crate) fn of_context(name: String) -> Self {
        Self { context: Some(name), only_context: true, ..Self::default() }
    }

    /// The variables that count beside the flags.
    pub(crate) fn environment(&self) -> Environment {
        let all = Environment::of_process();
        if self.only_context { all.without_connection() } else { all }
    }

    /// What a flag says; one that is empty says nothing.
    pub(super) fn get(&self, field: Field) -> Option<String> {
        let value = match field {
            Field::Server => &self.server,
            Field::User => &self.user,
            Field::Password => &self.password,
            Field::Token => &self.token,
            Field::Creds => &self.creds,
            Field::Nkey => &self.nkey,
            Field::Jwt => &self.jwt,
            Field::Seed => &self.seed,
            Field::TlsCert => &self.tlscert,
            Field::TlsKey => &self.tlskey,
            Field::TlsCa => &self.tlsca,
            Field::TlsFirst => return self.tlsfirst.then(|| "true".to_owned()),
            Field::IgnoreDiscovered => {
                return self.ignore_discovered_servers.then(|| "true".to_owned());
            }
            Field::JsDomain => &self.js_domain,
            Field::JsApiPrefix => &self.js_api_prefix,
            Field::InboxPrefix => &self.inbox_prefix,
            Field::ConnectionName => &self.connection_name,
            Field::SocksProxy => &self.socks_proxy,
            Field::Timeout => &self.timeout,
        };
        value.clone().filter(|value| !value.is_empty())
    }
}
