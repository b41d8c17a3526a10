//! Users that prove who they are by a key instead of a password.

use std::fs;

use async_nats::ConnectOptions;
use divider::store::nats::{OpenError, StreamOptions, credentials_file};
use divider::store::{Outcome, Store, StoreError};
use divider::{NatsStore, Revision};
use divider_examples::cli::chain;
use divider_local_server::{LocalServer, Scratch};
use nkeys::KeyPair;

use crate::jwt::Chain;
use crate::office::{create, group, in_time};

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

/// The user in the file is another one after it was written again, as is a user's renewed JWT.
#[tokio::test]
async fn a_credentials_file_is_read_again_when_the_connection_is_made_again() {
    let chain = Chain::new();
    let mut server = LocalServer::builder().config(chain.config()).start().unwrap();
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("worker.creds");
    fs::write(&file, chain.credentials(&RIGHTS)).unwrap();
    assert_is_the_user(credentials_file(&file).unwrap(), &server).await;

    let options = NatsStore::options().connect_options(credentials_file(&file).unwrap());
    let store = options.connect(server.url(), group()).await.unwrap();
    let renewed = folder.path().join("renewed");
    fs::write(&renewed, chain.credentials(&["$JS.API.>", "$KV.divider_orders.>"])).unwrap();
    fs::rename(&renewed, &file).unwrap();
    // What it connected with still counts, until it connects again.
    let refused = store.write(create("claim.a")).await;
    assert!(matches!(refused, Outcome::Refused(StoreError::Denied { .. })), "{refused:?}");
    server.kill();
    server.restart().unwrap();
    wait_for_claim(&store).await;

    // A file that is broken for a while leaves what was read before.
    fs::write(&file, "half").unwrap();
    server.kill();
    server.restart().unwrap();
    wait_for_claim(&store).await;
}

/// Waits until claims can be written.
async fn wait_for_claim(store: &NatsStore) {
    in_time(async {
        loop {
            match store.write(create("claim.a")).await {
                Outcome::Acked(_) | Outcome::Conflict => return,
                Outcome::Refused(_) | Outcome::Unknown(_) => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_without_credentials_is_refused_before_anything_is_connected() {
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("worker.creds");
    let missing = credentials_file(&file).unwrap_err().to_string();
    assert!(missing.contains("worker.creds"), "{missing}");
    fs::write(&file, "nothing").unwrap();
    let empty = credentials_file(&file).unwrap_err().to_string();
    assert!(empty.contains("contains no user JWT"), "{empty}");
}
