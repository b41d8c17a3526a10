//! The settings of a Redis server that promises depend on.

use std::time::Duration;

use divider::store::redis::{Inspection, RedisStore};

use super::Finding;
use crate::connection::Secret;
use crate::output::chain;

pub(super) async fn check(address: &Secret, timeout: Duration, findings: &mut Vec<Finding>) {
    let options = RedisStore::options().request_timeout(timeout);
    match options.inspect(address.reveal()).await {
        Ok(found) => {
            findings.extend([server(&found), durability(&found), memory(&found), replicas(&found)]);
        }
        Err(error) => {
            let remedy = "check the address, the user and the server";
            findings.push(Finding::fail("version", chain(&error), remedy));
        }
    }
}

fn server(found: &Inspection) -> Finding {
    let what = format!("Redis {}", found.version);
    if found.role == "slave" {
        let what = format!("{what}, a replica");
        return Finding::fail("version", what, "connect to the primary: a replica takes no writes");
    }
    Finding::ok("version", what)
}

fn durability(found: &Inspection) -> Finding {
    let fsync = found.appendfsync.as_deref().unwrap_or("unknown");
    match (found.appendonly, fsync) {
        (false, _) => {
            let remedy = "set appendonly yes and appendfsync always: a crash loses minutes of \
                          acknowledged writes, and two nodes may then own a key for a time";
            Finding::warn("durability", "appendonly no", remedy)
        }
        (true, "always") => Finding::ok("durability", "appendonly yes, appendfsync always"),
        (true, fsync) => {
            let remedy = "set appendfsync always if a crash of the machine must lose no acknowledged \
                          write";
            Finding::warn("durability", format!("appendonly yes, appendfsync {fsync}"), remedy)
        }
    }
}

fn memory(found: &Inspection) -> Finding {
    let Inspection { maxmemory, maxmemory_policy: policy, used_memory, .. } = found;
    let Some(most) = maxmemory else {
        return Finding::ok("memory", format!("{used_memory} bytes used, no maxmemory"));
    };
    let what = format!("{used_memory} of {most} bytes used, maxmemory-policy {policy}");
    if policy != "noeviction" {
        let remedy = "set maxmemory-policy noeviction: a full server deletes parts of the group";
        return Finding::fail("memory", what, remedy);
    }
    if used_memory / 9 >= most / 10 {
        let remedy = "raise maxmemory: a full server takes no new keys";
        return Finding::warn("memory", what, remedy);
    }
    Finding::ok("memory", what)
}

fn replicas(found: &Inspection) -> Finding {
    if found.replicas == 0 {
        return Finding::ok("replicas", "none: the group is on one server");
    }
    let remedy = "a replica that is promoted lacks the last writes: two nodes may then own a key until \
                  they notice it, and only fencing tokens protect its work";
    Finding::warn("replicas", format!("{}, asynchronous", found.replicas), remedy)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn check(change: impl FnOnce(&mut Inspection), of: fn(&Inspection) -> Finding, want: Verdict) {
        let mut found = Inspection::new("7.0.15");
        change(&mut found);
        let finding = of(&found);
        assert_eq!(finding.result, want, "{}: {}", finding.found, finding.remedy);
    }

    #[test]
    fn settings_that_break_a_promise_are_told() {
        check(|_| {}, server, Verdict::Ok);
        check(|found| found.role = "slave".into(), server, Verdict::Fail);
        check(|_| {}, durability, Verdict::Ok);
        check(|found| found.appendfsync = Some("everysec".into()), durability, Verdict::Warn);
        check(|found| found.appendonly = false, durability, Verdict::Warn);
        check(|_| {}, memory, Verdict::Ok);
        let limited = |found: &mut Inspection| found.maxmemory = Some(1 << 30);
        check(limited, memory, Verdict::Ok);
        let evicting = |found: &mut Inspection| {
            limited(found);
            found.maxmemory_policy = "allkeys-lru".into();
        };
        check(evicting, memory, Verdict::Fail);
        let nearly_full = |found: &mut Inspection| {
            limited(found);
            found.used_memory = (1 << 30) - 1;
        };
        check(nearly_full, memory, Verdict::Warn);
        check(|_| {}, replicas, Verdict::Ok);
        check(|found| found.replicas = 1, replicas, Verdict::Warn);
    }
}
