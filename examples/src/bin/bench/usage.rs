//! What processes and servers use, as the system and the servers say.

use std::fs;

use divider_local_server::LocalServer;

use crate::setup::{Failure, servers};
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
    Ok(std::time::Duration::from_nanos(nanos).as_secs_f64())
}

/// The newest sequence of the group's stream.
pub(crate) async fn last_sequence(url: &str) -> Result<u64, Failure> {
    let client = async_nats::connect(servers(url)).await?;
    let subject = format!("$JS.API.STREAM.INFO.KV_divider_{GROUP}");
    let answer = client.request(subject, "".into()).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload)?;
    Ok(answer["state"]["last_seq"].as_u64().ok_or_else(|| format!("no stream: {answer}"))?)
}
