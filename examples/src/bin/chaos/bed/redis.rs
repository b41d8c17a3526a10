//! One Redis, or a primary with two replicas and the three Sentinels that watch over them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use divider::store::Store;
use divider_local_server::RedisServer;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::side::Side;
use super::{Bed, How, PATIENCE, Taken, Who};
use crate::Failure;
use crate::settings::Settings;

/// Who connects to a server, with the rights that a group's users should have.
const USERS: &str = include_str!("../../../../../redis-users.acl");

/// Everybody's. It protects nothing: all of this is on loopback, and gone soon.
const PASSWORD: &str = "chaos";

/// The user of the announcer, who has the rights of a node.
const ANNOUNCER: &str = "announcer";

/// After how many ms without an answer Sentinels act: never, unless it is the fault.
const NEVER: u32 = 3_600_000;
const SOON: u32 = 2000;

/// The servers, and the harness's own way to them.
pub(crate) struct RedisBed {
    // In this order: all others end before the servers.
    side: Side,
    sentinels: Vec<RedisServer>,
    servers: Vec<RedisServer>,
    primary: usize,
    nodes: Vec<String>,
    version: String,
}

impl RedisBed {
    pub(super) fn start(
        settings: &Settings,
        nodes: &[String],
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let mut lines = vec!["appendonly yes".to_owned(), "appendfsync always".to_owned()];
        let rights = rights_of_a_node()?;
        let users = nodes.iter().map(String::as_str).chain([ANNOUNCER]);
        lines.extend(users.map(|user| format!("user {user} on >{PASSWORD} {rights}")));
        if settings.servers > 1 {
            // A primary that has lost its replicas takes no writes: one that was replaced, say.
            let replicated = ["min-replicas-to-write 1", "min-replicas-max-lag 2"];
            lines.extend(replicated.map(str::to_owned));
            lines.push("repl-diskless-sync-delay 0".to_owned());
        }
        let primary = RedisServer::with(lines.clone())?;
        let follow = format!("replicaof 127.0.0.1 {}", primary.port());
        let version = primary.info("redis_version")?;
        let mut servers = vec![primary];
        for _ in 1..settings.servers {
            servers.push(RedisServer::with(lines.iter().chain([&follow]).cloned())?);
        }
        wait_for("the replicas", || are_replicated(&servers, 0))?;
        let sentinels = start_sentinels(&servers)?;
        let urls: Vec<String> = servers.iter().map(RedisServer::url).collect();
        let side = Side::open(runtime, urls.join(","))?;
        Ok(Self { side, sentinels, servers, primary: 0, nodes: nodes.to_vec(), version })
    }

    /// Hurts the primary, and waits until the Sentinels have promoted a replica.
    pub(crate) fn lose_primary(&mut self, how: How) -> Result<(), Failure> {
        self.set_sentinels(SOON)?;
        let lost = self.primary;
        self.hurt(lost, how);
        let servers = &self.servers;
        let promoted = || {
            let mut others = (0..servers.len()).filter(|place| *place != lost);
            others.find(|place| servers[*place].info("role").is_ok_and(|role| role == "master"))
        };
        self.primary = wait_for("the Sentinels' choice", promoted)?;
        Ok(())
    }

    /// Brings the old primary back, and waits until the Sentinels have made it a replica.
    pub(crate) fn regain_primary(&mut self) -> Result<(), Failure> {
        (0..self.servers.len()).for_each(|place| self.servers[place].thaw());
        self.revive()?;
        self.set_sentinels(NEVER)
    }

    /// Ends connections of clients: all of them, or those of one node.
    pub(crate) fn kill_clients(&self, node: Option<usize>) -> Result<(), Failure> {
        let whose = match node {
            Some(node) => format!("USER {}", self.nodes[node]),
            None => "TYPE normal".to_owned(),
        };
        self.servers[self.primary].command(&format!("CLIENT KILL {whose}"))?;
        Ok(())
    }

    fn set_sentinels(&self, ms: u32) -> Result<(), Failure> {
        for sentinel in &self.sentinels {
            sentinel.command(&format!("SENTINEL SET chaos down-after-milliseconds {ms}"))?;
        }
        Ok(())
    }
}

