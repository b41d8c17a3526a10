//! What processes and servers use, as the system and the servers say.

use std::fs;
use std::time::Duration;

use divider_local_server::LocalServer;

use rustix::time::{ClockId, clock_gettime};

use crate::report::Row;
use crate::servers::Servers;
use crate::setup::{Failure, Setup, servers};
use crate::stage::GROUP;

/// Messages in and out of all servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic(u64);

impl Traffic {
    pub(crate) fn of(servers: &[LocalServer]) -> Result<Self, Failure> {
        let mut sum = 0;
        for server in servers {
            sum += server.traffic()?.messages;
        }
        Ok(Self(sum))
    }

    pub(crate) fn since(self, before: Self) -> f64 {
        u32::try_from(self.0.saturating_sub(before.0)).map_or(f64::INFINITY, f64::from)
    }
}

/// The resident memory of these processes together, in bytes.
pub(crate) fn resident(pids: &[u32]) -> Result<u64, Failure> {
    let mut sum = 0;
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib = kib.ok_or("the system does not report the memory of a process")?;
        sum += kib.parse::<u64>()? * 1024;
    }
    Ok(sum)
}

/// What these processes have computed, together.
pub(crate) fn cpu_seconds(pids: &[u32]) -> Result<f64, Failure> {
    let mut nanos = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            let first =
                stat.split(' ').next().ok_or("the system does not report the time of a thread")?;
            nanos += first.parse::<u64>()?;
        }
    }
    Ok(Duration::from_nanos(nanos).as_secs_f64())
}

/// CPU time in seconds, since an unspecified moment: unlike a rate, it hardly depends on what else the
/// machine does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    servers: f64,
    /// Of this process: with [`Layout::Tasks`](crate::setup::Layout::Tasks), all nodes.
    clients: f64,
}

impl CpuTime {
    pub(crate) fn now(servers: &Servers) -> Result<Self, Failure> {
        let pids = servers.pids();
        let own = clock_gettime(ClockId::ProcessCPUTime);
        let own = Duration::try_from(own).map_err(|_| "the CPU time of the process is negative")?;
        Ok(Self { servers: cpu_seconds(&pids)?, clients: own.as_secs_f64() })
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { servers: self.servers - before.servers, clients: self.clients - before.clients }
    }

    /// The rows of what so many keys cost, next to as many bare writes where that is known.
    pub(crate) fn rows(self, bare: Option<Self>, setup: &Setup, what: &str, keys: u32) -> [Row; 2] {
        let each = |seconds: f64| seconds * 1e6 / f64::from(keys);
        let row = |whose: &str, divider: f64, bare: Option<f64>| {
            let what = setup.name(&format!("  {what}: CPU of {whose} for each key"));
            match bare {
                Some(bare) => Row::pair(what, each(divider), each(bare), "µs"),
                None => Row::alone(what, each(divider), "µs"),
            }
        };
        let (servers, clients) = (bare.map(|it| it.servers), bare.map(|it| it.clients));
        [row("servers", self.servers, servers), row("clients", self.clients, clients)]
    }
}

/// The newest sequence of the group's stream.
pub(crate) async fn last_sequence(url: &str) -> Result<u64, Failure> {
    let client = async_nats::connect(servers(url)).await?;
    let subject = format!("$JS.API.STREAM.INFO.KV_divider_{GROUP}");
    let answer = client.request(subject, "".into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload)?;
    Ok(answer["state"]["last_seq"].as_u64().ok_or_else(|| format!("no stream: {answer}"))?)
}
