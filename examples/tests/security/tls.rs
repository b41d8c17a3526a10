//! Encrypted connections, with certificates of both sides.

use std::fs;
use std::path::PathBuf;

use async_nats::ConnectOptions;
use divider::store::Store;
use divider::store::nats::NatsOptions;
use divider::store::nats::{OpenError, StreamOptions};
use divider::{Group, NatsStore};
use divider_examples::cli::chain;
use divider_local_server::{LocalServer, Scratch};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::office::{group, key};

/// Certificates in files, of an authority made for one test.
struct Papers {
    folder: Scratch,
    issuer: Issuer<'static, KeyPair>,
}

impl Papers {
    /// An authority, with `ca.pem`.
    fn new() -> Self {
        let folder = Scratch::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&own).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, own) }
    }

    /// A certificate for a name or address, with its key: `<file>.pem` and `<file>.key`.
    fn issue(&self, file: &str, name: &str, usage: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages.push(usage);
        let own = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&own, &self.issuer).unwrap();
        fs::write(self.path(&format!("{file}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{file}.key")), own.serialize_pem()).unwrap();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// A server with the certificate, which asks for its clients' if it is to verify them.
    fn server(&self, verify: &str) -> LocalServer {
        let path = |file: &str| self.path(file).display().to_string();
        let config = format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", verify: {verify} }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        );
        LocalServer::builder().config(config).start().unwrap()
    }
}

fn options(connect: ConnectOptions) -> NatsOptions {
    NatsStore::options().create_if_missing(StreamOptions::default()).connect_options(connect)
}

/// It opens, writes and watches: a watch has a connection of its own.
async fn assert_works(opened: Result<NatsStore, OpenError>) {
    let store = opened.expect("the group opens");
    assert_eq!(store.info().await.unwrap().replicas, 1);
    let group = Group::open(store);
    group.announce(&key("a")).await.unwrap();
    assert_eq!(group.snapshot().await.unwrap().keys().len(), 1);
}

#[tokio::test]
async fn a_connection_is_encrypted_when_its_authority_is_known() {
    let papers = Papers::new();
    papers.issue("server", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
    let server = papers.server("false");
    let url = format!("tls://127.0.0.1:{}", server.port());
    let trusting = ConnectOptions::new().add_root_certificates(papers.path("ca.pem"));
    assert_works(options(trusting).connect(&url, group()).await).await;
    // An authority that nobody has heard of is refused, and the error says whose fault that is.
    let refused = options(ConnectOptions::new()).connect(&url, group()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");
    assert!(chain(&refused).contains("certificate"), "{}", chain(&refused));
}

#[tokio::test]
async fn a_server_for_another_name_is_refused() {
    let papers = Papers::new();
    papers.issue("server", "elsewhere.example", ExtendedKeyUsagePurpose::ServerAuth);
    let server = papers.server("false");
    let trusting = ConnectOptions::new().add_root_certificates(papers.path("ca.pem"));
    let url = format!("tls://127.0.0.1:{}", server.port());
    let refused = options(trusting).connect(&url, group()).await.unwrap_err();
    assert!(chain(&refused).contains("certificate"), "{}", chain(&refused));
}

#[tokio::test]
async fn a_server_that_wants_certificates_lets_nobody_in_without() {
    let papers = Papers::new();
    papers.issue("server", "127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
    papers.issue("client", "worker.example", ExtendedKeyUsagePurpose::ClientAuth);
    let server = papers.server("true");
    let url = format!("tls://127.0.0.1:{}", server.port());
    let trusting = ConnectOptions::new().add_root_certificates(papers.path("ca.pem"));
    let shown = trusting
        .clone()
        .add_client_certificate(papers.path("client.pem"), papers.path("client.key"));
    assert_works(options(shown).connect(&url, group()).await).await;
    let refused = options(trusting).connect(&url, group()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");
}
