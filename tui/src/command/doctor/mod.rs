//! `divider doctor`

mod postgres;
mod redis;
mod store;
mod trial;

use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use divider::GroupName;
use divider::store::Backend;
use divider::store::nats::{Inspection, NatsAccount, Right, Role};
use serde::Serialize;

use crate::connection::{Connected, Server};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{
    Column, Format, List, age, answer, answer_json, chain, count, now_ms, tone_of,
};
use crate::shell::Shell;

/// Check the server, the group and this user's rights, and suggest fixes
///
/// It tests each right by a request that changes nothing. Then, as far as the user may, it writes
/// and reads a tombstone that expires after one second, and opens a watch. Exits with 1 if a problem
/// keeps the group from working, or this user from viewing it.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

/// What was found of one thing.
#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    result: Verdict,
    found: String,
    /// What to do; empty where nothing is.
    remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// `divider.doctor.v1`
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    server: String,
    group: Option<&'a str>,
    result: Verdict,
    checks: &'a [Finding],
}

const COLUMNS: &[Column<Finding>] = &[
    Column::new("CHECK", |row: &Finding| row.check.clone()),
    Column::new("RESULT", |row: &Finding| row.result.as_str().to_owned())
        .toned(|row| tone_of(row.result.as_str())),
    Column::new("FOUND", |row: &Finding| row.found.clone()),
];

/// How far the clocks may be apart before tokens and deadlines suffer.
const CLOCKS: Duration = Duration::from_secs(1);

impl DoctorArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let is_json = shell.output.format(&Format::OF_ONE)? == Format::Json;
        let connected = shell.connect().await?;
        let mut findings = vec![login(&connected)];
        let group = match connected.server.nats() {
            Some(account) => check_nats(&connected, account, &mut findings).await,
            None => check_other(&connected, &mut findings).await,
        };
        let worst = findings.iter().map(|finding| finding.result).max().unwrap_or(Verdict::Ok);
        if is_json {
            answer_json(&Document {
                schema: "divider.doctor.v1",
                server: connected.settings.server(),
                group: group.as_ref().map(GroupName::as_str),
                result: worst,
                checks: &findings,
            })?;
        } else {
            show(shell, &findings)?;
        }
        let failed = findings.iter().filter(|finding| finding.result == Verdict::Fail).count();
        match failed {
            0 => Ok(()),
            1 => Err(Failure::new(Exit::Failed, "1 check failed")),
            n => Err(Failure::new(Exit::Failed, format!("{n} checks failed"))),
        }
    }
}

/// Every check of a NATS server, and the group that was checked.
async fn check_nats(
    connected: &Connected,
    account: &NatsAccount,
    findings: &mut Vec<Finding>,
) -> Option<GroupName> {
    findings.extend([version(account), crashes()]);
    let group = find_group(connected, findings).await;
    findings.push(store::account(account.storage().await));
    if let Some(group) = &group {
        examine(connected, account, group, findings).await;
    }
    group
}

