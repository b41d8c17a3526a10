//! A pooler in transaction mode between the store and the server.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use divider::store::postgres::OpenError;
use divider::store::{Filter, Store};
use divider_local_server::{LocalPostgres, Process, Program, Scratch};

use crate::support::{
    creating, in_time, new_group, next_record, put, server, snapshot, until, write,
};

const PGBOUNCER: &str = "/usr/sbin/pgbouncer";

/// A pgbouncer that gives each transaction another connection.
struct Pooler {
    url: String,
    _process: Process,
    _folder: Scratch,
}

impl Pooler {
    async fn to(server: &LocalPostgres) -> Option<Self> {
        if !Path::new(PGBOUNCER).is_file() {
            assert!(std::env::var_os("CI").is_none(), "{PGBOUNCER} is missing");
            eprintln!("SKIPPED: no {PGBOUNCER}");
            return None;
        }
        let folder = Scratch::new().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let config = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\npostgres = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\nunix_socket_dir =\n\
             default_pool_size = 5\n",
            server.port()
        );
        let text = text.replace(
            &format!("port={}\n", server.port()),
            &format!("port={} user=postgres\n", server.port()),
        );
        fs::write(&config, text).expect("written");
        // It refuses to run as root, and `nobody` is on every system.
        let by_root = is_root();
        let args: Vec<OsString> = if by_root {
            let user =
                ["--reuid", "nobody", "--clear-groups", "--pdeathsig", "KILL", "--", PGBOUNCER];
            user.iter().map(OsString::from).chain([config.into()]).collect()
        } else {
            vec![config.into()]
        };
        let path = if by_root { "setpriv" } else { PGBOUNCER }.into();
        let (dir, log) = (folder.path().to_owned(), folder.path().join("log"));
        let process = Process::spawn(Program { path, args, dir, log }).expect("it starts");
        until(|| async { TcpStream::connect(("127.0.0.1", port)).is_ok() }).await;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        Some(Self { url, _process: process, _folder: folder })
    }
}

/// Whether this process is root's: then its files are.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|of_us| of_us.uid() == 0)
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_in_words_and_works_by_polling() {
    let Some(server) = server() else { return };
    let Some(pooler) = Pooler::to(server).await else { return };
    let group = new_group();
    let error = creating().connect(&pooler.url, group.clone()).await.expect_err("no LISTEN");
    assert!(matches!(error, OpenError::Invalid { .. }), "{error:?}");
    assert!(error.to_string().contains("notify(false)"), "{error}");

    let options = creating().notify(false);
    let store = options.connect(&pooler.url, group.clone()).await.expect("a group");
    let other = options.connect(&pooler.url, group).await.expect("the group");
    let mut watching = in_time(store.watch(Filter::everything())).await.expect("a watch");
    snapshot(&mut watching).await;
    for n in 0..50 {
        let name = format!("key.{n}");
        let revision = write(&other, put(&name, Some(0))).await;
        assert_eq!(next_record(&mut watching).await.revision.0, revision);
        assert!(store.read(&name).await.expect("an answer").is_some());
    }
    let many: Vec<_> = (0..2_000).map(|n| put(&format!("claim.{n}"), Some(0))).collect();
    let outcomes = futures_util::future::join_all(many.into_iter().map(|w| store.write(w))).await;
    let acked =
        |outcome: &divider::store::Outcome| matches!(outcome, divider::store::Outcome::Acked(_));
    assert!(outcomes.iter().all(acked), "{:?}", outcomes.iter().find(|o| !acked(o)));
}
