//! This service's identity with its key in KMS (`docs/design.md#our-own-key`). The tests use an independent
//! implementation of KMS, the server of moto. `tools/check kms` starts it and sets `MOTO_URL`, so `cargo test` needs
//! only Rust.

use crate::support::{Act, Api, EVENT_SERVICE, Proxy, SCHOOL, Seen, options, sdk_http_client};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use local::event_service::{Config, Decision, EventService, Issuer, Policy};
use local::{EventServiceChoice, Key, Options};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::Arc;
use tokio::net::TcpListener;

const ACCOUNT: &str = "chats.svc.example.org";
const ISSUER: &str = "svc.example.org";

fn moto_url() -> String {
    env::var("MOTO_URL")
        .unwrap_or_else(|_| panic!("MOTO_URL must be the URL of moto's server; tools/check kms starts one"))
}

/// A key in moto.
struct KmsKey {
    id: String,
    /// The public key from moto, in PEM form.
    public: String,
}

impl KmsKey {
    async fn create() -> Self {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(sdk_http_client())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("tests", "tests", None, None, "tests"))
            .endpoint_url(moto_url());
        let client = Client::from_conf(config.build());
        let created = client
            .create_key()
            .key_spec(KeySpec::EccNistP256)
            .key_usage(KeyUsageType::SignVerify)
            .send();
        let id = created.await.unwrap().key_metadata.unwrap().key_id;
        // moto's first signature takes the longest. Without this one, an attempt might time out and be counted.
        let signed = client
            .sign()
            .key_id(&id)
            .message(Blob::new("once"))
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send();
        signed.await.unwrap();
        let public = client.get_public_key().key_id(&id).send().await.unwrap();
        let public = BASE64_STANDARD.encode(public.public_key.unwrap());
        let public = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
        Self { id, public }
    }
}

/// A stack whose functions sign with a key in moto, and an event service that trusts only that key.
struct Signing {
    api: Api,
    event_service: EventService,
    to_event_service: Proxy,
    to_kms: Proxy,
    key: KmsKey,
}

