//! The command of one key, from its start to its end.

use std::ffi::OsString;
use std::time::Duration;

use divider::{Assignment, Finish};

use super::OnSuccess;
use super::child::spawn;
use super::forward::forward;
use crate::output::Output;

/// What is run for each key.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) command: Vec<OsString>,
    pub(super) group: String,
    pub(super) node: String,
    pub(super) stop_timeout: Duration,
    pub(super) on_success: OnSuccess,
    pub(super) prefixed: bool,
    pub(super) output: Output,
}

impl Job {
    /// Runs the command once.
    pub(super) async fn run(&self, mine: Assignment) -> Finish {
        match self.run_once(&mine).await {
            Ok(finish) => finish,
            Err(error) => {
                self.say(&mine, &error.to_string());
                Finish::Retry(error)
            }
        }
    }

    async fn run_once(&self, mine: &Assignment) -> Result<Finish, divider::BoxError> {
        let variables = [
            ("DIVIDER_KEY", mine.key().to_string()),
            ("DIVIDER_TOKEN", mine.token().to_string()),
            ("DIVIDER_GROUP", self.group.clone()),
            ("DIVIDER_NODE", self.node.clone()),
            ("DIVIDER_ATTEMPT", mine.attempt().to_string()),
        ];
        let mut running = spawn(&self.command, &variables, self.prefixed)
            .map_err(|error| format!("the command cannot be started: {error}"))?;
        let forwarding = self.prefixed.then(|| forward(&mut running, &self.prefix(mine)));
        self.output.say_more(&format!("{}: started with token {}", mine.key(), mine.token()));
        let status = tokio::select! {
            status = running.exited() => Some(status?),
            () = mine.cancelled() => None,
        };
        // What the command left behind, or the command itself.
        if running.stop(mine, self.stop_timeout).await {
            self.say(mine, "killed, since it did not end in time");
        }
        if let Some(forwarding) = forwarding {
            forwarding.finish().await;
        }
        let Some(status) = status else {
            let why = mine.reason().map_or("stopped", divider::Reason::as_str);
            self.output.say_more(&format!("{}: stopped ({why})", mine.key()));
            return Ok(Finish::Release);
        };
        match (status.success(), self.on_success) {
            (true, OnSuccess::Complete) => Ok(Finish::Done),
            (true, OnSuccess::Release) => Ok(Finish::Release),
            (false, _) => Err(format!("the command failed: {status}").into()),
        }
    }

    fn prefix(&self, mine: &Assignment) -> String {
        format!("{} | ", self.output.plain(mine.key().as_str()))
    }

    fn say(&self, mine: &Assignment, words: &str) {
        self.output.say(&format!("{}: {words}", mine.key()));
    }
}
