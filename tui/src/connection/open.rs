//! Connecting, and finding the group.

use divider::store::nats::OpenError;
use divider::store::{Backend, ConnectError, Store, StoreOptions};
use divider::{Group, GroupName};
use tokio::runtime::Handle;

use super::{ConnectionArgs, Environment, Field, Secret, Server, Settings, options};
use crate::exit::{Exit, Failure};

/// A connection to a server, before a group is chosen.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) server: Server,
    pub(crate) settings: Settings,
    /// The group that was asked for, if one was.
    wanted: Option<GroupName>,
}

/// A group that is open, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) group: Group,
    /// Where it is, with the other groups there.
    pub(crate) place: Server,
    /// The context that was used, if one was.
    pub(crate) context: Option<String>,
    /// The address of the server, without secrets.
    pub(crate) server: String,
    /// The runtime that reads the connection, where it has one to itself.
    pub(crate) runtime: Option<Handle>,
}

impl ConnectionArgs {
    /// Connects to the server.
    pub(crate) async fn connect(&self) -> Result<Connected, Failure> {
        let environment = self.environment();
        let settings = Settings::resolve(self, &environment)?;
        let wanted = self.wanted_group(&environment)?;
        let urls = settings.text(Field::Server).unwrap_or_default();
        let server = match Backend::of(urls)? {
            Backend::Nats => {
                let options = options::store_options(&settings, &environment)?;
                let account = options.account(urls).await;
                Server::Nats(Box::new(account.map_err(|error| failure(error.into(), &settings))?))
            }
            backend => {
                settings.check_backend(backend)?;
                let options = StoreOptions::default().request_timeout(settings.timeout());
                Server::Other { backend, urls: Secret(urls.to_owned()), options }
            }
        };
        Ok(Connected { server, settings, wanted })
    }

    /// Connects and opens the group.
    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        self.connect().await?.open().await
    }

    /// The group that is asked for, if one is.
    pub(crate) fn wanted_group(
        &self,
        environment: &Environment,
    ) -> Result<Option<GroupName>, Failure> {
        let flag = self.group.clone().filter(|name| !name.is_empty());
        let name = flag.or_else(|| environment.get("DIVIDER_GROUP"));
        // As `-o name` prints it.
        let name = name.map(|name| name.strip_prefix("group/").unwrap_or(&name).to_owned());
        let wrong = |error: divider::InvalidId| Failure::new(Exit::Usage, error.to_string());
        name.map(|name| name.parse().map_err(wrong)).transpose()
    }
}

impl Connected {
    /// Opens the group that was asked for, or the only one that there is.
    pub(crate) async fn open(self) -> Result<Opened, Failure> {
        let group = self.group().await?;
        self.open_group(group).await
    }

    /// Opens a group.
    pub(crate) async fn open_group(&self, group: GroupName) -> Result<Opened, Failure> {
        let store = self.server.open(group).await;
        let store = store.map_err(|error| failure(error, &self.settings))?;
        Ok(Opened {
            runtime: store.runtime(),
            group: Group::open(store),
            place: self.server.clone(),
            context: self.settings.context.as_ref().map(|context| context.name.clone()),
            server: self.settings.server(),
        })
    }

    /// The group that was asked for.
    pub(crate) fn wanted(&self) -> Option<&GroupName> {
        self.wanted.as_ref()
    }

    /// The groups in the account.
    pub(crate) async fn groups(&self) -> Result<Vec<GroupName>, Failure> {
        self.server.groups().await.map_err(|error| failure(error, &self.settings))
    }

    /// The name of the group that was asked for, or of the only one that there is.
    pub(crate) async fn group(&self) -> Result<GroupName, Failure> {
        if let Some(group) = &self.wanted {
            return Ok(group.clone());
        }
        let mut groups = self.groups().await?;
        match (groups.pop(), groups.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => {
                let words = "no groups in this account; create one with `divider init -g NAME`";
                Err(Failure::new(Exit::NotFound, words))
            }
            (Some(last), _) => {
                groups.push(last);
                let names: Vec<_> = groups.iter().map(GroupName::as_str).collect();
                let words = "there are several groups; choose one with --group or DIVIDER_GROUP";
                Err(Failure::new(Exit::Usage, format!("{words}: {}", names.join(", "))))
            }
        }
    }
}

/// An error, with the context where a wrong one may be why: one that is selected is not to be seen.
fn failure(error: ConnectError, settings: &Settings) -> Failure {
    let of_nats = match &error {
        ConnectError::Backend(error) => error.downcast_ref(),
        _ => None,
    };
    let may_be_context =
        !matches!(of_nats, Some(OpenError::Rules { .. } | OpenError::Protocol { .. }));
    let failure = Failure::from(error);
    match (&settings.context, settings.login()) {
        (Some(context), _) if may_be_context => {
            failure.with(&format!(" (context {})", context.name))
        }
        _ => failure,
    }
}
