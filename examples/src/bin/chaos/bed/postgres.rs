//! One PostgreSQL, or a primary and its synchronous standby.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use divider::store::Store;
use divider_local_server::{LocalPostgres, Process};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::side::Side;
use super::{Bed, GROUP, How, PATIENCE, Taken, Who};
use crate::Failure;
use crate::settings::Settings;

/// The administrator, and the announcer.
const ADMIN: &str = "postgres";
const ANNOUNCER: &str = "announcer";

/// The application name of the harness's own sessions.
const INTRUDER: &str = "intruder";

/// A crash of the processes alone loses nothing that the system has, so nothing need be synced; a
/// standby keeps up after it was away.
const SETTINGS: [&str; 2] = ["fsync=off", "wal_keep_size=512MB"];

/// The servers, and the harness's own way to them.
pub(crate) struct PostgresBed {
    // In this order: all others end before the servers.
    side: Side,
    intruder: Option<Process>,
    servers: Vec<LocalPostgres>,
    primary: usize,
    /// Whether the other server has to begin again as the standby of the primary.
    is_replaced: bool,
    nodes: Vec<String>,
    version: String,
}

impl PostgresBed {
    pub(super) fn start(
        settings: &Settings,
        nodes: &[String],
        runtime: &Handle,
    ) -> Result<Self, Failure> {
        let primary = LocalPostgres::with(&SETTINGS)?;
        let version = primary.sql("SHOW server_version")?;
        let version = version.split_whitespace().next().unwrap_or_default().to_owned();
        let mut servers = vec![primary];
        for _ in 1..settings.servers {
            servers.push(servers[0].standby(&SETTINGS)?);
        }
        let ports: Vec<u16> = servers.iter().map(LocalPostgres::port).collect();
        let side = Side::open(runtime, url(ADMIN, &ports))?;
        let nodes = nodes.to_vec();
        let (intruder, primary, is_replaced) = (None, 0, false);
        let mut bed = Self { side, intruder, servers, primary, is_replaced, nodes, version };
        bed.make_roles()?;
        bed.revive()?;
        Ok(bed)
    }

    /// Kills the primary, and promotes the standby, which has every acknowledged write.
    pub(crate) fn promote(&mut self) -> Result<(), Failure> {
        self.servers[self.primary].kill();
        self.primary = 1 - self.primary;
        self.is_replaced = true;
        let primary = &self.servers[self.primary];
        // It has no standby of its own yet.
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''")?;
        primary.promote()?;
        primary.sql("SELECT pg_reload_conf()")?;
        Ok(())
    }

    /// Runs these statements in a session of their own, until [`expel`](Self::expel).
    pub(crate) fn intrude(&mut self, statements: &[&str]) -> Result<(), Failure> {
        self.intruder = Some(self.servers[self.primary].session(INTRUDER, statements)?);
        Ok(())
    }

    /// Ends the session that was begun, if it is there still.
    pub(crate) fn expel(&mut self) -> Result<(), Failure> {
        self.intruder = None;
        self.terminate(&format!("application_name = '{INTRUDER}'"))
    }

    /// Ends the sessions of nodes for which this condition on `pg_stat_activity` holds.
    pub(crate) fn terminate_nodes(&self, condition: &str) -> Result<(), Failure> {
        self.terminate(&format!("{} AND {condition}", self.is_node()))
    }

    fn terminate(&self, condition: &str) -> Result<(), Failure> {
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity";
        self.sql(&format!("{ended} WHERE {condition}")).map(drop)
    }

