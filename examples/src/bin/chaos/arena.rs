use std::any::{Any, type_name};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use divider::Group;
use divider::store::StoreOptions;
use divider_examples::proxy::Link;
use divider_examples::resource::Resource;
use divider_local_server::Scratch;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::bed::{Bed, GROUP, PATIENCE, Who};
use crate::book::Book;
use crate::settings::Settings;
use crate::workers::{Node, Outfit, Workers};

/// All that there is: servers, workers, the ways between them, and those who look on. Dropping it ends
/// all processes and removes all files.
pub(crate) struct Arena {
    pub(crate) runtime: Handle,
    // In this order: the workers end before their servers, and all before the folder is removed.
    pub(crate) workers: Workers,
    pub(crate) book: Book,
    pub(crate) operator: Group,
    pub(crate) resource: Resource,
    pub(crate) bed: Box<dyn Bed>,
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
        let bed = settings.store.start(settings, &nodes, &runtime)?;
        let operator = Group::open(bed.make_group()?);
        let addresses = bed.addresses();
        let (resource, book, ways) = runtime.block_on(async {
            let resource = Resource::serve(&folder.path().join("resource.jsonl")).await?;
            let ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
            let announcer = bed.url(Who::Announcer, &ports);
            let announcer = StoreOptions::default().connect(&announcer, GROUP.parse()?).await?;
            // Each comes or goes every 20 s or so.
            let changing = settings.churn.saturating_mul(20).min(100_000);
            let book = Book::open(Group::open(announcer), settings.keys, changing).await?;
            let mut ways = Vec::new();
            for node in &nodes {
                let links = addresses.iter().map(|address| Link::open(*address));
                let links = links.collect::<Result<Vec<Link>, _>>()?;
                let ports: Vec<u16> = links.iter().map(Link::port).collect();
                let server = bed.url(Who::Node(node), &ports);
                ways.push(Node { name: node.clone(), links, server });
            }
            Ok::<_, Failure>((resource, book, ways))
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
        Ok(Self { runtime, workers, book, operator, resource, bed, nodes, folder, stop })
    }

    /// Whether somebody asked for an end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The servers as those of one backend, for its own faults.
    pub(crate) fn bed_of<B: Bed>(&mut self) -> Result<&mut B, Failure> {
        let bed: &mut dyn Any = &mut *self.bed;
        let other = || format!("this fault is for a {}", type_name::<B>()).into();
        bed.downcast_mut::<B>().ok_or_else(other)
    }

    /// What the log has about a key and about all nodes, as far as the servers answer.
    pub(crate) fn records(&self, key: &str) -> Vec<String> {
        let mut about = vec![format!("key.{key}"), format!("claim.{key}")];
        for node in &self.nodes {
            about.extend([format!("lease.{node}"), format!("member.{node}")]);
        }
        self.bed.records(&about)
    }

    /// Has the announcer say again what exists and what does not.
    pub(crate) fn announce_again(&self) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let deadline = Instant::now() + PATIENCE;
            loop {
                match self.book.say_again().await {
                    Err(_) if Instant::now() < deadline => {
                        sleep(Duration::from_millis(100)).await;
                    }
                    said => return said,
                }
            }
        })
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
        for (name, log) in self.bed.logs() {
            fs::write(to.join(format!("{name}.server.log")), log)?;
        }
        Ok(())
    }
}
