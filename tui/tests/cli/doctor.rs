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
    assert_found(document, (check, "fail"), found, remedy);
}

fn assert_warned(document: &Value, check: &str, found: &str, remedy: &str) {
    assert_found(document, (check, "warn"), found, remedy);
}

fn assert_found(document: &Value, (check, result): (&str, &str), found: &str, remedy: &str) {
    let row = find(document, check);
    assert_eq!(row["result"], result, "{document:#}");
    for (field, expected) in [("found", found), ("remedy", remedy)] {
        let text = row[field].as_str().expect("a text");
        assert!(text.contains(expected), "{field}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tries_what_the_user_may_and_leaves_nothing_behind() {
    let bed = Bed::with_group().await;
    // A slow machine's server warns of its own start.
    let before = bed.server.log().len();
    let (code, document) = checks(&bed, &[]).await;
    assert_eq!(code, Some(0), "{document:#}");
    for check in ["write", "watch"] {
        assert_eq!(find(&document, check)["result"], "ok", "{document:#}");
    }
    let log = bed.server.log();
    let warnings: Vec<_> = log[before..].lines().filter(|line| line.contains("[WRN]")).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    let crashes = find(&document, "crashes")["found"].as_str().expect("a text");
    assert!(crashes.contains("superseded records"), "{document:#}");
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
    assert_warned(&document, "account", " of 65536 bytes (9", "storage limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn account_usage_is_shown_as_far_as_the_user_may_read_it() {
    let bed = Bed::with_group().await;
    let (_, document) = checks(&bed, &[]).await;
    let row = find(&document, "account");
    assert_eq!(row["result"], "ok", "{document:#}");
    assert!(row["found"].as_str().expect("a text").contains("no account limit"), "{row}");

    let deny = "authorization { users: [
        {user: a, password: a}
        {user: b, password: b, permissions: {publish: {deny: \"$JS.API.INFO\"}}}] }
        no_auth_user: a";
    let server = LocalServer::builder().config(deny).start().expect("a server");
    let bed = Bed::with(server);
    bed.make("orders").await;
    let (code, document) = checks(&bed, &["--user", "b", "--password", "b"]).await;
    assert_eq!(code, Some(0), "{document:#}");
    let row = find(&document, "account");
    assert_eq!(row["result"], "ok", "{document:#}");
    assert!(row["found"].as_str().expect("a text").contains("$JS.API.INFO"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_without_harm_is_a_warning_and_one_with_harm_fails() {
    let bed = Bed::with_group().await;
    let client = async_nats::connect(bed.server.url()).await.expect("connected");
    let log = async_nats::jetstream::new(client);
    let mut stream = log.get_stream("KV_divider_orders").await.expect("it is there");
    let mut config = stream.info().await.expect("it is there").config.clone();
    config.allow_direct = !config.allow_direct;
    log.update_stream(&config).await.expect("updated");
    let (code, document) = checks(&bed, &[]).await;
    assert_eq!(code, Some(0), "{document:#}");
    assert_warned(
        &document,
        "stream",
        "works, with harmless differences: allow_direct is",
        "nats stream edit",
    );

    config.max_age = std::time::Duration::from_hours(1);
    log.update_stream(&config).await.expect("updated");
    let (code, document) = checks(&bed, &[]).await;
    assert_eq!(code, Some(1), "{document:#}");
    assert_failed(&document, "stream", "max_age is", "nats stream edit");
    assert_failed(&document, "stream", "harmless: allow_direct is", "divider init");
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