    fn is_node(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("'{node}'")).collect();
        format!("usename IN ({})", nodes.join(", "))
    }

    fn sql(&self, statements: &str) -> Result<String, Failure> {
        Ok(self.servers[self.primary].sql(statements)?)
    }

    /// A role for each node and the announcer, with the rights that operators are told to give.
    fn make_roles(&self) -> Result<(), Failure> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../postgres-roles.sql");
        self.servers[self.primary].sql_file(&file)?;
        let nodes = self.nodes.iter().map(|node| (node.as_str(), "divider_node"));
        for (user, role) in nodes.chain([(ANNOUNCER, "divider_announcer")]) {
            self.sql(&format!("CREATE ROLE {user} LOGIN IN ROLE {role}"))?;
        }
        Ok(())
    }

    /// Waits until the standby has what the primary has, and writes wait for it from then on.
    fn join_standby(&mut self) -> Result<(), Failure> {
        let other = 1 - self.primary;
        if self.is_replaced {
            let [first, second] = &mut self.servers[..] else { return Ok(()) };
            let (standby, primary) = if other == 0 { (first, &*second) } else { (second, &*first) };
            standby.follow(primary)?;
            self.is_replaced = false;
        } else if !self.servers[other].is_running() {
            self.servers[other].restart()?;
        }
        self.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (walreceiver)'")?;
        self.sql("SELECT pg_reload_conf()")?;
        let deadline = Instant::now() + PATIENCE;
        let in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' \
                       AND state = 'streaming' AND pg_current_wal_lsn() - flush_lsn < 1000000";
        while self.sql(in_step)?.trim() != "1" {
            if Instant::now() > deadline {
                return Err(format!("no standby in step within {PATIENCE:?}").into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Bed for PostgresBed {
    fn program(&self) -> &'static str {
        "PostgreSQL"
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let ports = self.servers.iter().map(LocalPostgres::port);
        ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).collect()
    }

    fn url(&self, who: Who<'_>, ports: &[u16]) -> String {
        let user = match who {
            Who::Admin => ADMIN,
            Who::Announcer => ANNOUNCER,
            Who::Node(node) => node,
        };
        url(user, ports)
    }

    fn logs(&self) -> Vec<(String, String)> {
        let servers = self.servers.iter().enumerate();
        servers.map(|(place, it)| (format!("postgres-{}", place + 1), it.log())).collect()
    }

    fn pids(&self) -> Vec<Option<u32>> {
        self.servers.iter().map(LocalPostgres::pid).collect()
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
        if !self.servers[self.primary].is_running() {
            self.servers[self.primary].restart()?;
        }
        if self.servers.len() > 1 { self.join_standby() } else { Ok(()) }
    }

    fn leader(&mut self) -> Result<usize, Failure> {
        Ok(self.primary)
    }

    fn make_group(&self) -> Result<Arc<dyn Store>, Failure> {
        self.side.make_group()
    }

    fn delete_group(&mut self) -> Result<(), Failure> {
        self.sql(&format!("DELETE FROM divider.groups WHERE name = '{GROUP}'")).map(drop)
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<(), Failure> {
        self.side.put(name, value)
    }

    fn set_full(&mut self, is_full: bool) -> Result<(), Failure> {
        let limit = if is_full { "bytes + 2000" } else { "NULL" };
        self.sql(&format!("UPDATE divider.groups SET max_bytes = {limit} WHERE name = '{GROUP}'"))
            .map(drop)
    }

    /// All servers stand still meanwhile, so that the copies are of one moment.
    fn copy_stores(&mut self) -> Result<Vec<PathBuf>, Failure> {
        self.servers.iter_mut().for_each(LocalPostgres::freeze);
        let copies: Result<Vec<PathBuf>, _> =
            self.servers.iter().map(LocalPostgres::copy_store).collect();
        self.servers.iter_mut().for_each(LocalPostgres::thaw);
        Ok(copies?)
    }

    fn roll_back_stores(&mut self, copies: &[PathBuf]) -> Result<(), Failure> {
        self.servers.iter_mut().for_each(LocalPostgres::kill);
        for (server, copy) in self.servers.iter_mut().zip(copies) {
            server.roll_back_store(copy)?;
        }
        self.revive()
    }

    fn set_rights(&mut self, taken: Option<(usize, Taken)>) -> Result<(), Failure> {
        for (place, node) in self.nodes.iter().enumerate() {
            let taken = taken.filter(|(from, _)| *from == place).map(|(_, taken)| taken);
            let records = match taken {
                Some(Taken::Leases) => "lease.",
                Some(Taken::Claims) => "claim.",
                Some(Taken::Watches | Taken::Everything) | None => "",
            };
            let membership = match taken {
                Some(Taken::Watches | Taken::Everything) => {
                    format!("REVOKE divider_node FROM {node}")
                }
                _ => format!("GRANT divider_node TO {node}"),
            };
            let policy = match records {
                "" => String::new(),
                records => format!(
                    "CREATE POLICY taken_{node} ON divider.records AS RESTRICTIVE TO {node} \
                     USING (true) WITH CHECK (NOT starts_with(name, '{records}'))"
                ),
            };
            self.sql(&format!(
                "DROP POLICY IF EXISTS taken_{node} ON divider.records; {policy}; {membership}"
            ))?;
        }
        Ok(())
    }

    fn outlives_a_server(&self) -> bool {
        // The standby is promoted only where that is the fault, and writes wait for it.
        false
    }

    fn kept(&self) -> Result<(&'static str, u64), Failure> {
        let is_node = self.is_node();
        let count = self.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {is_node}"))?;
        Ok(("connections", count.trim().parse()?))
    }

    fn records(&self, names: &[String]) -> Vec<String> {
        self.side.records(names)
    }
}

fn url(user: &str, ports: &[u16]) -> String {
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("postgres://{user}@{}/postgres", hosts.join(","))
}
