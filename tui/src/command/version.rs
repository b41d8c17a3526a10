//! `divider version`

use clap::Args;
use serde::Serialize;

use crate::exit::Outcome;
use crate::output::{Format, answer, answer_json};
use crate::shell::Shell;

/// Show the versions of this command, and of the server if one answers
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Do not ask the server
    #[arg(long)]
    client: bool,
}

/// `divider.version.v1`
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    divider: &'static str,
    server: Option<String>,
    server_version: Option<String>,
}

impl VersionArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let format = shell.output.format(&[Format::Plain, Format::Json])?;
        let server = if self.client {
            None
        } else {
            let connected = shell.connect().await.ok();
            connected.and_then(|connected| Some(connected.server.nats()?.server()))
        };
        let divider = env!("CARGO_PKG_VERSION");
        if format == Format::Json {
            let (server, server_version) = server.map(|s| (s.name, s.version)).unzip();
            let schema = "divider.version.v1";
            return answer_json(&Document { schema, divider, server, server_version });
        }
        let server = server.map_or_else(String::new, |server| {
            format!("nats-server {} ({})\n", server.version, shell.output.plain(&server.name))
        });
        let text = format!("divider {divider}\n{server}");
        Ok(answer(&text)?)
    }
}
