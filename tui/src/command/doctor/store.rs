//! How the group's stream and its account are.

use divider::GroupName;
use divider::store::nats::{BrokenRule, Inspection, OpenError, Storage};

use super::Finding;
use crate::output::chain;

pub(super) fn rules(group: &GroupName, found: &Inspection) -> Finding {
    if found.broken.is_empty() {
        return Finding::ok("stream", format!("{group}: stream settings are correct"));
    }
    let words = |is_harmless: bool| {
        let rules = found.broken.iter().filter(|rule| rule.is_harmless == is_harmless);
        rules.map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let (harmful, harmless) = (words(false), words(true));
    let edit = format!("edit the stream KV_divider_{group} with `nats stream edit`");
    if harmful.is_empty() {
        let what = format!("{group} works, with harmless differences: {harmless}");
        return Finding::warn("stream", what, &edit);
    }
    let all =
        if harmless.is_empty() { harmful } else { format!("{harmful}; harmless: {harmless}") };
    let remedy = format!(
        "{edit}; if a setting cannot be changed, delete the stream, create it again with `divider \
         init`, and announce all keys again"
    );
    Finding::fail("stream", all, &remedy)
}

pub(super) fn replicas(group: &GroupName, found: &Inspection) -> Finding {
    let away: Vec<_> = found.servers.iter().filter(|replica| replica.is_offline).collect();
    let behind = found.servers.iter().any(|replica| !replica.is_current);
    let all = format!("{} of {group}", found.replicas);
    if !away.is_empty() {
        let names: Vec<_> = away.iter().map(|replica| replica.server.as_str()).collect();
        let what = format!("{all}, unreachable: {}", names.join(", "));
        return Finding::fail("replicas", what, "start these servers again");
    }
    if behind {
        let what = format!("{all}, one is behind");
        return Finding::warn("replicas", what, "wait until it has caught up, or check its disk");
    }
    if found.replicas < 3 {
        let remedy = format!(
            "no server may fail: on a cluster, `nats stream edit KV_divider_{group} --replicas 3`"
        );
        return Finding::warn("replicas", all, &remedy);
    }
    Finding::ok("replicas", all)
}

pub(super) fn size(group: &GroupName, found: &Inspection) -> Finding {
    let Some(max) = found.max_bytes else {
        return Finding::ok("size", format!("{} bytes, no limit", found.bytes));
    };
    let percent = found.bytes.saturating_mul(100) / max.max(1);
    let what = format!("{} of {max} bytes ({percent}%)", found.bytes);
    let remedy = format!("raise it: `nats stream edit KV_divider_{group} --max-bytes`");
    match percent {
        0..80 => Finding::ok("size", what),
        80..95 => Finding::warn("size", what, &remedy),
        _ => Finding::fail("size", what, &remedy),
    }
}

/// How the stream of the checkpoints is, if the group has one and the user may look.
pub(super) fn checkpoints(
    group: &GroupName,
    found: Result<Option<Vec<BrokenRule>>, OpenError>,
) -> Option<Finding> {
    let broken = match found {
        Ok(Some(broken)) => broken,
        Ok(None) | Err(OpenError::Denied { .. } | OpenError::Timeout { .. }) => return None,
        Err(error) => {
            let remedy = "check the server and the user's rights";
            return Some(Finding::warn("checkpoints", chain(&error), remedy));
        }
    };
    if broken.is_empty() {
        let found = format!("KV_divider_state_{group}: stream settings are correct");
        return Some(Finding::ok("checkpoints", found));
    }
    let words = broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let remedy = format!(
        "edit the stream KV_divider_state_{group} with `nats stream edit`: until then no key can open \
         its checkpoint"
    );
    Some(Finding::fail("checkpoints", words, &remedy))
}

/// How full the account is: what all its streams take counts, and not the group's alone.
pub(super) fn account(found: Result<Storage, OpenError>) -> Finding {
    let Storage { used, reserved, limit, .. } = match found {
        Ok(storage) => storage,
        Err(error @ OpenError::Denied { .. }) => {
            let found = format!("usage unknown (not checked): {}", chain(&error));
            return Finding::ok("account", found);
        }
        Err(error) => {
            let remedy = "check that JetStream is enabled for the account; if the stream is imported \
                          from another account, check that account";
            return Finding::warn("account", chain(&error), remedy);
        }
    };
    let Some(limit) = limit else {
        let found = format!(
            "{used} bytes, {reserved} reserved; no account limit: the server's max_file_store and \
             disk apply"
        );
        return Finding::ok("account", found);
    };
    let percent = used.saturating_mul(100) / limit;
    let found = format!("{used} of {limit} bytes ({percent}%), {reserved} reserved");
    if used.saturating_mul(100) <= limit.saturating_mul(80) {
        return Finding::ok("account", found);
    }
    let remedy = "raise the account's storage limit, or free space: when it is full, no lease is \
                  renewed and all work stops";
    Finding::warn("account", found, remedy)
}
