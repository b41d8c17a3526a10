//! Users that prove who they are by a key instead of a password.

use std::fs;

use async_nats::ConnectOptions;
use divider::store::{OpenError, Outcome, Store, StoreError, StreamOptions};
use divider::{NatsStore, Revision};
use divider_examples::cli::chain;
use divider_local_server::{LocalServer, Scratch};
use nkeys::KeyPair;

use crate::jwt::Chain;
use crate::office::{create, group};

/// What the user may do here: all that a group needs, but for claims.
const RIGHTS: [&str; 4] =
    ["$JS.API.>", "$JS.FC.>", "$KV.divider_orders.group", "$KV.divider_orders.lease.>"];

/// The group opens, and the rights are those of the user.
async fn assert_is_the_user(connect: ConnectOptions, server: &LocalServer) {
    let options = NatsStore::options().create_if_missing(StreamOptions::default());
    let store = options.connect_options(connect).connect(server.url(), group()).await.unwrap();
    assert!(matches!(store.write(create("lease.w1")).await, Outcome::Acked(Revision(_))));
    let refused = store.write(create("claim.a")).await;
    let Outcome::Refused(StoreError::Denied { what }) = refused else { panic!("{refused:?}") };
    assert!(what.contains("$KV.divider_orders.claim.a"), "{what}");
}

/// Somebody else is not let in, and the error has no secret in it.
async fn assert_is_refused(connect: ConnectOptions, server: &LocalServer, secret: &str) {
    let options = NatsStore::options().connect_options(connect);
    let error = options.connect(server.url(), group()).await.unwrap_err();
    assert!(matches!(error, OpenError::Connect { .. }), "{error:?}");
    let text = chain(&error);
    assert!(text.contains("uthorization"), "{text}");
    assert!(!text.contains(secret) && !format!("{error:?}").contains(secret), "{text}");
}

#[tokio::test]
async fn a_user_is_known_by_its_nkey() {
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let rights: Vec<String> = RIGHTS.map(|subject| format!("\"{subject}\"")).into();
    let config = format!(
        "authorization {{ users = [{{ nkey: {}, permissions: {{ publish: [{}], subscribe: [\"_INBOX.>\"] }} }}] }}",
        user.public_key(),
        rights.join(", ")
    );
    let server = LocalServer::builder().config(config).start().unwrap();
    let seed = user.seed().unwrap();
    assert_is_the_user(ConnectOptions::with_nkey(seed), &server).await;
    let seed = stranger.seed().unwrap();
    assert_is_refused(ConnectOptions::with_nkey(seed.clone()), &server, &seed).await;
}

/// As `nsc` makes them: an operator signs accounts, which sign users, who have both in one file.
#[tokio::test]
async fn a_user_is_known_by_its_credentials_file() {
    let chain = Chain::new();
    let server = LocalServer::builder().config(chain.config()).start().unwrap();
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("worker.creds");
    fs::write(&file, chain.credentials(&RIGHTS)).unwrap();
    let connect = ConnectOptions::with_credentials_file(&file).await.unwrap();
    assert_is_the_user(connect, &server).await;
    // Signed by an account that the server has not heard of.
    let strange = Chain::new().credentials(&RIGHTS);
    let secret = strange.lines().find(|line| line.starts_with("SU")).unwrap();
    let connect = ConnectOptions::with_credentials(&strange).unwrap();
    assert_is_refused(connect, &server, secret).await;
}