/// The checks that work on every backend, and the group that was checked.
async fn check_other(connected: &Connected, findings: &mut Vec<Finding>) -> Option<GroupName> {
    let timeout = connected.settings.timeout();
    match &connected.server {
        Server::Other { backend: Backend::Postgres, urls, .. } => {
            postgres::check(urls, timeout, findings).await;
        }
        Server::Other { backend: Backend::Redis, urls, .. } => {
            redis::check(urls, timeout, findings).await;
        }
        _ => {}
    }
    let group = find_group(connected, findings).await?;
    match connected.server.open(group.clone()).await {
        Ok(store) => trial::try_all(&store, findings).await,
        Err(error) => {
            let remedy =
                "check the name, create the group with `divider init`, or grant the user the right";
            findings.push(Finding::fail("group", chain(&error), remedy));
        }
    }
    Some(group)
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Finding {
    fn ok(check: &str, found: impl Into<String>) -> Self {
        let (check, found) = (check.to_owned(), found.into());
        Self { check, result: Verdict::Ok, found, remedy: String::new() }
    }

    fn warn(check: &str, found: impl Into<String>, remedy: &str) -> Self {
        let remedy = remedy.to_owned();
        Self { result: Verdict::Warn, remedy, ..Self::ok(check, found) }
    }

    fn fail(check: &str, found: impl Into<String>, remedy: &str) -> Self {
        let remedy = remedy.to_owned();
        Self { result: Verdict::Fail, remedy, ..Self::ok(check, found) }
    }
}

fn show(shell: &Shell, findings: &[Finding]) -> Outcome {
    let table =
        shell.output.table(&List { columns: COLUMNS, rows: findings, kind: "check" }, |_| true);
    answer(&table)?;
    for finding in findings.iter().filter(|finding| !finding.remedy.is_empty()) {
        shell.output.say(&format!("{}: {}", finding.check, finding.remedy));
    }
    Ok(())
}

fn login(connected: &Connected) -> Finding {
    let settings = &connected.settings;
    let context = settings.context.as_ref().map_or("no context", |context| &context.name);
    let login = settings.login_words();
    let found = format!("{} ({context}, login: {login})", settings.server());
    Finding::ok("connection", found)
}

fn version(account: &NatsAccount) -> Finding {
    let server = account.server();
    let found = format!("nats-server {} ({})", server.version, server.name);
    if server.is_new_enough {
        return Finding::ok("version", found);
    }
    let remedy = format!("install nats-server {} or newer; the latest is best", server.needed);
    Finding::fail("version", found, &remedy)
}

/// What holds of every server: who finds records in a stream that are not in the group learns why.
fn crashes() -> Finding {
    let found = "after a crash nats-server may return superseded records (its issue 8505, all \
                 versions known); nodes handle this";
    Finding::ok("crashes", found)
}

/// The group that is asked for, or the only one.
async fn find_group(connected: &Connected, findings: &mut Vec<Finding>) -> Option<GroupName> {
    if let Some(group) = connected.wanted() {
        return Some(group.clone());
    }
    match connected.server.groups().await {
        Ok(groups) if groups.len() == 1 => groups.into_iter().next(),
        Ok(groups) if groups.is_empty() => {
            let remedy = "create one with `divider init -g NAME`";
            findings.push(Finding::warn("groups", "no groups", remedy));
            None
        }
        Ok(groups) => {
            let names: Vec<_> = groups.iter().map(GroupName::as_str).collect();
            let remedy = "set --group to check one of them, and the rights to it";
            findings.push(Finding::warn("groups", names.join(", "), remedy));
            None
        }
        Err(error) => {
            let remedy = "enable JetStream for the server and the account, or set --group if the \
                          user may not list groups";
            findings.push(Finding::fail("groups", chain(&error), remedy));
            None
        }
    }
}

async fn examine(
    connected: &Connected,
    account: &NatsAccount,
    group: &GroupName,
    findings: &mut Vec<Finding>,
) {
    match account.inspect(group).await {
        Ok(found) => {
            findings.push(store::rules(group, &found));
            findings.push(store::replicas(group, &found));
            findings.push(store::size(group, &found));
            findings.push(clock(&found));
        }
        Err(error) => {
            let remedy =
                "check the name, create the group with `divider init`, or grant the user the right";
            findings.push(Finding::fail("group", chain(&error), remedy));
        }
    }
    findings.extend(store::checkpoints(group, account.inspect_checkpoints(group).await));
    if let Some(finding) = protocol(account, group).await {
        findings.push(finding);
    }
    let rights = account.rights(group).await;
    trial::try_it(connected, group, &rights, findings).await;
    findings.extend(strays(account, group).await);
    for role in [Role::Viewer, Role::Announcer, Role::Operator, Role::Worker, Role::Caller] {
        findings.extend(of_role(role, &rights));
    }
}

fn clock(found: &Inspection) -> Finding {
    let Some(server) = found.server_time.and_then(|time| time.duration_since(UNIX_EPOCH).ok())
    else {
        return Finding::warn("clock", "the server does not report its time", "use a newer server");
    };
    compare_clocks(server)
}

/// The server's time, since 1970, next to this machine's.
fn compare_clocks(server: Duration) -> Finding {
    let apart = server.abs_diff(Duration::from_millis(now_ms()));
    let what = format!("this machine and the server differ by {}", age(apart));
    if apart <= CLOCKS {
        return Finding::ok("clock", what);
    }
    let remedy = "synchronise both with NTP: drain deadlines and fencing tokens use wall clocks";
    Finding::warn("clock", what, remedy)
}

/// What opening says beyond what was looked at already.
async fn protocol(account: &NatsAccount, group: &GroupName) -> Option<Finding> {
    use divider::store::nats::OpenError::{GroupRecord, Protocol};
    match account.open(group.clone()).await {
        Ok(_) => Some(Finding::ok("protocol", "supported by this version")),
        Err(error @ (Protocol { .. } | GroupRecord { .. })) => {
            let remedy = "use a version of this program that supports it";
            Some(Finding::fail("protocol", chain(&error), remedy))
        }
        // The reason stands in another line.
        Err(_) => None,
    }
}

/// Announcements that no node sees.
async fn strays(account: &NatsAccount, group: &GroupName) -> Option<Finding> {
    let strays = account.strays(group).await.ok()?;
    let first = strays.first()?;
    let found = format!(
        "{} announced under a wrong subject, so that no node sees them: {}",
        count(strays.len() as u64, "key"),
        first.subject
    );
    Some(Finding::warn("records", found, "`divider repair` lists and removes them"))
}

/// The rights of a role: one line where all are there, else one for each that lacks.
fn of_role(role: Role, rights: &[Right]) -> Vec<Finding> {
    let name = match role {
        Role::Viewer => "viewer",
        Role::Announcer => "announcer",
        Role::Caller => "caller",
        Role::Operator => "operator",
        _ => "worker",
    };
    let check = format!("rights: {name}");
    let of_role = rights.iter().filter(|right| right.role == role);
    let lacking: Vec<_> = of_role.filter_map(|right| lack(&check, right)).collect();
    if lacking.is_empty() { vec![Finding::ok(&check, "all granted")] } else { lacking }
}

fn lack(check: &str, right: &Right) -> Option<Finding> {
    let found = format!("may not {}: {}", right.what, chain(right.refused.as_ref()?));
    let remedy = format!("to use this role, grant the right to publish to {}", right.subject);
    // Without a viewer's rights nothing of this program works.
    let make = if right.role == Role::Viewer { Finding::fail } else { Finding::warn };
    Some(make(check, found, &remedy))
}
