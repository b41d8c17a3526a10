use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An operator, its accounts, and their users.
pub(crate) struct Chain {
    operator: KeyPair,
    account: KeyPair,
    system: KeyPair,
}

impl Chain {
    pub(crate) fn new() -> Self {
        let (account, system) = (KeyPair::new_account(), KeyPair::new_account());
        Self { operator: KeyPair::new_operator(), account, system }
    }

    /// A server's configuration that trusts the operator and knows the accounts.
    pub(crate) fn config(&self) -> String {
        let (account, system) = (self.account.public_key(), self.system.public_key());
        let operator = json!({"type": "operator", "version": 2, "system_account": system});
        format!(
            "operator: {}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{\n\
             {account}: {}\n{system}: {}\n}}\n",
            token(&self.operator, &self.operator, &operator),
            self.account(&self.account, -1),
            // The system's account stores nothing.
            self.account(&self.system, 0),
        )
    }

    /// A credentials file for a user with these rights to publish.
    pub(crate) fn credentials(&self, publish: &[&str]) -> String {
        let user = KeyPair::new_user();
        let rights = json!({
            "pub": {"allow": publish}, "sub": {"allow": ["_INBOX.>"]},
            "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
        });
        let (token, seed) = (token(&self.account, &user, &rights), user.seed().expect("its own"));
        format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }

    fn account(&self, account: &KeyPair, storage: i64) -> String {
        let mut limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
            "wildcards": true, "conn": -1, "leaf": -1,
        });
        if storage != 0 {
            for limit in ["mem_storage", "disk_storage", "streams", "consumer"] {
                limits[limit] = json!(storage);
            }
        }
        let claims = json!({"limits": limits, "type": "account", "version": 2});
        token(&self.operator, account, &claims)
    }
}

/// What one says of another, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = json!({
        "jti": "test", "iat": 1_700_000_000, "name": "test",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": nats,
    });
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let said = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let signature = issuer.sign(said.as_bytes()).expect("it has its seed");
    format!("{said}.{}", encode(&signature))
}
