//! The settings of a PostgreSQL server that promises depend on.

use std::time::Duration;

use divider::store::postgres::{Inspection, PostgresStore};

use super::{Finding, compare_clocks};
use crate::connection::Secret;
use crate::output::{age, chain};

/// A transaction that is open for so long keeps dead rows that each read of the group walks over.
const LONG: Duration = Duration::from_mins(10);

pub(super) async fn check(address: &Secret, timeout: Duration, findings: &mut Vec<Finding>) {
    let options = PostgresStore::options().request_timeout(timeout).connect_timeout(timeout);
    match options.inspect(address.reveal()).await {
        Ok(found) => {
            findings.extend([
                server(&found),
                commits(&found),
                standbys(&found),
                transactions(&found),
                compare_clocks(Duration::from_millis(found.at_ms)),
            ]);
        }
        Err(error) => {
            let remedy = "check the address, the user and the server";
            findings.push(Finding::fail("version", chain(&error), remedy));
        }
    }
}

fn server(found: &Inspection) -> Finding {
    let what = format!("PostgreSQL {}", found.version);
    if found.is_standby {
        let what = format!("{what}, a standby");
        return Finding::fail("version", what, "connect to the primary: a standby takes no writes");
    }
    Finding::ok("version", what)
}

fn commits(found: &Inspection) -> Finding {
    let Inspection { fsync, synchronous_commit, .. } = found;
    let what = format!("fsync {fsync}, synchronous_commit {synchronous_commit}");
    if fsync != "on" {
        let remedy = "set fsync = on: a crash of the machine may lose or damage the group";
        return Finding::fail("commits", what, remedy);
    }
    if synchronous_commit == "off" {
        return Finding::ok("commits", format!("{what}; `on` for what this library writes"));
    }
    Finding::ok("commits", what)
}

fn standbys(found: &Inspection) -> Finding {
    let connected = found.standbys.unwrap_or(0);
    let local = matches!(found.synchronous_commit.as_str(), "local" | "off");
    match (found.synchronous_standbys.as_str(), connected) {
        ("", 0) => Finding::ok("standbys", "none: the group is on one server"),
        ("", _) => {
            let what = format!("{connected}, none of them synchronous");
            let remedy = "a standby that is promoted lacks the last commits: set \
                          synchronous_standby_names if the group must keep every acknowledged write";
            Finding::warn("standbys", what, remedy)
        }
        (names, _) if local => {
            let what = format!("{names}, but synchronous_commit is {}", found.synchronous_commit);
            let remedy = "set synchronous_commit = on for this user: otherwise commits wait for no \
                          standby";
            Finding::warn("standbys", what, remedy)
        }
        (names, connected) => {
            Finding::ok("standbys", format!("{connected} connected, synchronous: {names}"))
        }
    }
}

fn transactions(found: &Inspection) -> Finding {
    let Some(oldest) = found.oldest_transaction.filter(|oldest| *oldest >= LONG) else {
        return Finding::ok("transactions", "none is open for long");
    };
    let what = format!("one has been open for {}", age(oldest));
    let remedy = "end it (pg_stat_activity, xact_start): while it is open, no dead row is removed, and \
                  the group gets slower";
    Finding::warn("transactions", what, remedy)
}

#[cfg(test)]
mod tests {
    use divider::store::postgres::Inspection;

    use super::super::Verdict;
    use super::*;

    fn check(change: impl FnOnce(&mut Inspection), of: fn(&Inspection) -> Finding, want: Verdict) {
        let mut found = Inspection::new("15.18");
        change(&mut found);
        let finding = of(&found);
        assert_eq!(finding.result, want, "{}: {}", finding.found, finding.remedy);
    }

    #[test]
    fn settings_that_break_a_promise_are_told() {
        check(|_| {}, server, Verdict::Ok);
        check(|found| found.is_standby = true, server, Verdict::Fail);
        check(|found| found.fsync = "off".into(), commits, Verdict::Fail);
        check(|found| found.synchronous_commit = "off".into(), commits, Verdict::Ok);
        check(|_| {}, standbys, Verdict::Ok);
        check(|found| found.standbys = Some(1), standbys, Verdict::Warn);
        let synchronous = |found: &mut Inspection| found.synchronous_standbys = "s1".into();
        check(synchronous, standbys, Verdict::Ok);
        let local = |found: &mut Inspection| {
            synchronous(found);
            found.synchronous_commit = "local".into();
        };
        check(local, standbys, Verdict::Warn);
        check(|found| found.oldest_transaction = Some(LONG), transactions, Verdict::Warn);
    }
}
