//! The servers start, answer, survive what is done to them and leave nothing behind.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use divider_local_server::{Binary, Cluster, LocalServer, ServerError, Version};

#[test]
fn a_server_starts_answers_and_leaves_nothing() {
    let server = LocalServer::start().unwrap();
    assert!(greeting(&server).contains("\"jetstream\":true"));
    assert!(server.version() >= Version::OLDEST);
    let (pid, port) = (server.pid().unwrap(), server.port());
    let folder = folder(pid);
    assert!(folder.is_dir());
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!folder.exists());
}

#[test]
fn a_server_comes_back_on_its_port_over_its_store() {
    let mut server = LocalServer::start().unwrap();
    let port = server.port();
    assert!(matches!(server.restart(), Err(ServerError::Running { .. })));
    server.stop();
    assert!(!server.is_running());
    server.restart().unwrap();
    server.kill();
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert!(greeting(&server).starts_with("INFO"));
}

#[test]
fn a_frozen_server_is_silent_until_it_is_thawed_and_can_be_stopped() {
    let mut server = LocalServer::start().unwrap();
    server.freeze();
    assert!(server.wait_until_ready(Duration::from_millis(1)).is_err());
    server.thaw();
    server.wait_until_ready(Duration::from_secs(30)).unwrap();
    server.freeze();
    server.stop();
    assert!(!server.is_running());
}

#[test]
fn a_store_can_be_rolled_back() {
    let mut server = LocalServer::start().unwrap();
    let copy = server.copy_store().unwrap();
    assert!(matches!(server.roll_back_store(&copy), Err(ServerError::Running { .. })));
    server.kill();
    server.roll_back_store(&copy).unwrap();
    server.restart().unwrap();
}

#[test]
fn a_configuration_is_used_and_its_ports_are_not() {
    let check = |config: &str, said: &str| {
        let server = LocalServer::builder().config(config).start().unwrap();
        assert!(greeting(&server).contains(said), "{config}: {}", greeting(&server));
    };
    check("listen: 127.0.0.1:4222", "\"headers\":true");
    check("max_payload: 4096", "\"max_payload\":4096");
    check("authorization { user: a, password: b }", "\"auth_required\":true");
    check("jetstream { store_dir: \"elsewhere\" }", "\"jetstream\":true");
    let bare = LocalServer::builder().without_jetstream().start().unwrap();
    assert!(!greeting(&bare).contains("\"jetstream\":true"));
}

#[test]
fn a_running_server_takes_a_changed_configuration() {
    let mut server = LocalServer::start().unwrap();
    server.reload("max_payload: 4096").unwrap();
    assert!(greeting(&server).contains("\"max_payload\":4096"));
    let error = server.reload("max_payload: [").unwrap_err();
    assert!(matches!(&error, ServerError::Reload { why, .. } if why.contains("Parse")), "{error}");
    assert!(greeting(&server).contains("\"max_payload\":4096"));
}

#[test]
fn the_configuration_of_the_repository_works() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../nats.conf");
    let server = LocalServer::builder().config_file(path).start().unwrap();
    assert!(greeting(&server).contains("\"jetstream\":true"));
    let store = folder(server.pid().unwrap()).join("data/nats-data");
    assert!(store.is_dir(), "a relative store folder is in the temporary one: {}", store.display());
}

#[test]
fn a_configuration_with_an_error_is_shown() {
    let error = LocalServer::builder().config("max_payload: [").start().unwrap_err();
    assert!(
        matches!(&error, ServerError::Ended { log, .. } if log.contains("Parse error")),
        "{error}"
    );
}

#[test]
fn a_release_that_does_not_exist_is_refused_with_the_ways_to_get_one() {
    let error = Binary::installed(Version { major: 2, minor: 15, patch: 999 }).unwrap_err();
    assert!(error.to_string().contains("NATS_SERVER"), "{error}");
}

#[test]
fn a_cluster_forms_and_survives_the_loss_of_a_server() {
    let mut cluster = Cluster::start().unwrap();
    assert_eq!(cluster.url().split(',').count(), 3);
    let lost = &mut cluster.servers_mut()[0];
    lost.reload("max_payload: 4096").unwrap();
    assert!(greeting(lost).contains("\"max_payload\":4096"));
    lost.kill();
    lost.restart().unwrap();
    let error = cluster.leader("nobody", Duration::ZERO).unwrap_err();
    assert!(matches!(error, ServerError::NoLeader { .. }));
}

/// A server's process must not outlive the one that started it, even if that one is killed.
#[test]
fn a_server_dies_with_its_process() {
    if std::env::var_os("DIVIDER_TEST_CHILD").is_some() {
        let server = LocalServer::start().unwrap();
        println!("pid={}", server.pid().unwrap());
        std::thread::park();
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_dies_with_its_process", "--nocapture"])
        .env("DIVIDER_TEST_CHILD", "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid =
        lines.map_while(Result::ok).find_map(|line| Some(line.split_once("pid=")?.1.to_owned()));
    child.kill().unwrap();
    child.wait().unwrap();
    let server = PathBuf::from(format!("/proc/{}/exe", pid.unwrap()));
    for _ in 0..1_000 {
        // A killed process that nobody has reaped yet has no `exe` to read.
        if server.read_link().is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it still runs: {}", server.display());
}

/// The line with which a server greets a client.
fn greeting(server: &LocalServer) -> String {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it greets");
    line
}

/// The temporary folder of a running server, above its working directory.
fn folder(pid: u32) -> PathBuf {
    let data = PathBuf::from(format!("/proc/{pid}/cwd")).read_link().expect("it runs");
    data.parent().expect("it is a folder in the temporary one").to_owned()
}