impl Signing {
    /// Starts the stack with a proxy in front of KMS that follows `script`.
    async fn start(script: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let key = KmsKey::create().await;
        let to_kms = Proxy::start(script).await;
        to_kms.forward_to(&moto_url());

        let issuer = Issuer {
            public_key: key.public.clone(),
            audiences: vec![ISSUER.to_owned()],
        };
        let policy: Policy = Arc::new(|_| Decision::Allowed);
        let config = Config::new(HashMap::from([(ISSUER.to_owned(), issuer)]), policy);
        let event_service = EventService::new(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to_event_service = Proxy::start(|_| Act::Pass).await;
        to_event_service.forward_to(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(event_service.clone().serve(listener));

        let variables = [
            ("SERVICE_KEY", ""),
            ("SERVICE_KEY_ID", &key.id),
            ("KMS_URL", to_kms.url()),
            (EVENT_SERVICE, to_event_service.url()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let api = Api::of(Options {
            event_service: EventServiceChoice::Real {
                url: to_event_service.url().to_owned(),
                account: ACCOUNT.to_owned(),
                // A key that nothing uses: the functions receive no PEM text.
                key: Key::generate().unwrap().private,
            },
            variables: BTreeMap::from(variables),
            ..options().await
        })
        .await;
        Self {
            api,
            event_service,
            to_event_service,
            to_kms,
            key,
        }
    }

    async fn create(&self, scope: &str) -> crate::support::Answer {
        self.api.create(&json!({"audience": SCHOOL, "scope": scope})).await
    }

    /// The tokens that reached the event service, in order.
    fn tokens(&self) -> Vec<String> {
        let seen = self.to_event_service.seen().into_iter();
        seen.map(|seen| {
            let authorization = seen.headers["authorization"].to_str().unwrap();
            authorization.strip_prefix("Bearer ").unwrap().to_owned()
        })
        .collect()
    }

    /// The requests to sign that reached KMS.
    fn asked_to_sign(&self) -> Vec<Value> {
        let seen = self.to_kms.seen();
        let signing = seen.iter().filter(|seen| seen.operation() == "Sign");
        signing
            .map(|seen| serde_json::from_slice(&seen.body).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn kms_signs_one_token_per_process_and_its_public_key_verifies_it() {
    let earliest = chats::clock::unix_seconds();
    let signing = Signing::start(|_| Act::Pass).await;
    for scope in ["math 7", "math 8", "math 9"] {
        let created = signing.create(scope).await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    let latest = chats::clock::unix_seconds();

    let tokens = signing.tokens();
    assert_eq!(tokens.len(), 3);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["svc.example.org"]);
    validation.set_issuer(&[ISSUER]);
    let key = DecodingKey::from_ec_pem(signing.key.public.as_bytes()).unwrap();
    let token = jsonwebtoken::decode::<Value>(&tokens[0], &key, &validation).unwrap();
    let exp = token.claims["exp"].as_i64().unwrap();
    assert!((earliest + 3600..=latest + 3600).contains(&exp), "{exp}");
    assert_eq!(
        token.claims,
        json!({"iss": ISSUER, "aud": "svc.example.org", "sub": "chats", "exp": exp})
    );

    let asked = signing.asked_to_sign();
    assert_eq!(asked.len(), 1, "{asked:?}");
    // The functions' policy in template.yaml allows exactly this.
    let (message, _) = tokens[0].rsplit_once('.').unwrap();
    assert_eq!(
        asked[0],
        json!({
            "KeyId": signing.key.id, "Message": BASE64_STANDARD.encode(message), "MessageType": "RAW",
            "SigningAlgorithm": "ECDSA_SHA_256",
        })
    );
}

#[tokio::test]
async fn each_process_has_a_token_of_its_own() {
    let signing = Signing::start(|_| Act::Pass).await;
    let created = signing.create("math 7").await;
    let event = json!({"type": "message", "data": {}});
    for _ in 0..2 {
        let created = signing
            .api
            .create_event(created.body["chat_id"].as_str().unwrap(), &event)
            .await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    let tokens = signing.tokens();
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(tokens[1], tokens[2]);
    assert_eq!(signing.asked_to_sign().len(), 2);
}

#[tokio::test]
async fn while_kms_is_unavailable_nothing_is_done_and_a_later_repeat_succeeds() {
    for fault in [
        Act::Lose,
        Act::Hold,
        Act::Answer(500, "application/x-amz-json-1.1", "{}".to_owned()),
    ] {
        let act = fault.clone();
        let signing = Signing::start(move |_| act.clone()).await;
        let refused = signing.create("math 7").await;
        assert_eq!(refused.problem(), (503, "service_unavailable"), "{fault:?} {refused:?}");
        assert_eq!(refused.body["is_transient"], true);
        assert!(refused.header("retry-after").is_some());
        assert!(signing.api.table().chats().is_empty());
        assert!(signing.to_event_service.seen().is_empty() && signing.event_service.rooms().is_empty());
        assert_eq!(signing.api.possible_orphans(), 0);

        // KMS is asked again after two seconds.
        signing.to_kms.follow(|_| Act::Pass);
        let created = loop {
            let answer = signing.create("math 7").await;
            if answer.status != 503 {
                break answer;
            }
            assert_eq!(answer.header("retry-after"), Some("2"), "{fault:?} {answer:?}");
        };
        assert_eq!(created.status, 201, "{fault:?} {created:?}");
        let record = signing.api.record_of(&refused).await;
        assert_eq!(
            (&record["SigningFailures"], &record["EventServiceFailures"]),
            (&json!(1.0), &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_key_that_kms_does_not_know_is_an_outage_and_not_a_crash() {
    let not_found = r#"{"__type": "NotFoundException", "message": "there is no such key"}"#;
    let signing = Signing::start(|_| Act::Answer(400, "application/x-amz-json-1.1", not_found.to_owned())).await;
    let refused = signing.create("math 7").await;
    assert_eq!(refused.problem(), (503, "service_unavailable"), "{refused:?}");
    assert!(!refused.text.contains("key"), "{refused:?}");
    assert!(signing.api.table().chats().is_empty() && signing.event_service.rooms().is_empty());
}
