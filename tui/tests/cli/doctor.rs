//! `divider doctor` in outages that rights and settings do not show.

use divider_local_server::LocalServer;
use serde_json::Value;

use crate::bed::{Bed, words};

/// A server with an account that has these limits, and one beside it that imports what the first
/// exports.
fn server(limits: &str, exports: &str, imports: &str) -> LocalServer {
    let import = |what: &str| format!("{{service: {{account: A, subject: \"{what}\"}}}}");
    let services = ["$JS.API.>", "$KV.divider_orders.>", "divider.orders.key.>"];
    let services_out = services.map(|what| format!("{{service: \"{what}\"}}")).join(", ");
    let services_in = services.map(import).join(", ");
    let config = format!(
        "accounts {{
           A {{ jetstream: {{{limits}}}, users: [{{user: a, password: a}}],
               exports: [{services_out} {exports}] }}
           B {{ users: [{{user: b, password: b}}], imports: [{services_in} {imports}] }}
         }}
         no_auth_user: a"
    );
    LocalServer::builder().config(config).start().expect("a server")
}

async fn checks(bed: &Bed, args: &[&str]) -> (Option<i32>, Value) {
    let args: Vec<&str> = [&["doctor", "-j"][..], args].concat();
    let output = bed.run(&args).await;
    let document = serde_json::from_slice(&output.stdout);
    let document: Value = document.unwrap_or_else(|error| panic!("{error}: {}", words(&output)));
    crate::json::check(&document);
    (output.status.code(), document)
}

fn find<'a>(document: &'a Value, check: &str) -> &'a Value {
    let checks = document["checks"].as_array().expect("a list");
    let found = checks.iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("{check}: {document:#}"))
}

fn assert_failed(document: &Value, check: &str, found: &str, remedy: &str) {
    let row = find(document, check);
    assert_eq!(row["result"], "fail", "{document:#}");
    for (field, expected) in [("found", found), ("remedy", remedy)] {
        let text = row[field].as_str().expect("a text");
        assert!(text.contains(expected), "{field}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tries_what_the_user_may_and_leaves_nothing_behind() {
    let bed = Bed::with_group().await;
    let (code, document) = checks(&bed, &[]).await;
    assert_eq!(code, Some(0), "{document:#}");
    for check in ["write", "watch"] {
        assert_eq!(find(&document, check)["result"], "ok", "{document:#}");
    }
    let warnings = bed.server.log();
    let warnings: Vec<_> = warnings.lines().filter(|line| line.contains("[WRN]")).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    assert_eq!(bed.json(&["nodes"]).await["nodes"], serde_json::json!([]));
    assert_eq!(bed.json(&["repair"]).await["records"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_account_is_named() {
    let bed = Bed::with(server("max_file: 64KB, max_streams: 9, max_consumers: 99", "", ""));
    bed.make("orders").await;
    let client = async_nats::connect(bed.server.url()).await.expect("connected");
    let log = async_nats::jetstream::new(client);
    let other = async_nats::jetstream::stream::Config {
        name: "other".to_owned(),
        subjects: vec!["other".to_owned()],
        ..Default::default()
    };
    log.create_stream(other).await.expect("there is room");
    loop {
        let sent = log.publish("other", vec![0; 4000].into()).await.expect("sent");
        if sent.await.is_err() {
            break;
        }
    }
    // What is left is less than a large message; small ones take the rest.
    loop {
        let sent = log.publish("other", "".into()).await.expect("sent");
        if sent.await.is_err() {
            break;
        }
    }
    let (code, document) = checks(&bed, &[]).await;
    assert_eq!(code, Some(1), "{document:#}");
    assert_failed(&document, "write", "the store is full", "account's storage limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_at_its_limit_of_consumers_is_named() {
    let bed = Bed::with(server("max_file: 9MB, max_streams: 9, max_consumers: 1", "", ""));
    bed.make("orders").await;
    let child = bed.spawn(&["watch", "--for", "90s"]);
    let client = async_nats::connect(bed.server.url()).await.expect("connected");
    let log = async_nats::jetstream::new(client);
    let mut stream = log.get_stream("KV_divider_orders").await.expect("it is there");
    let held =
        async { while stream.info().await.expect("it is there").state.consumer_count == 0 {} };
    tokio::time::timeout(crate::bed::PATIENCE, held).await.expect("the watch has a consumer");
    let (code, document) = checks(&bed, &[]).await;
    let mut child = child;
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    assert_eq!(code, Some(1), "{document:#}");
    assert_failed(&document, "watch", "maximum consumers limit reached", "max_consumers");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_without_the_inboxes_is_named_and_one_with_them_works() {
    let limits = "max_file: 9MB, max_streams: 9, max_consumers: 99";
    let user = ["--user", "b", "--password", "b", "--inbox-prefix", "_INBOX_b"];
    let bed = Bed::with(server(limits, "", ""));
    bed.make("orders").await;
    let (code, document) = checks(&bed, &user).await;
    assert_eq!(code, Some(1), "{document:#}");
    assert_failed(&document, "watch", "silent", "in another account");

    let exports = ", {service: \"$JS.FC.>\"}, {stream: \"_INBOX_b.>\"}";
    let imports = ", {service: {account: A, subject: \"$JS.FC.>\"}}, \
                   {stream: {account: A, subject: \"_INBOX_b.>\"}}";
    let bed = Bed::with(server(limits, exports, imports));
    bed.make("orders").await;
    let (code, document) = checks(&bed, &user).await;
    assert_eq!(code, Some(0), "{document:#}");
}
