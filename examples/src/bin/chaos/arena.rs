use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::{Client, ConnectOptions, HeaderMap, ServerAddr};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use divider::Group;
use divider::store::nats::{NatsStore, StreamOptions};
use divider_examples::proxy::Link;
use divider_examples::resource::Resource;
use divider_local_server::Scratch;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;
use crate::book::Book;
use crate::rights::{self, ADMIN, ANNOUNCER, GROUP, STREAM, Taken};
use crate::servers::Servers;
use crate::settings::Settings;
use crate::workers::{Outfit, Workers};

/// How long the servers may take to answer the harness.
const PATIENCE: Duration = Duration::from_mins(1);

/// All that there is: servers, workers, the ways between them, and those who look on. Dropping it ends
/// all processes and removes all files.
pub(crate) struct Arena {
    pub(crate) runtime: Handle,
    // In this order: the workers end before their servers, and all before the folder is removed.
    pub(crate) workers: Workers,
    pub(crate) book: Book,
    pub(crate) operator: Group,
    pub(crate) resource: Resource,
    admin: Client,
    pub(crate) servers: Servers,
    nodes: Vec<String>,
    folder: Scratch,
    stop: Arc<AtomicBool>,
}

impl Arena {
    /// Starts servers and workers, and announces the keys.
    pub(crate) fn build(
        settings: &Settings,
        runtime: Handle,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let folder = Scratch::new()?;
        let nodes: Vec<String> = (0..settings.workers).map(|n| format!("w{n}")).collect();
        let config = rights::config(&nodes, None);
        // The ways between servers are carried there.
        let inside = runtime.enter();
        let servers = Servers::start(settings.servers, settings.version, config)?;
        drop(inside);
        let (operator, resource, admin, book, ways) = runtime.block_on(async {
            let operator = Group::open(make_group(&servers).await?);
            let resource = Resource::serve(&folder.path().join("resource.jsonl")).await?;
            let admin = connect(&servers).await?;
            let announcer = NatsStore::connect(servers.url(ANNOUNCER), GROUP.parse()?).await?;
            // Each comes or goes every 20 s or so.
            let changing = settings.churn.saturating_mul(20).min(100_000);
            let book = Book::open(Group::open(announcer), settings.keys, changing).await?;
            let mut ways = Vec::new();
            for node in &nodes {
                let mut links = Vec::new();
                for address in servers.addresses() {
                    links.push(Link::open(address)?);
                }
                ways.push((node.clone(), links));
            }
            Ok::<_, Failure>((operator, resource, admin, book, ways))
        })?;
        let lease = format!("{}ms", settings.lease().as_millis());
        let address = resource.address().to_string();
        let mut after = vec!["--lease", &lease, "--resource", &address];
        if settings.evidence.is_some() {
            after.push("--verbose");
        }
        let after = after.into_iter().map(OsString::from).collect();
        let outfit = Outfit { folder: folder.path().to_owned(), after };
        let mut workers = Workers::new(ways, &outfit)?;
        for slot in 0..workers.len() {
            workers.start(slot)?;
        }
        Ok(Self { runtime, workers, book, operator, resource, admin, servers, nodes, folder, stop })
    }

    /// Whether somebody asked for an end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks the administrator's side of `JetStream`, until there is an answer.
    pub(crate) fn api(&self, what: &str, body: &Value) -> Result<Value, Failure> {
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

    /// What the log has about a key and about all nodes, as far as the servers answer.
    pub(crate) fn records(&self, key: &str) -> Vec<String> {
        let mut about = vec![format!("key.{key}"), format!("claim.{key}")];
        for node in &self.nodes {
            about.extend([format!("lease.{node}"), format!("member.{node}")]);
        }
        let told = about.iter().map(|name| {
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
        });
        told.chain([self.conflict(&format!("claim.{key}"))]).collect()
    }

    /// What the server answers to a write of this record that names a revision far above: 10071, a
    /// conflict, if nothing is wrong. With 10164 it takes no conditional write of this record at all,
    /// since it waits for an earlier one.
    fn conflict(&self, name: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, (u64::MAX >> 1).to_string());
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

    /// Publishes what no client of divider would.
    pub(crate) fn publish(&self, subject: &str, value: Vec<u8>) -> Result<(), Failure> {
        let published = self.admin.publish(subject.to_owned(), value.into());
        Ok(self.runtime.block_on(published)?)
    }

    /// Makes the group, as an operator does.
    pub(crate) fn make_group(&self) -> Result<(), Failure> {
        self.runtime.block_on(make_group(&self.servers)).map(drop)
    }

    /// Has the announcer say again what exists and what does not.
    pub(crate) fn announce_again(&self) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                match self.book.say_again().await {
                    Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
                    said => return said,
                }
            }
        })
    }

    /// Gives each worker its rights but for what is taken from one.
    pub(crate) fn set_rights(&mut self, taken: Option<(usize, Taken)>) -> Result<(), Failure> {
        let config = rights::config(&self.nodes, taken);
        for server in self.servers.all_mut() {
            server.reload(config.clone())?;
        }
        Ok(())
    }

    /// How many consumers the group's stream has.
    pub(crate) fn consumers(&self) -> Result<u64, Failure> {
        let info = self.api(&format!("STREAM.INFO.{STREAM}"), &Value::Null)?;
        let count = info["state"]["consumer_count"].as_u64();
        count.ok_or_else(|| "the stream does not report its number of consumers".into())
    }

    /// Copies all journals and the servers' logs to where they stay.
    pub(crate) fn keep_evidence(&self, to: &Path) -> Result<(), Failure> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        for server in self.servers.all() {
            fs::write(to.join(format!("{}.server.log", server.name())), server.log())?;
        }
        Ok(())
    }
}

async fn make_group(servers: &Servers) -> Result<NatsStore, Failure> {
    let stream = StreamOptions::default().replicas(servers.replicas());
    let options = NatsStore::options().create_if_missing(stream);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match options.clone().connect(servers.url(ADMIN), GROUP.parse()?).await {
            // A cluster that has only just elected its leader may not place a stream yet.
            Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
            opened => return Ok(opened?),
        }
    }
}

async fn connect(servers: &Servers) -> Result<Client, Failure> {
    let urls = servers.url(ADMIN);
    let addresses = urls.split(',').map(str::parse).collect::<Result<Vec<ServerAddr>, _>>()?;
    let user = addresses[0].username().unwrap_or_default().to_owned();
    let password = addresses[0].password().unwrap_or_default().to_owned();
    let options = ConnectOptions::with_user_and_password(user, password)
        .ping_interval(Duration::from_secs(1));
    Ok(options.connect(addresses).await?)
}
