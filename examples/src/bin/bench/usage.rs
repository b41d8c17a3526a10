//! What processes and servers use, as the system and the servers say.

use std::fs;
use std::io;
use std::time::Duration;

use divider_local_server::LocalServer;

use rustix::param::clock_ticks_per_second;
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

/// What these processes have computed, together, with those of their children that have ended: a server may
/// have a process for each connection. One that ends meanwhile counts with its parent, which comes later
/// in the list.
pub(crate) fn cpu_seconds(pids: &[u32]) -> Result<f64, Failure> {
    let mut seconds = 0.0;
    for pid in pids {
        match own_cpu(*pid).and_then(|own| Ok(own + ended_children_cpu(*pid)?)) {
            Ok(spent) => seconds += spent.as_secs_f64(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(seconds)
}

fn own_cpu(pid: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = stat.split(' ').next().and_then(|first| first.parse::<u64>().ok());
        nanos += first.ok_or_else(|| io::Error::other("the time of a thread is not reported"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Of the children that the process has waited for.
fn ended_children_cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may have spaces, and ends with the last parenthesis. `cutime` and `cstime` are the 14th and
    // 15th fields behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<u64>);
    let ticks: Vec<u64> = ticks.collect::<Result<_, _>>().map_err(io::Error::other)?;
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 1000 / clock_ticks_per_second()))
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
