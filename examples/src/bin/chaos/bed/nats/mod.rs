//! One nats-server, or three with the group on all of them.

mod rights;
mod servers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::{Client, ConnectOptions, HeaderMap, ServerAddr};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use divider::store::Store;
use divider::store::nats::{NatsStore, StreamOptions};
use divider_examples::proxy::Flow;
use divider_local_server::LocalServer;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use self::rights::STREAM;
use self::servers::Servers;
use super::{Bed, GROUP, How, PATIENCE, Taken, Who, patiently};
use crate::Failure;
use crate::settings::Settings;

/// The servers, and the administrator's connection to them.
pub(crate) struct NatsBed {
    runtime: Handle,
    admin: Client,
    servers: Servers,
    nodes: Vec<String>,
}

impl NatsBed {
    pub(super) fn start(
        settings: &Settings,
        nodes: &[String],
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let config = rights::config(nodes, None);
        // The ways between servers are carried there.
        let inside = runtime.enter();
        let servers = Servers::start(settings.servers, settings.version, config)?;
        drop(inside);
        let admin = runtime.block_on(connect(&servers))?;
        Ok(Self { runtime: runtime.clone(), admin, servers, nodes: nodes.to_vec() })
    }

    /// Has the leader of the stream give its office up.
    pub(crate) fn step_down(&self) -> Result<(), Failure> {
        self.api(&format!("STREAM.LEADER.STEPDOWN.{STREAM}"), &json!({})).map(drop)
    }

    /// What happens from now on to what a server sends to the others, and to what it is sent.
    pub(crate) fn set_flow(&self, server: usize, sent: Flow, received: Flow) {
        self.servers.set_flow(server, sent, received);
    }

    /// Runs the next newer release from now on.
    pub(crate) fn upgrade(&mut self) -> Result<(), Failure> {
        self.servers.upgrade()
    }

    /// Asks the administrator's side of `JetStream`, until there is an answer.
    fn api(&self, what: &str, body: &Value) -> Result<Value, Failure> {
        let subject = format!("$JS.API.{what}");
        let body = body.to_string().into_bytes();
        let ask = async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let request = self.admin.request(subject.clone(), body.clone().into());
                let answer = timeout(Duration::from_secs(3), request).await;
                if let Ok(Ok(message)) = &answer {
                    let answer: Value = serde_json::from_slice(&message.payload)?;
                    match answer.get("error") {
                        None => return Ok(answer),
                        Some(error) if Instant::now() > deadline => {
                            return Err(format!("{subject}: {error}").into());
                        }
                        Some(_) => {}
                    }
                }
                if Instant::now() > deadline {
                    return Err(format!("{subject}: no answer within {PATIENCE:?}").into());
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        self.runtime.block_on(ask)
    }

    fn record(&self, name: &str) -> String {
        let wanted = json!({"last_by_subj": format!("$KV.divider_{GROUP}.{name}")});
        let subject = format!("$JS.API.STREAM.MSG.GET.{STREAM}");
        let request = self.admin.request(subject, wanted.to_string().into_bytes().into());
        let answer = async { timeout(Duration::from_secs(3), request).await };
        let said = match self.runtime.block_on(answer) {
            Ok(Ok(message)) => message.payload,
            _ => return format!("the log has no record {name}"),
        };
        let said: Value = serde_json::from_slice(&said).unwrap_or_default();
        let decode = |field: &str| {
            let text = said["message"][field].as_str().unwrap_or_default();
            let bytes = BASE64_STANDARD.decode(text).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace("\r\n", " ")
        };
        let (revision, time) = (&said["message"]["seq"], &said["message"]["time"]);
        format!("{name} at {revision} of {time}: {} {}", decode("hdrs"), decode("data"))
    }

    /// What the server answers to a write of this record that names a revision far above: 10071, a
    /// conflict, if nothing is wrong. With 10164 it takes no conditional write of this record at all,
    /// since it waits for an earlier one.
    fn conflict(&self, name: &str) -> String {
        let mut headers = HeaderMap::new();
        let above = (u64::MAX >> 1).to_string();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, above);
        let subject = format!("$KV.divider_{GROUP}.{name}");
        let request = self.admin.request_with_headers(subject, headers, "".into());
        let answer = async { timeout(Duration::from_secs(3), request).await };
        let said = match self.runtime.block_on(answer) {
            Ok(Ok(message)) => String::from_utf8_lossy(&message.payload).into_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in 3 s".to_owned(),
        };
        format!("a conflicting write of {name}: {said}")
    }
}

