//! How long tenants, tokens and decisions are kept. Time is an argument, so these tests move it instead of waiting. The
//! table is in memory, behind the real SDK, and counts the requests.

mod key_sets;
mod memory;

use super::authentication::Authentication;
use super::authorization::Question;
use super::endpoint::Endpoints;
use super::key_sets::KeySets;
use super::tenant_url::TenantUrl;
use super::tenants::TenantsTable;
use super::{Access, Account, Authorization, CreateEvent, Permit, TenantDocument, claim_key};
use crate::clock::{Deadline, Moment};
use crate::domain::{Audience, ChatId, Dependency, Error, Event};
use crate::outbound::http::{self, Answer, HttpError, Limits, SendRequest};
use crate::outbound::identity::{self, PrivateKeyPem, SigningKey};
use ::http::{HeaderValue, Request, Response};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use memory::MemoryTable;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

const ISSUER: &str = "iam.school.example.org";
const AUDIENCE: &str = "school.example.org";

/// A key of a tenant, or ours.
struct Key {
    kid: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid, pair }
    }

    fn encoding_key(&self) -> EncodingKey {
        EncodingKey::from_ec_der(self.pair.to_pkcs8v1().unwrap().as_ref())
    }

    fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.encoding_key(), Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        jwk
    }

    fn pem(&self) -> String {
        let der = STANDARD.encode(self.pair.to_pkcs8v1().unwrap().as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    }

    /// A valid token of `issuer`. Its `number` makes it differ from others.
    fn token(&self, issuer: &str, kid: &str, number: usize) -> HeaderValue {
        self.token_with_kid(issuer, Some(kid), number)
    }

    fn token_with_kid(&self, issuer: &str, kid: Option<&str>, number: usize) -> HeaderValue {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = kid.map(ToOwned::to_owned);
        let exp = crate::clock::unix_seconds() + 3600;
        let claims = json!({"iss": issuer, "aud": AUDIENCE, "sub": "teacher", "exp": exp, "jti": number});
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding_key()).unwrap();
        HeaderValue::try_from(format!("Bearer {token}")).unwrap()
    }
}

fn document(keys: &[&Key]) -> Value {
    document_with(keys, Authorization::Scopes {})
}

fn document_with(keys: &[&Key], authorization: Authorization) -> Value {
    let document = TenantDocument {
        keys: Some(keys.iter().map(|key| key.jwk()).collect()),
        jwks_uri: None,
        token_audiences: BTreeSet::from([AUDIENCE.to_owned()]),
        permissions_claim: None,
        audiences: BTreeMap::from([(AUDIENCE.to_owned(), authorization)]),
    };
    serde_json::to_value(document).unwrap()
}

/// An hour from now.
fn deadline() -> Deadline {
    let seconds = crate::clock::unix_seconds() + 3600;
    Deadline::from_unix_millis(seconds.cast_unsigned() * 1000)
}

/// The outcome for a token.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Rejected,
    Unavailable,
}

/// Authentication, the table behind it, and the time when the test begins.
struct Subject {
    table: MemoryTable,
    authentication: Authentication,
    start: Moment,
}

impl Subject {
    fn new() -> Self {
        Self::with_provider(Arc::new(Silent::default()), true)
    }

    /// Identity providers are reached through `provider`. `is_local` is whether this is the local stack.
    fn with_provider(provider: Arc<dyn SendRequest>, is_local: bool) -> Self {
        let table = MemoryTable::default();
        let tenants = TenantsTable::new(table.client(), "tenants".to_owned());
        Self {
            table,
            authentication: Authentication::new(tenants, KeySets::new(provider, is_local)),
            start: Moment::now(),
        }
    }

    async fn account_at(&self, millis: u64, token: &HeaderValue) -> Result<Account, Error> {
        let now = self.start + Duration::from_millis(millis);
        self.authentication.account(Some(token), deadline(), now).await
    }

