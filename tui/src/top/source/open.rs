//! Getting to the group, however long it takes.

use std::time::Duration;

use divider::GroupName;
use divider::snapshot::Moment;
use tokio::sync::mpsc;

use super::{Next, groups};
use crate::connection::{Connected, ConnectionArgs, Opened, Settings};
use crate::exit::{Exit, Failure};
use crate::top::model::{Cause, NotOpen};
use crate::top::update::{Ask, News};

/// Connects, and opens a group.
pub(super) struct Opener {
    connection: ConnectionArgs,
    /// The connection, once there is one; groups of the same account are opened on it.
    connected: Option<Connected>,
    group: Option<GroupName>,
}

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

impl Opener {
    pub(super) fn new(connection: ConnectionArgs) -> Self {
        // A name that is none is said when it is connected.
        let group = connection.wanted_group(&connection.environment()).unwrap_or_default();
        Self { connection, connected: None, group }
    }

    /// Has another group opened next.
    pub(super) fn switch(&mut self, group: GroupName) {
        self.group = Some(group);
    }

    /// Has what a context leads to opened next, and says what that is.
    pub(super) async fn go(
        &mut self,
        context: String,
        tell: &mpsc::Sender<News>,
    ) -> Result<(), ()> {
        let connection = ConnectionArgs::of_context(context);
        let news = match Settings::resolve(&connection, &connection.environment()) {
            Ok(settings) => {
                *self = Self::new(connection);
                News::Going(settings.place())
            }
            // Where it is it stays.
            Err(failure) => News::Said { text: failure.to_string(), failed: true },
        };
        tell.send(news).await.map_err(|_| ())
    }

    /// Opens the group, trying again and again, or says what is to be done instead.
    pub(super) async fn open(
        &mut self,
        asks: &mut mpsc::Receiver<Ask>,
        tell: &mpsc::Sender<News>,
    ) -> Result<Opened, Next> {
        let mut attempts = 0;
        loop {
            // Whoever asks to leave, or for another group, does not wait for a server.
            let failure = tokio::select! {
                opened = self.try_to_open() => match opened {
                    Ok(None) => {
                        tell.send(News::Choose).await.map_err(|_| Next::Nothing)?;
                        return Err(self.next_while_closed(asks, tell).await);
                    }
                    Ok(Some(opened)) => {
                        let news = News::Open {
                            group: opened.group.name().clone(),
                            server: opened.server.clone(),
                            context: opened.context.clone(),
                        };
                        tell.send(news).await.map_err(|_| Next::Nothing)?;
                        return Ok(opened);
                    }
                    Err(failure) => failure,
                },
                next = next_of(asks) => return Err(next),
            };
            attempts += 1;
            let wait = (FIRST_RETRY * 2_u32.saturating_pow(attempts - 1)).min(LONGEST_RETRY);
            let wait = wait / 2 + wait.mul_f64(f64::from(random()) / 512.0);
            let retry = Moment::now() + wait;
            let error = failure.to_string();
            let (group, cause) = (self.group.clone(), cause(&failure));
            let not_open = NotOpen { group, error, cause, attempts, retry };
            tell.send(News::NotOpen(not_open)).await.map_err(|_| Next::Nothing)?;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                next = self.next_while_closed(asks, tell) => return Err(next),
            }
        }
    }

    /// Opens the group. `None`: there are several, and none was chosen.
    async fn try_to_open(&mut self) -> Result<Option<Opened>, Failure> {
        let connected = match &self.connected {
            Some(connected) => connected,
            None => self.connected.insert(self.connection.connect().await?),
        };
        let group = match &self.group {
            Some(group) => group.clone(),
            None => match only_group(connected).await? {
                Some(group) => group,
                None => return Ok(None),
            },
        };
        self.group = Some(group.clone());
        connected.open_group(group).await.map(Some)
    }

    /// Without a group there are the account's groups to be asked for, and another to be chosen.
    async fn next_while_closed(
        &self,
        asks: &mut mpsc::Receiver<Ask>,
        tell: &mpsc::Sender<News>,
    ) -> Next {
        loop {
            match asks.recv().await {
                None => return Next::Nothing,
                Some(Ask::Switch(group)) => return Next::Group(group),
                Some(Ask::Context(name)) => return Next::Context(name),
                Some(Ask::Resync) => return Next::Same,
                Some(Ask::Groups) => {
                    let server = self.connected.as_ref().map(|to| to.server.clone());
                    tokio::spawn(groups::tell(server, tell.clone()));
                }
                Some(_) => {}
            }
        }
    }
}

/// The group that was asked for, or the only one there is. `None`: there are several.
async fn only_group(connected: &Connected) -> Result<Option<GroupName>, Failure> {
    if let Some(group) = connected.wanted() {
        return Ok(Some(group.clone()));
    }
    let mut groups = connected.groups().await?.into_iter();
    let none = || Failure::new(Exit::NotFound, "no groups in this account (bucket divider_*)");
    let first = groups.next().ok_or_else(none)?;
    Ok(groups.next().is_none().then_some(first))
}

async fn next_of(asks: &mut mpsc::Receiver<Ask>) -> Next {
    loop {
        match asks.recv().await {
            None => return Next::Nothing,
            Some(Ask::Switch(group)) => return Next::Group(group),
            Some(Ask::Context(name)) => return Next::Context(name),
            Some(_) => {}
        }
    }
}

fn cause(failure: &Failure) -> Cause {
    let words = failure.to_string();
    let is_denied = ["permission", "authorization", "authentication"];
    if failure.is(Exit::NotFound) && !words.contains("context") {
        Cause::NoGroup
    } else if is_denied.iter().any(|word| words.contains(word)) {
        Cause::Denied
    } else {
        Cause::Other
    }
}

/// A number that is another one in each process, so that not all viewers come back at once.
fn random() -> u8 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let [first, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    first
}
