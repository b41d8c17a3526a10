//! Where the dashboard's news come from: a thread of its own that follows one group at a time.
//!
//! It decides nothing. Whatever it does may take its time: the screen never waits for it.

mod answer;
mod follow;
mod groups;
mod open;

use std::io;

use divider::GroupName;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::unconstrained;

use self::open::Opener;
use super::update::{Ask, News};
use crate::connection::ConnectionArgs;

/// The dashboard's end of the line.
pub(crate) struct Source {
    asks: mpsc::Sender<Ask>,
    news: mpsc::Receiver<News>,
}

/// So much may wait on the line. News wait at their source then, where they are folded into one.
const LINE: usize = 16;

impl Source {
    /// Connects, and follows the group that is asked for.
    pub(crate) fn start(connection: ConnectionArgs) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel(LINE);
        let (tell, news) = mpsc::channel(LINE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("source".to_owned()).spawn(move || {
            runtime.block_on(run(Opener::new(connection), asked, tell));
        })?;
        Ok(Self { asks, news })
    }

    /// Asks for something. It is not waited for: what comes of it is news.
    pub(crate) fn ask(&self, ask: Ask) -> Result<(), &'static str> {
        self.asks.try_send(ask).map_err(|_| "too many requests, try again")
    }

    /// The next news; none when the source is gone, which it never is by itself.
    pub(crate) async fn news(&mut self) -> Option<News> {
        self.news.recv().await
    }
}

/// What is to be followed next.
enum Next {
    /// The dashboard is gone.
    Nothing,
    /// The same group, read anew.
    Same,
    Group(GroupName),
    /// What that context of the `nats` command leads to.
    Context(String),
}

/// Follows one group after another, until nobody asks any more.
async fn run(mut opener: Opener, mut asks: mpsc::Receiver<Ask>, tell: mpsc::Sender<News>) {
    loop {
        let next = match opener.open(&mut asks, &tell).await {
            Ok(open) => {
                let runtime = open.runtime.clone().unwrap_or_else(Handle::current);
                // Where the connection is read, and until everything that came is folded: else a
                // large group waits in memory as messages, which are more than all the rest.
                let following = unconstrained(follow::follow(open, asks, tell.clone()));
                let following = runtime.spawn(following);
                // It is never aborted; a panic in it was told, and ends the dashboard.
                let Ok((next, asked)) = following.await else { return };
                asks = asked;
                next
            }
            Err(next) => next,
        };
        match next {
            Next::Nothing => return,
            Next::Same => {}
            Next::Group(group) => opener.switch(group),
            Next::Context(name) => {
                let Ok(()) = opener.go(name, &tell).await else { return };
            }
        }
    }
}