    /// The outcome for `token`, `millis` milliseconds after the beginning.
    async fn at(&self, millis: u64, token: &HeaderValue) -> Outcome {
        match self.account_at(millis, token).await {
            Ok(_) => Outcome::Accepted,
            Err(Error::AuthenticationFailed(_)) => Outcome::Rejected,
            Err(Error::ServiceUnavailable { .. }) => Outcome::Unavailable,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_key_that_was_removed_is_accepted_for_a_minute_at_most_even_with_verified_tokens() {
    let (leaving, staying) = (Key::new("leaving"), Key::new("staying"));
    let subject = Subject::new();
    subject.table.put(ISSUER, document(&[&leaving, &staying]));
    let first = leaving.token(ISSUER, "leaving", 1);
    assert_eq!(subject.at(0, &first).await, Outcome::Accepted);

    subject.table.put(ISSUER, document(&[&staying]));
    // A token that was verified later is not kept longer, because the age of the item counts.
    let second = leaving.token(ISSUER, "leaving", 2);
    assert_eq!(subject.at(40_000, &second).await, Outcome::Accepted);
    for token in [&first, &second] {
        assert_eq!(subject.at(59_999, token).await, Outcome::Accepted);
    }
    assert_eq!(subject.table.reads(), 1);
    for token in [&first, &second] {
        assert_eq!(subject.at(60_000, token).await, Outcome::Rejected);
    }
    let other = staying.token(ISSUER, "staying", 3);
    assert_eq!(subject.at(60_001, &other).await, Outcome::Accepted);
    assert_eq!(subject.table.reads(), 2);
}

#[tokio::test]
async fn a_tenant_that_was_removed_is_unknown_a_minute_later() {
    let key = Key::new("key");
    let subject = Subject::new();
    subject.table.put(ISSUER, document(&[&key]));
    let token = key.token(ISSUER, "key", 1);
    assert_eq!(subject.at(0, &token).await, Outcome::Accepted);
    subject.table.remove(ISSUER);
    assert_eq!(subject.at(59_999, &token).await, Outcome::Accepted);
    assert_eq!(subject.at(60_000, &token).await, Outcome::Rejected);
}

#[tokio::test]
async fn a_key_that_was_added_works_at_once_and_costs_one_read() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let subject = Subject::new();
    subject.table.put(ISSUER, document(&[&old]));
    assert_eq!(subject.at(0, &old.token(ISSUER, "old", 1)).await, Outcome::Accepted);
    subject.table.put(ISSUER, document(&[&old, &new]));
    let token = new.token(ISSUER, "new", 2);
    // The item was read less than a second ago.
    assert_eq!(subject.at(999, &token).await, Outcome::Rejected);
    assert_eq!(subject.table.reads(), 1);
    assert_eq!(subject.at(1_000, &token).await, Outcome::Accepted);
    assert_eq!(subject.at(1_001, &old.token(ISSUER, "old", 3)).await, Outcome::Accepted);
    assert_eq!(subject.table.reads(), 2);
}

#[tokio::test]
async fn random_key_ids_read_an_item_once_a_second_at_most() {
    let key = Key::new("key");
    let subject = Subject::new();
    subject.table.put(ISSUER, document(&[&key]));
    for number in 0..1_000 {
        let token = key.token(ISSUER, &format!("random {number}"), number);
        let millis = u64::try_from(number).unwrap() * 10;
        assert_eq!(subject.at(millis, &token).await, Outcome::Rejected);
    }
    // At the beginning and at each of the nine full seconds after it.
    assert_eq!(subject.table.reads(), 10);
    assert_eq!(
        subject.at(10_000, &key.token(ISSUER, "key", 0)).await,
        Outcome::Accepted
    );
    assert_eq!(subject.table.reads(), 10);
}

#[tokio::test]
async fn a_key_without_a_kid_that_replaces_the_only_one_works_at_once_and_forged_tokens_read_an_item_once_a_second() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let item = |key: &Key| {
        let mut item = document(&[key]);
        item["keys"][0].as_object_mut().unwrap().remove("kid");
        item
    };
    let subject = Subject::new();
    subject.table.put(ISSUER, item(&old));
    let first = old.token_with_kid(ISSUER, None, 1);
    assert_eq!(subject.at(0, &first).await, Outcome::Accepted);
    for number in 0..100 {
        let millis = u64::try_from(number).unwrap() * 20;
        let forged = new.token_with_kid(ISSUER, None, number);
        assert_eq!(subject.at(millis, &forged).await, Outcome::Rejected);
    }
    assert_eq!(subject.table.reads(), 2);
    subject.table.put(ISSUER, item(&new));
    let second = new.token_with_kid(ISSUER, None, 100);
    assert_eq!(subject.at(1_999, &second).await, Outcome::Rejected);
    assert_eq!(subject.at(2_000, &second).await, Outcome::Accepted);
    assert_eq!(subject.table.reads(), 3);
}

#[tokio::test]
async fn a_missing_or_malformed_item_is_asked_for_again_after_five_seconds() {
    let key = Key::new("key");
    for (item, outcome) in [
        (None, Outcome::Rejected),
        (Some(json!({"keys": []})), Outcome::Unavailable),
        (Some(json!("no document")), Outcome::Unavailable),
    ] {
        let subject = Subject::new();
        if let Some(item) = item {
            subject.table.put(ISSUER, item);
        }
        let token = key.token(ISSUER, "key", 1);
        assert_eq!(subject.at(0, &token).await, outcome);
        subject.table.put(ISSUER, document(&[&key]));
        assert_eq!(subject.at(4_999, &token).await, outcome);
        assert_eq!(subject.table.reads(), 1);
        assert_eq!(subject.at(5_000, &token).await, Outcome::Accepted);
        assert_eq!(subject.table.reads(), 2);
    }
}

#[tokio::test]
async fn no_token_leads_to_the_claim_on_an_audience() {
    let key = Key::new("key");
    let subject = Subject::new();
    let claim = claim_key(AUDIENCE);
    subject.table.put(&claim, document(&[&key]));
    assert_eq!(subject.at(0, &key.token(&claim, "key", 1)).await, Outcome::Rejected);
    assert_eq!(subject.table.reads(), 0);
}

#[tokio::test]
async fn random_issuers_are_read_once_each_and_do_not_crowd_out_a_tenant() {
    let key = Key::new("key");
    let subject = Subject::new();
    subject.table.put(ISSUER, document(&[&key]));
    assert_eq!(subject.at(0, &key.token(ISSUER, "key", 0)).await, Outcome::Accepted);
    let flood: Vec<HeaderValue> = (0..1_000)
        .map(|number| key.token(&format!("random {number}"), "key", number))
        .collect();
    for _ in 0..2 {
        for token in &flood {
            assert_eq!(subject.at(1_000, token).await, Outcome::Rejected);
        }
        assert_eq!(subject.table.reads(), 1 + flood.len());
    }
    for number in 1_000..1_500 {
        let token = key.token(&format!("random {number}"), "key", number);
        assert_eq!(subject.at(1_000, &token).await, Outcome::Rejected);
    }
    let reads = subject.table.reads();
    assert_eq!(subject.at(1_000, &key.token(ISSUER, "key", 1)).await, Outcome::Accepted);
    assert_eq!(subject.table.reads(), reads);
}

/// An endpoint that answers every question with this JSON text, and counts them.
#[derive(Debug)]
struct Endpoint {
    answer: &'static str,
    asked: AtomicUsize,
}

impl Endpoint {
    fn new(answer: &'static str) -> Arc<Self> {
        let asked = AtomicUsize::new(0);
        Arc::new(Self { answer, asked })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl SendRequest for Endpoint {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Response::new(Ok(Bytes::from_static(self.answer.as_bytes())))) })
    }

    fn give_up_connections(&self) {}
}

