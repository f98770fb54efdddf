//! Starts the stand-in for the event service for tests: with new keys, the accounts and audiences of the recordings
//! (`docs/event-service.md`), and a clock that a test can set.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use local::event_service::{Config, Decision, Denial, EventService, Intent, Issuer, Policy};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::raw_http::{Request, Response, send};

/// The account of this project at the event service, as recorded.
pub(crate) const SERVICE_ACCOUNT: &str = "bridge.svc.example.org";

/// The only issuer that the recorded service trusted.
pub(crate) const ISSUER: &str = "iam.svc.example.org";

/// An ES256 key.
pub(crate) struct Key {
    signing: EncodingKey,
    public_pem: String,
}

impl Key {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public = BASE64_STANDARD.encode(pair.public_key().as_der().unwrap().as_ref());
        Self {
            signing: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public_pem: format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"),
        }
    }

    /// Signs the first two parts of a token, which come as `header.claims`.
    pub(crate) fn sign(&self, message: &str) -> String {
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }
}

/// The issuer's key.
pub(crate) static ISSUER_KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// A key that nobody trusts.
pub(crate) static OTHER_KEY: LazyLock<Key> = LazyLock::new(Key::new);

/// A token with these claims, signed by the issuer.
pub(crate) fn token_with(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    ISSUER_KEY.sign(&format!(
        "{}.{}",
        part(&json!({"alg": "ES256", "typ": "JWT"})),
        part(claims)
    ))
}

/// A valid token of an account, which is split at its first dot into `sub` and `aud`.
pub(crate) fn token_of(account: &str) -> String {
    let (sub, aud) = account.split_once('.').unwrap();
    token_with(&json!({"iss": ISSUER, "aud": aud, "sub": sub}))
}

/// The configuration of the recorded service.
fn recorded_policy(intent: &Intent<'_>) -> Decision {
    let trusted = [SERVICE_ACCOUNT, "teacher.usr.example.org"].contains(&intent.account);
    match intent.audience {
        "usr.example.org" if trusted => Decision::Allowed,
        "usr.example.org" | "deny.example.org" => Decision::Denied(Denial::NotTrusted),
        "open.example.org" => Decision::Allowed,
        "wl.example.org" if intent.object == ["classrooms"] && intent.action == "create" => Decision::Allowed,
        "wl.example.org" => Decision::Denied(Denial::NotAllowed),
        "http.example.org" => match intent.account {
            "ok.usr.example.org" => Decision::Allowed,
            "err500.usr.example.org" => Decision::Failed(
                "invalid format of the authorization response, err = Error(\"invalid type: map, expected a sequence\", \
                 line: 1, column: 0), body = {\"oops\":1}"
                    .to_owned(),
            ),
            _ => Decision::Denied(Denial::NotAllowed),
        },
        _ => Decision::Denied(Denial::NoConfiguration),
    }
}

/// A running stand-in. It stops when it is dropped.
pub(crate) struct StandIn {
    /// The service itself.
    pub(crate) service: EventService,
    /// Its address.
    pub(crate) address: SocketAddr,
    nanoseconds: Arc<AtomicU64>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl StandIn {
    /// Starts one with the recorded accounts. Its clock is at `seconds` and a half.
    pub(crate) async fn start(seconds: u64) -> Self {
        Self::start_with(seconds, Arc::new(recorded_policy)).await
    }

    /// Starts one with another policy.
    pub(crate) async fn start_with(seconds: u64, policy: Policy) -> Self {
        let nanoseconds = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&nanoseconds);
        let audiences = ["svc.example.org", "usr.example.org"].map(str::to_owned).to_vec();
        let issuer = Issuer {
            public_key: ISSUER_KEY.public_pem.clone(),
            audiences,
        };
        let mut config = Config::new(HashMap::from([(ISSUER.to_owned(), issuer)]), policy);
        config.clock = Arc::new(move || UNIX_EPOCH + Duration::from_nanos(clock.load(Ordering::SeqCst)));
        let service = EventService::new(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(service.clone().serve(listener));
        let stand_in = Self {
            service,
            address,
            nanoseconds,
            server,
        };
        stand_in.set_clock(seconds * 1_000_000_000 + 500_000_000);
        stand_in
    }

    /// Sets the clock to a moment in nanoseconds since 1970.
    pub(crate) fn set_clock(&self, nanoseconds: u64) {
        self.nanoseconds.store(nanoseconds, Ordering::SeqCst);
    }

    /// Sends a request of the service account, with this JSON body if it is not null.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Response {
        self.call_raw(method, path, (!body.is_null()).then(|| body.to_string()))
            .await
    }

    /// Sends a request of the service account, with a body exactly as it is written here.
    pub(crate) async fn call_raw(&self, method: &str, path: &str, body: Option<String>) -> Response {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![
                (
                    "Authorization".to_owned(),
                    format!("Bearer {}", token_of(SERVICE_ACCOUNT)),
                ),
                ("Content-Type".to_owned(), "application/json".to_owned()),
            ],
            body: body.map(String::into_bytes),
        };
        send(self.address, &request).await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}