impl Bed for RedisBed {
    fn program(&self) -> &'static str {
        "redis-server"
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.servers.iter().map(RedisServer::port);
        ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
    }

    fn url(&self, who: Who<'_>, ports: &[u16]) -> String {
        let user = match who {
            Who::Admin => String::new(),
            Who::Announcer => format!("{ANNOUNCER}:{PASSWORD}@"),
            Who::Node(node) => format!("{node}:{PASSWORD}@"),
        };
        let urls: Vec<String> =
            ports.iter().map(|port| format!("redis://{user}127.0.0.1:{port}")).collect();
        urls.join(",")
    }

    fn logs(&self) -> Vec<(String, String)> {
        let log = |(kind, place, it): (&str, usize, &RedisServer)| {
            (format!("{kind}-{}", place + 1), it.log())
        };
        let servers = self.servers.iter().enumerate().map(|(n, it)| ("redis", n, it));
        let sentinels = self.sentinels.iter().enumerate().map(|(n, it)| ("sentinel", n, it));
        servers.chain(sentinels).map(log).collect()
    }

    fn pids(&self) -> Vec<Option<u32>> {
        self.servers.iter().map(RedisServer::pid).collect()
    }

    fn hurt(&mut self, place: usize, how: How) {
        let server = &mut self.servers[place];
        match how {
            How::Kill => server.kill(),
            How::Stop => server.stop(),
            How::Freeze => server.freeze(),
        }
    }

    fn thaw(&mut self, place: usize) {
        self.servers[place].thaw();
    }

    fn revive(&mut self) -> Result<(), Failure> {
        for server in &mut self.servers {
            if !server.is_running() {
                server.restart()?;
            }
        }
        let (servers, primary) = (&self.servers, self.primary);
        wait_for("the replicas", || are_replicated(servers, primary))
    }

    fn leader(&mut self) -> Result<usize, Failure> {
        Ok(self.primary)
    }

    fn make_group(&self) -> Result<Arc<dyn Store>, Failure> {
        self.side.make_group()
    }

    fn delete_group(&mut self) -> Result<(), Failure> {
        self.servers[self.primary].command("FLUSHALL")?;
        Ok(())
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<(), Failure> {
        self.side.put(name, value)
    }

    fn set_full(&mut self, is_full: bool) -> Result<(), Failure> {
        let server = &self.servers[self.primary];
        // With less room, the buffers of connections would count.
        let used: u64 = server.info("used_memory")?.parse()?;
        let limit = if is_full { used + 512 * 1024 } else { 0 };
        server.command(&format!("CONFIG SET maxmemory {limit}"))?;
        Ok(())
    }

    /// All servers stand still meanwhile, so that the copies are of one moment.
    fn copy_stores(&mut self) -> Result<Vec<PathBuf>, Failure> {
        self.servers.iter_mut().for_each(RedisServer::freeze);
        let copies: Result<Vec<PathBuf>, _> =
            self.servers.iter().map(RedisServer::copy_store).collect();
        self.servers.iter_mut().for_each(RedisServer::thaw);
        Ok(copies?)
    }

    fn roll_back_stores(&mut self, copies: &[PathBuf]) -> Result<(), Failure> {
        self.servers.iter_mut().for_each(RedisServer::kill);
        for (server, copy) in self.servers.iter_mut().zip(copies) {
            server.roll_back_store(copy)?;
        }
        self.revive()
    }

    /// Claims and leases are in one key of Redis: only commands can be taken.
    fn set_rights(&mut self, taken: Option<(usize, Taken)>) -> Result<(), Failure> {
        let all = rights_of_a_node()?;
        for (place, node) in self.nodes.iter().enumerate() {
            let rules = match taken {
                Some((from, Taken::Watches)) if from == place => "-xread".to_owned(),
                Some((from, _)) if from == place => "-@all".to_owned(),
                _ => all.clone(),
            };
            for server in &self.servers {
                server.command(&format!("ACL SETUSER {node} {rules}"))?;
            }
        }
        Ok(())
    }

    fn outlives_a_server(&self) -> bool {
        // The Sentinels promote only where that is the fault.
        false
    }

    fn kept(&self) -> Result<(&'static str, u64), Failure> {
        let clients = self.servers[self.primary].command("CLIENT LIST")?;
        let is_node =
            |line: &&str| self.nodes.iter().any(|it| line.contains(&format!(" user={it} ")));
        Ok(("connections", clients.lines().filter(is_node).count() as u64))
    }

    fn records(&self, names: &[String]) -> Vec<String> {
        self.side.records(names)
    }
}

/// The rules of a node in the file that operators are given, for this group.
fn rights_of_a_node() -> Result<String, Failure> {
    let line = USERS.lines().find_map(|line| line.strip_prefix("user orders-node on >"));
    let rules = line.and_then(|line| line.split_once(' ')).ok_or("redis-users.acl has no node")?.1;
    Ok(rules.replace(":orders}", &format!(":{}}}", super::GROUP)))
}

/// Three Sentinels that know of each other; none for one server.
fn start_sentinels(servers: &[RedisServer]) -> Result<Vec<RedisServer>, Failure> {
    let mut sentinels = Vec::new();
    if servers.len() == 1 {
        return Ok(sentinels);
    }
    for _ in 0..3 {
        sentinels.push(RedisServer::sentinel([
            format!("sentinel monitor chaos 127.0.0.1 {} 2", servers[0].port()),
            format!("sentinel down-after-milliseconds chaos {NEVER}"),
            "sentinel failover-timeout chaos 10000".to_owned(),
        ])?);
    }
    wait_for("the Sentinels", || {
        let knows_all = |it: &RedisServer| {
            let state = it.info("master0").unwrap_or_default();
            let slaves = format!("slaves={}", servers.len() - 1);
            state.contains(&slaves) && state.contains("sentinels=3")
        };
        sentinels.iter().all(knows_all).then_some(())
    })?;
    Ok(sentinels)
}

/// Whether all others follow the primary and have what it has.
fn are_replicated(servers: &[RedisServer], primary: usize) -> Option<()> {
    let follows = |(place, server): (usize, &RedisServer)| {
        let is = |name: &str, value: &str| server.info(name).is_ok_and(|found| found == value);
        if place == primary {
            is("role", "master")
                && (servers.len() == 1
                    || is("min_slaves_good_slaves", &(servers.len() - 1).to_string()))
        } else {
            is("role", "slave")
                && is("master_link_status", "up")
                && is("master_port", &servers[primary].port().to_string())
        }
    };
    servers.iter().enumerate().all(follows).then_some(())
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("{what} did not come about within {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
