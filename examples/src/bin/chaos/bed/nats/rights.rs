//! The servers' users: an administrator, an announcer, and each worker with the rights of a worker,
//! so that they can be taken from one of them.

use std::fmt::Write;

use super::super::{GROUP, Taken, Who};

/// The stream that the group is kept in.
pub(super) const STREAM: &str = "KV_divider_chaos";

/// Everybody's. It protects nothing: all of this is on loopback, and gone soon.
const PASSWORD: &str = "chaos";

/// The administrator and the announcer.
const ADMIN: &str = "admin";
const ANNOUNCER: &str = "announcer";

/// The configuration in which each of these workers has its rights, but for what was taken from one.
pub(super) fn config(workers: &[String], taken: Option<(usize, Taken)>) -> String {
    let mut users = format!("{{ user: {ADMIN}, password: {PASSWORD} }}\n");
    let announcer = [format!("$JS.API.STREAM.INFO.{STREAM}"), format!("divider.{GROUP}.key.>")];
    push_user(&mut users, ANNOUNCER, &announcer);
    for (index, worker) in workers.iter().enumerate() {
        let taken = taken.filter(|(from, _)| *from == index).map(|(_, taken)| taken);
        push_user(&mut users, worker, &worker_rights(taken));
    }
    format!("authorization {{ users = [\n{users}] }}\n")
}

/// The address of a port for a user.
pub(super) fn url(who: Who<'_>, port: u16) -> String {
    let user = match who {
        Who::Admin => ADMIN,
        Who::Announcer => ANNOUNCER,
        Who::Node(node) => node,
    };
    format!("nats://{user}:{PASSWORD}@127.0.0.1:{port}")
}

fn worker_rights(taken: Option<Taken>) -> Vec<String> {
    let bucket = format!("$KV.divider_{GROUP}");
    let all = [
        (Taken::Everything, format!("$JS.API.STREAM.INFO.{STREAM}")),
        (Taken::Everything, format!("$JS.API.STREAM.MSG.GET.{STREAM}")),
        (Taken::Watches, format!("$JS.API.CONSUMER.CREATE.{STREAM}.>")),
        (Taken::Watches, format!("$JS.API.CONSUMER.DELETE.{STREAM}.*")),
        (Taken::Watches, format!("$JS.FC.{STREAM}.>")),
        (Taken::Claims, format!("{bucket}.claim.>")),
        (Taken::Leases, format!("{bucket}.lease.>")),
        (Taken::Everything, format!("{bucket}.member.>")),
        (Taken::Everything, format!("{bucket}.manifest.>")),
        (Taken::Everything, format!("{bucket}.stops.>")),
        (Taken::Everything, format!("{bucket}.key.>")),
    ];
    let left = all.into_iter().filter(|(kind, _)| match taken {
        None => true,
        Some(Taken::Everything) => false,
        Some(taken) => *kind != taken,
    });
    left.map(|(_, subject)| subject).collect()
}

fn push_user(users: &mut String, user: &str, publish: &[String]) {
    let publish: Vec<String> = publish.iter().map(|subject| format!("\"{subject}\"")).collect();
    let nothing = publish.is_empty();
    let allowed =
        if nothing { "deny: [\">\"]".into() } else { format!("allow: [{}]", publish.join(", ")) };
    // Writing to a string does not fail.
    let _ = writeln!(
        users,
        "{{ user: {user}, password: {PASSWORD}, permissions: {{ publish: {{ {allowed} }}, \
         subscribe: {{ allow: [\"_INBOX.>\"] }} }} }}"
    );
}
