//! A connection's thread ends with the last that uses it. On its own, since it counts the threads of
//! the process.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::Duration;

use divider::store::nats::StreamOptions;
use divider::store::{Filter, Store};
use divider::{GroupName, NatsStore};
use divider_local_server::LocalServer;

fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("a list of threads");
    let named =
        |path: std::path::PathBuf| fs::read_to_string(path).is_ok_and(|n| n == "divider-nats\n");
    tasks.flatten().filter(|task| named(task.path().join("comm"))).count()
}

#[tokio::test]
async fn the_connections_thread_ends_with_its_last_holder() {
    let server = LocalServer::start().expect("a nats-server");
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let group = GroupName::new("thread").expect("legal");
    let store = options.connect(server.url(), group).await.expect("a group");
    let watch = store.watch(Filter::everything()).await.expect("a watch");
    let writing = store.write(divider::store::Write::delete("key.a", None));
    drop(store);
    writing.await;
    assert_eq!(threads(), 1);
    drop(watch);
    let ended = async {
        while threads() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), ended).await.expect("the thread ends");
}