async fn account() -> Account {
    let (key, subject) = (Key::new("key"), Subject::new());
    subject.table.put(ISSUER, document(&[&key]));
    let token = key.token(ISSUER, "key", 1);
    let account = subject.authentication.account(Some(&token), deadline(), subject.start);
    account.await.unwrap()
}

/// The question that is asked.
fn questions() -> Vec<Question> {
    vec![Question {
        object: vec!["classrooms".to_owned()],
        action: "read",
    }]
}

/// Asks endpoints through `client` as this service, with this key.
fn endpoints(client: Arc<dyn SendRequest>, key: SigningKey) -> Endpoints {
    let identity = identity::tests::identity(key, Arc::clone(&client));
    Endpoints::new(client, Arc::new(identity))
}

/// An endpoint that answers each question in its own way: after a time, with a status and a JSON text. The question is
/// about the third name of the object's path.
#[derive(Debug)]
struct Answers(fn(&str) -> (Duration, u16, &'static str));

impl SendRequest for Answers {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let (after, status, answer) = (self.0)(asked["object"]["value"][2].as_str().unwrap());
        Box::pin(async move {
            let waited = tokio::time::timeout(limits.time.unwrap(), tokio::time::sleep(after));
            waited.await.map_err(|_| HttpError::TimedOut)?;
            let mut answer = Response::new(Ok(Bytes::from_static(answer.as_bytes())));
            *answer.status_mut() = status.try_into().unwrap();
            Ok(answer)
        })
    }

    fn give_up_connections(&self) {}
}

/// Asks for the permit for a claim with the attribute `pinned`, in an audience whose endpoint gives these answers.
/// Returns the outcome and how long it took.
async fn permit_for_a_claim(answers: Answers) -> (Result<Permit<CreateEvent<'static>>, Error>, Duration) {
    let (key, subject) = (Key::new("key"), Subject::new());
    let endpoint = "https://school.example.org/authorize".to_owned();
    let document = document_with(&[&key], Authorization::Http { endpoint });
    subject.table.put(ISSUER, document);
    let access = Access {
        authentication: subject.authentication,
        endpoints: endpoints(Arc::new(answers), local_key()),
    };
    let token = key.token(ISSUER, "key", 1);
    let account = access.authenticate(Some(&token), deadline()).await.unwrap();
    let event = Box::leak(Box::new(Event {
        r#type: "message".to_owned(),
        set: None,
        label: None,
        attribute: Some("pinned".to_owned()),
        is_claim: Some(true),
        is_persistent: None,
        data: serde_json::from_str("1").unwrap(),
    }));
    let chat_id = ChatId::parse("8266d9a3-cb64-5cac-a760-dd3300c2e437").unwrap();
    let audience = Audience::parse(AUDIENCE).unwrap();
    let started = tokio::time::Instant::now();
    let permit = access.authorize(&account, &audience, CreateEvent { chat_id, event }, deadline());
    (permit.await, started.elapsed())
}

// Time is paused, here and below.
#[tokio::test(start_paused = true)]
async fn a_claim_with_an_attribute_takes_no_longer_than_one_question() {
    let slow = Answers(|_| (Duration::from_millis(1_400), 200, r#"["create"]"#));
    let (permit, took) = permit_for_a_claim(slow).await;
    permit.unwrap();
    assert!(took <= Duration::from_millis(1_500), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_refusal_is_a_refusal_and_otherwise_one_failure_is_a_failure() {
    const YES: (Duration, u16, &str) = (Duration::ZERO, 200, r#"["create"]"#);
    const NO: (Duration, u16, &str) = (Duration::ZERO, 200, "[]");
    const FAILURE: (Duration, u16, &str) = (Duration::ZERO, 500, "");
    const LATE: (Duration, u16, &str) = (Duration::from_secs(60), 200, r#"["create"]"#);
    let answers: [fn(&str) -> _; 6] = [
        |kind| if kind == "claims" { NO } else { YES },
        |kind| if kind == "claims" { NO } else { FAILURE },
        |kind| if kind == "claims" { FAILURE } else { NO },
        |kind| if kind == "claims" { NO } else { LATE },
        |kind| if kind == "claims" { FAILURE } else { YES },
        |kind| if kind == "claims" { YES } else { FAILURE },
    ];
    for (number, answers) in answers.into_iter().enumerate() {
        let (permit, _) = permit_for_a_claim(Answers(answers)).await;
        match permit {
            Err(Error::AccessDenied(_)) => assert!(number < 4, "{number}"),
            Err(Error::ServiceUnavailable { .. }) => assert!(number >= 4, "{number}"),
            permit => panic!("{number}: {permit:?}"),
        }
    }
}

/// An endpoint that never answers, and counts the questions.
#[derive(Debug, Default)]
struct Silent(AtomicUsize);

impl SendRequest for Silent {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(HttpError::TimedOut) })
    }

    fn give_up_connections(&self) {}
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_did_not_answer_twice_in_a_row_is_left_alone_and_others_are_asked() {
    let (silent, account) = (Arc::new(Silent::default()), account().await);
    let endpoints = endpoints(silent.clone(), local_key());
    let mut waits = Vec::new();
    for url in [
        "https://a.example.org/1",
        "https://a.example.org/2",
        "https://a.example.org/3",
        "https://b.example.org/1",
    ] {
        let at = TenantUrl::parse(url).unwrap();
        let decision = endpoints.allow(&at, &account, questions(), deadline(), Moment::now());
        let Err(Error::ServiceUnavailable { retry_after, .. }) = decision.await else {
            panic!("{url} was decided")
        };
        waits.push(retry_after.as_secs());
    }
    assert_eq!(silent.0.load(Ordering::SeqCst), 3);
    assert!(matches!(waits[..], [1, 1, 2..=5, 1]), "{waits:?}");
}

fn local_key() -> SigningKey {
    SigningKey::Pem(PrivateKeyPem::new(Key::new("ours").pem()))
}

#[tokio::test]
async fn where_the_key_is_in_kms_an_endpoint_without_tls_or_without_a_public_name_is_not_asked() {
    let account = account().await;
    for url in [
        "http://127.0.0.1/authorize",
        "HTTP://127.0.0.1/authorize",
        " http://127.0.0.1/authorize",
        "ht\ttp://localhost/authorize",
        "https://169.254.169.254/authorize",
        "https://93.184.216.34/authorize",
        "https://2130706433/authorize",
        "https://[::1]/authorize",
        "https://[2606:2800:220:1::1]/authorize",
        "https://localhost/authorize",
        "https://LOCALHOST./authorize",
        "https://api.localhost/authorize",
    ] {
        let endpoint = Endpoint::new(r#"["read"]"#);
        let (key_id, at) = ("key".to_owned(), None);
        let endpoints = endpoints(endpoint.clone(), SigningKey::Kms { key_id, url: at });
        let at = TenantUrl::parse(url).unwrap();
        let decision = endpoints.allow(&at, &account, questions(), deadline(), Moment::now());
        let Err(Error::ServiceUnavailable { what, source, .. }) = decision.await else {
            panic!("{url} was asked")
        };
        assert_eq!(what, Dependency::TenantEndpoint);
        // No token was made for it either.
        assert!(source.to_string().contains("local stack"), "{url:?}: {source}");
        assert_eq!(endpoint.asked(), 0);
    }
}

#[tokio::test]
async fn a_decision_is_kept_for_thirty_seconds_whether_it_allows_or_denies() {
    let (account, start) = (account().await, Moment::now());
    for (answer, is_allowed) in [(r#"["read"]"#, true), (r#"["write"]"#, false)] {
        let endpoint = Endpoint::new(answer);
        let endpoints = endpoints(endpoint.clone(), local_key());
        for (millis, times) in [(0, 1), (29_999, 1), (30_000, 2), (59_999, 2), (60_000, 3)] {
            let now = start + Duration::from_millis(millis);
            let url = TenantUrl::parse("https://school.example.org/authorize").unwrap();
            let decision = endpoints.allow(&url, &account, questions(), deadline(), now);
            assert_eq!(decision.await.unwrap(), is_allowed);
            assert_eq!(endpoint.asked(), times, "{millis}");
        }
    }
}

// Time is paused: where nothing happens any more, it advances to the next time-out.
#[tokio::test(start_paused = true)]
async fn an_unreachable_endpoint_takes_no_longer_than_one_that_does_not_answer() {
    // It accepts connections and never completes a handshake.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/authorize", silent.local_addr().unwrap());
    let url = TenantUrl::parse(&url).unwrap();
    let endpoints = endpoints(http::tests::client(), local_key());
    let account = account().await;
    let started = tokio::time::Instant::now();
    let decision = endpoints.allow(&url, &account, questions(), deadline(), Moment::now());
    assert!(matches!(decision.await, Err(Error::ServiceUnavailable { .. })));
    let took = started.elapsed();
    assert!(took <= Duration::from_millis(1_510), "{took:?}");
}
