//! Logging in as the contexts of the nats command say.

use std::fs;

use divider_local_server::LocalServer;

use crate::bed::{Bed, answered, finish, words};

/// The pair of keys that the documentation of NATS has.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

fn locked() -> Bed {
    let config = format!(
        "authorization {{ users: [ {{ user: ana, password: s3cret }}, {{ nkey: {NKEY} }} ] }}"
    );
    Bed::with(LocalServer::builder().config(config).start().expect("a server"))
}

fn context(bed: &Bed, name: &str, json: &str) {
    let folder = bed.config.path().join("nats/context");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(format!("{name}.json")), json).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_logs_in_and_its_secrets_are_never_shown() {
    let bed = locked();
    let url = bed.server.url();
    context(&bed, "prod", &format!(r#"{{"url": "{url}", "user": "ana", "password": "s3cret"}}"#));
    context(&bed, "wrong", &format!(r#"{{"url": "{url}", "user": "ana", "password": "wr0ng"}}"#));
    fs::write(bed.config.path().join("nats/context.txt"), "prod").expect("written");
    let run = async |args: &[&str]| {
        let mut command = bed.command(args);
        command.env_remove("NATS_URL");
        let output = finish(command).await;
        let all = answered(&output) + &words(&output);
        assert!(!all.contains("s3cret") && !all.contains("wr0ng"), "{all}");
        (output.status.code(), all)
    };
    assert_eq!(run(&["init"]).await, (Some(0), "group/orders created\n".to_owned()));
    let (code, said) = run(&["nodes", "--context", "wrong"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("(context wrong)"), "{said}");
    let (code, said) = run(&["nodes", "--no-context", "-s", &url]).await;
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = run(&["status"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("context prod"), "{said}");
    let (_, said) = run(&["context", "info"]).await;
    assert!(said.contains("context prod, selected"), "{said}");
    assert!(said.contains("password  xxxxx"), "{said}");
    let (_, said) = run(&["context", "ls", "--no-headers"]).await;
    assert!(said.starts_with("prod") && said.contains("wrong"), "{said}");
    let address = url.replace("nats://", "nats://ana:s3cret@");
    let (code, said) = run(&["nodes", "--no-context", "-s", &address]).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_and_variables_log_in() {
    let bed = locked();
    fs::write(bed.config.path().join("ana.nk"), SEED).expect("written");
    let mut command = bed.command(&["init"]);
    let output = finish({
        command.env("NATS_NKEY", "$XDG_CONFIG_HOME/ana.nk");
        command
    });
    assert_eq!(answered(&output.await), "group/orders created\n");
    let mut command = bed.command(&["keys", "--count"]);
    command.env("NATS_USER", "ana").env("NATS_PASSWORD", "s3cret");
    assert_eq!(answered(&finish(command).await), "0\n");
}