impl Bed for NatsBed {
    fn program(&self) -> &'static str {
        "nats-server"
    }

    fn version(&self) -> String {
        self.servers.all()[0].version().to_string()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.addresses()
    }

    fn url(&self, who: Who<'_>, ports: &[u16]) -> String {
        let urls: Vec<String> = ports.iter().map(|port| rights::url(who, *port)).collect();
        urls.join(",")
    }

    fn logs(&self) -> Vec<(String, String)> {
        self.servers.all().iter().map(|it| (it.name().to_owned(), it.log())).collect()
    }

    fn pids(&self) -> Vec<Option<u32>> {
        self.servers.all().iter().map(LocalServer::pid).collect()
    }

    fn hurt(&mut self, place: usize, how: How) {
        let server = &mut self.servers.all_mut()[place];
        match how {
            How::Kill => server.kill(),
            How::Stop => server.stop(),
            How::Freeze => server.freeze(),
        }
    }

    fn thaw(&mut self, place: usize) {
        self.servers.all_mut()[place].thaw();
    }

    fn revive(&mut self) -> Result<(), Failure> {
        self.servers.revive()
    }

    fn leader(&mut self) -> Result<usize, Failure> {
        self.servers.leader()
    }

    fn make_group(&self) -> Result<Arc<dyn Store>, Failure> {
        let stream = StreamOptions::default().replicas(self.servers.replicas());
        let options = NatsStore::options().create_if_missing(stream);
        let url = self.servers.url(Who::Admin);
        let group: divider::GroupName = GROUP.parse()?;
        // A cluster that has only just elected its leader may not place a stream yet.
        let opening = patiently(async || options.clone().connect(&url, group.clone()).await);
        Ok(Arc::new(self.runtime.block_on(opening)?))
    }

    fn delete_group(&mut self) -> Result<(), Failure> {
        self.api(&format!("STREAM.DELETE.{STREAM}"), &json!({})).map(drop)
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<(), Failure> {
        let subject = format!("$KV.divider_{GROUP}.{name}");
        let published = self.admin.publish(subject, value.to_vec().into());
        Ok(self.runtime.block_on(published)?)
    }

    fn set_full(&mut self, is_full: bool) -> Result<(), Failure> {
        let info = self.api(&format!("STREAM.INFO.{STREAM}"), &json!({}))?;
        let mut config = info["config"].clone();
        let bytes = info["state"]["bytes"].as_u64().unwrap_or(0);
        let limit = if is_full { i64::try_from(bytes + 2000).unwrap_or(i64::MAX) } else { -1 };
        config["max_bytes"] = json!(limit);
        self.api(&format!("STREAM.UPDATE.{STREAM}"), &config).map(drop)
    }

    /// All servers stand still meanwhile, so that the copies are of one moment.
    fn copy_stores(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let servers = self.servers.all_mut();
        servers.iter_mut().for_each(LocalServer::freeze);
        let copies: Result<Vec<PathBuf>, _> = servers.iter().map(LocalServer::copy_store).collect();
        servers.iter_mut().for_each(LocalServer::thaw);
        Ok(copies?)
    }

    fn roll_back_stores(&mut self, copies: &[PathBuf]) -> Result<(), Failure> {
        for server in self.servers.all_mut() {
            server.kill();
        }
        for (server, copy) in self.servers.all_mut().iter_mut().zip(copies) {
            server.roll_back_store(copy)?;
        }
        self.servers.revive()
    }

    fn set_rights(&mut self, taken: Option<(usize, Taken)>) -> Result<(), Failure> {
        let config = rights::config(&self.nodes, taken);
        for server in self.servers.all_mut() {
            server.reload(config.clone())?;
        }
        Ok(())
    }

    fn outlives_a_server(&self) -> bool {
        self.servers.replicas() > 1
    }

    /// The server forgets a consumer half a minute after its watcher has died.
    fn kept(&self) -> Result<(&'static str, u64), Failure> {
        let info = self.api(&format!("STREAM.INFO.{STREAM}"), &Value::Null)?;
        let count = info["state"]["consumer_count"].as_u64();
        let count = count.ok_or("the stream does not report its number of consumers")?;
        Ok(("consumers", count))
    }

    fn records(&self, names: &[String]) -> Vec<String> {
        let records = names.iter().map(|name| self.record(name));
        let claims = names.iter().filter(|name| name.starts_with("claim."));
        records.chain(claims.map(|name| self.conflict(name))).collect()
    }
}

async fn connect(servers: &Servers) -> Result<Client, Failure> {
    let urls = servers.url(Who::Admin);
    let addresses = urls.split(',').map(str::parse).collect::<Result<Vec<ServerAddr>, _>>()?;
    let user = addresses[0].username().unwrap_or_default().to_owned();
    let password = addresses[0].password().unwrap_or_default().to_owned();
    let options = ConnectOptions::with_user_and_password(user, password)
        .ping_interval(Duration::from_secs(1));
    Ok(options.connect(addresses).await?)
}
