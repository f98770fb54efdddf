//! Key sets of identity providers: when they are fetched, how long they count, and what a provider's failure costs.

use super::{AUDIENCE, ISSUER, Key, Outcome, Subject, document};
use crate::domain::{Dependency, Error};
use crate::outbound::http::{Answer, HttpError, Limits, SendRequest};
use ::http::{HeaderValue, Request, Response};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{BoxFuture, join, join_all};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const URL: &str = "https://idp.example.org/keys";
const MINUTE: u64 = 60_000;

/// How a provider answers.
#[derive(Debug, Clone)]
enum Act {
    Answer(u16, String),
    Late(Duration, String),
    TooLong,
    Lose,
    NoConnection,
}

impl Act {
    fn set(keys: &[&Key]) -> Self {
        Self::keys(&json!(keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()))
    }

    fn keys(keys: &Value) -> Self {
        Self::Answer(200, json!({"keys": keys}).to_string())
    }
}

/// An identity provider in memory. It counts the requests.
#[derive(Debug)]
struct Provider {
    act: Mutex<Act>,
    requests: AtomicUsize,
}

impl Provider {
    fn new(act: Act) -> Arc<Self> {
        let requests = AtomicUsize::new(0);
        Arc::new(Self {
            act: Mutex::new(act),
            requests,
        })
    }

    fn follow(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl SendRequest for Provider {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        assert_eq!(request.method(), "GET");
        assert!(!request.headers().contains_key("authorization"));
        assert_eq!(limits.body_bytes, 64 * 1024);
        self.requests.fetch_add(1, Ordering::SeqCst);
        let act = self.act.lock().unwrap().clone();
        Box::pin(async move {
            let (status, text) = match act {
                Act::Answer(status, text) => (status, text),
                Act::Late(after, text) => {
                    let waited = tokio::time::timeout(limits.time.unwrap(), tokio::time::sleep(after));
                    waited.await.map_err(|_| HttpError::TimedOut)?;
                    (200, text)
                }
                Act::TooLong => return Ok(Response::new(Err(HttpError::TooLong))),
                Act::Lose => return Err(HttpError::Lost("lost".into())),
                Act::NoConnection => return Err(HttpError::Connect("refused".into())),
            };
            let mut answer = Response::new(Ok(Bytes::from(text)));
            *answer.status_mut() = status.try_into().unwrap();
            Ok(answer)
        })
    }

    fn give_up_connections(&self) {}
}

/// The document of a tenant whose keys are at `url`.
fn published_at(url: &str) -> Value {
    let mut document = document(&[]);
    document.as_object_mut().unwrap().remove("keys");
    document["jwks_uri"] = json!(url);
    document
}

/// A tenant whose provider does `act`.
fn subject(act: Act) -> (Subject, Arc<Provider>) {
    let provider = Provider::new(act);
    let subject = Subject::with_provider(Arc::clone(&provider) as Arc<dyn SendRequest>, false);
    subject.table.put(ISSUER, published_at(URL));
    (subject, provider)
}

#[tokio::test]
async fn a_key_that_the_provider_removed_is_accepted_for_ten_minutes_at_most_even_with_verified_tokens() {
    let (leaving, staying) = (Key::new("leaving"), Key::new("staying"));
    let (subject, provider) = subject(Act::set(&[&leaving, &staying]));
    let first = leaving.token(ISSUER, "leaving", 1);
    assert_eq!(subject.at(0, &first).await, Outcome::Accepted);
    provider.follow(Act::set(&[&staying]));
    // This token is verified just before the set gets too old, and the tenant's item was read just before.
    let second = leaving.token(ISSUER, "leaving", 2);
    assert_eq!(subject.at(10 * MINUTE - 10_000, &second).await, Outcome::Accepted);
    for token in [&first, &second] {
        assert_eq!(subject.at(10 * MINUTE - 1, token).await, Outcome::Accepted);
    }
    assert_eq!(provider.requests(), 1);
    for token in [&first, &second] {
        assert_eq!(subject.at(10 * MINUTE, token).await, Outcome::Rejected);
    }
    assert_eq!(provider.requests(), 2);
}

#[tokio::test]
async fn a_key_that_the_provider_added_works_within_a_minute() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (subject, provider) = subject(Act::set(&[&old]));
    assert_eq!(subject.at(0, &old.token(ISSUER, "old", 1)).await, Outcome::Accepted);
    provider.follow(Act::set(&[&old, &new]));
    let token = new.token(ISSUER, "new", 2);
    assert_eq!(subject.at(MINUTE - 1, &token).await, Outcome::Rejected);
    assert_eq!(subject.at(MINUTE, &token).await, Outcome::Accepted);
    assert_eq!(provider.requests(), 2);
}

#[tokio::test]
async fn random_key_ids_fetch_a_set_once_a_minute_at_most_and_never_read_the_item_for_it() {
    let key = Key::new("key");
    let (subject, provider) = subject(Act::set(&[&key]));
    for number in 0..1_000 {
        let token = key.token(ISSUER, &format!("random {number}"), number);
        let millis = u64::try_from(number).unwrap() * 250;
        assert_eq!(subject.at(millis, &token).await, Outcome::Rejected);
    }
    // At the beginning and at each of the four full minutes after it. An item is read once a minute anyway.
    assert_eq!((provider.requests(), subject.table.reads()), (5, 5));
}

#[tokio::test]
async fn while_the_provider_fails_random_key_ids_fetch_a_set_every_30_seconds_at_most() {
    let key = Key::new("key");
    let (subject, provider) = subject(Act::set(&[&key]));
    assert_eq!(subject.at(0, &key.token(ISSUER, "key", 0)).await, Outcome::Accepted);
    provider.follow(Act::Answer(500, String::new()));
    for number in 0..240 {
        let token = key.token(ISSUER, &format!("random {number}"), number);
        let millis = MINUTE + u64::try_from(number).unwrap() * 1_000;
        assert_eq!(subject.at(millis, &token).await, Outcome::Unavailable);
    }
    assert_eq!(provider.requests(), 1 + 8);
}

#[tokio::test]
async fn while_the_provider_fails_a_set_counts_for_an_hour_and_is_fetched_every_30_seconds_at_most() {
    let key = Key::new("key");
    let (subject, provider) = subject(Act::set(&[&key]));
    let token = key.token(ISSUER, "key", 1);
    assert_eq!(subject.at(0, &token).await, Outcome::Accepted);
    provider.follow(Act::Answer(503, String::new()));
    for second in 0..3 {
        assert_eq!(
            subject.at(10 * MINUTE + second * 1_000, &token).await,
            Outcome::Accepted
        );
    }
    assert_eq!(provider.requests(), 2);
    assert_eq!(subject.at(10 * MINUTE + 29_999, &token).await, Outcome::Accepted);
    assert_eq!(provider.requests(), 2);
    assert_eq!(subject.at(10 * MINUTE + 30_000, &token).await, Outcome::Accepted);
    assert_eq!(provider.requests(), 3);
    assert_eq!(subject.at(60 * MINUTE - 1, &token).await, Outcome::Accepted);
    assert_eq!(subject.at(60 * MINUTE, &token).await, Outcome::Unavailable);
    provider.follow(Act::set(&[&key]));
    assert_eq!(subject.at(61 * MINUTE, &token).await, Outcome::Accepted);
}

// Time is paused, here and below.
#[tokio::test(start_paused = true)]
async fn without_a_set_a_failing_provider_is_an_outage_that_is_looked_at_again_after_30_seconds() {
    let key = Key::new("key");
    let token = key.token(ISSUER, "key", 1);
    for (act, reason) in [
        (Act::Answer(500, String::new()), "the provider answered 500"),
        (Act::Answer(404, String::new()), "the provider answered 404"),
        // It is not followed.
        (Act::Answer(302, String::new()), "the provider answered 302"),
        (Act::Answer(204, String::new()), "the provider answered 204"),
        (Act::Answer(200, String::new()), "the answer is not a JWK Set"),
        (Act::Answer(200, "<html>".to_owned()), "the answer is not a JWK Set"),
        (Act::Answer(200, "[]".to_owned()), "the answer is not a JWK Set"),
        (Act::Answer(200, "{}".to_owned()), "the answer is not a JWK Set"),
        (
            Act::Answer(200, r#"{"keys": {}}"#.to_owned()),
            "the answer is not a JWK Set",
        ),
        (Act::Answer(200, key.pem()), "the answer is not a JWK Set"),
        (Act::TooLong, "the answer is too long"),
        (Act::Lose, "the connection was lost"),
        (Act::NoConnection, "no connection"),
    ] {
        let (subject, provider) = subject(act);
        let mut seen = 0;
        for (millis, rest) in [(0, 30), (1_000, 29), (29_999, 0)] {
            let failed = subject.account_at(millis, &token).await;
            let Err(error @ Error::ServiceUnavailable { what, retry_after, .. }) = &failed else {
                panic!("{reason}: {failed:?}")
            };
            assert_eq!(
                (*what, retry_after.as_secs()),
                (Dependency::TenantKeys, rest),
                "{reason}"
            );
            let causes = crate::telemetry::with_causes(error);
            assert!(causes.contains(reason), "{causes}");
            if millis == 0 {
                seen = provider.requests();
            }
        }
        assert_eq!(provider.requests(), seen, "{reason}");
        provider.follow(Act::set(&[&key]));
        assert_eq!(subject.at(30_000, &token).await, Outcome::Accepted, "{reason}");
    }
}

#[tokio::test]
async fn while_the_provider_fails_nobody_knows_whether_an_unknown_key_is_one_of_its_new_ones() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (subject, provider) = subject(Act::set(&[&old]));
    assert_eq!(subject.at(0, &old.token(ISSUER, "old", 1)).await, Outcome::Accepted);
    provider.follow(Act::Lose);
    let token = new.token(ISSUER, "new", 2);
    assert_eq!(subject.at(MINUTE, &token).await, Outcome::Unavailable);
    assert_eq!(
        subject.at(MINUTE, &old.token(ISSUER, "old", 3)).await,
        Outcome::Accepted
    );
    provider.follow(Act::set(&[&new]));
    assert_eq!(subject.at(2 * MINUTE, &token).await, Outcome::Accepted);
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_wait_for_one_fetch() {
    let key = Key::new("key");
    let Act::Answer(_, set) = Act::set(&[&key]) else {
        panic!()
    };
    for (act, outcome) in [
        (Act::Late(Duration::from_secs(1), set), Outcome::Accepted),
        (Act::Late(Duration::from_secs(60), String::new()), Outcome::Unavailable),
    ] {
        let (subject, provider) = subject(act);
        let tokens: Vec<HeaderValue> = (0..20).map(|number| key.token(ISSUER, "key", number)).collect();
        let outcomes = join_all(tokens.iter().map(|token| subject.at(0, token))).await;
        assert!(outcomes.iter().all(|found| *found == outcome), "{outcomes:?}");
        assert_eq!(provider.requests(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_provider_delays_its_own_tenant_alone_and_for_a_second_and_a_half_at_most() {
    let (key, other) = (Key::new("key"), Key::new("other"));
    let (subject, _) = subject(Act::Late(Duration::from_secs(60), String::new()));
    subject.table.put("iam.other.example.org", document(&[&other]));
    let (slow, quick) = (
        key.token(ISSUER, "key", 1),
        other.token("iam.other.example.org", "other", 2),
    );
    let started = tokio::time::Instant::now();
    let timed = async |token| (subject.at(0, token).await, started.elapsed());
    let (slow, quick) = join(timed(&slow), timed(&quick)).await;
    assert_eq!((&slow.0, &quick.0), (&Outcome::Unavailable, &Outcome::Accepted));
    assert!(slow.1 <= Duration::from_millis(1_510), "{slow:?}");
    assert!(quick.1 < Duration::from_millis(100), "{quick:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_late_for_the_invocation_is_a_failed_one() {
    let key = Key::new("key");
    let (subject, provider) = subject(Act::Late(Duration::from_secs(1), String::new()));
    let millis = (crate::clock::unix_seconds().cast_unsigned() + 1) * 1000;
    let soon = crate::clock::Deadline::from_unix_millis(millis);
    let token = key.token(ISSUER, "key", 1);
    for _ in 0..2 {
        let failed = subject.authentication.account(Some(&token), soon, subject.start).await;
        assert!(matches!(failed, Err(Error::ServiceUnavailable { .. })), "{failed:?}");
    }
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn a_change_of_the_url_counts_within_a_minute_and_each_issuer_has_a_set_of_its_own() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (subject, provider) = subject(Act::set(&[&old]));
    assert_eq!(subject.at(0, &old.token(ISSUER, "old", 1)).await, Outcome::Accepted);
    provider.follow(Act::set(&[&new]));
    subject
        .table
        .put(ISSUER, published_at("https://idp.example.org/other-keys"));
    assert_eq!(
        subject.at(MINUTE, &new.token(ISSUER, "new", 2)).await,
        Outcome::Accepted
    );
    assert_eq!(
        subject.at(MINUTE, &old.token(ISSUER, "old", 3)).await,
        Outcome::Rejected
    );
    // Another tenant with the same URL is another tenant all the same.
    subject.table.put("iam.other.example.org", published_at(URL));
    let token = new.token("iam.other.example.org", "new", 4);
    assert_eq!(subject.at(MINUTE, &token).await, Outcome::Accepted);
    assert_eq!(provider.requests(), 3);
    // Typed-in keys take their place in the same way.
    subject.table.put(ISSUER, document(&[&old]));
    assert_eq!(
        subject.at(2 * MINUTE, &old.token(ISSUER, "old", 5)).await,
        Outcome::Accepted
    );
}

#[tokio::test]
async fn where_the_key_is_in_kms_a_set_without_tls_or_without_a_public_name_is_not_fetched() {
    let key = Key::new("key");
    for url in [
        "http://127.0.0.1/keys",
        "http://localhost/keys",
        "https://169.254.169.254/keys",
        "https://[::1]/keys",
        "https://keys.localhost/",
    ] {
        for (is_local, outcome) in [(false, Outcome::Unavailable), (true, Outcome::Accepted)] {
            let provider = Provider::new(Act::set(&[&key]));
            let subject = Subject::with_provider(Arc::clone(&provider) as Arc<dyn SendRequest>, is_local);
            subject.table.put(ISSUER, published_at(url));
            assert_eq!(subject.at(0, &key.token(ISSUER, "key", 1)).await, outcome, "{url}");
            assert_eq!(provider.requests(), usize::from(is_local));
        }
    }
}

/// A key of any algorithm.
struct AnyKey {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl AnyKey {
    fn new(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let key = match algorithm {
            Algorithm::ES256 => Key::new("any").encoding_key(),
            Algorithm::ES384 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::EdDSA => EncodingKey::from_ed_der(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref()),
            _ => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                let der = STANDARD.encode(der.as_ref());
                let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
                EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
            }
        };
        Self { algorithm, key }
    }

    /// Its public key, which names this algorithm or none.
    fn jwk(&self, algorithm: Option<Algorithm>) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_algorithm = algorithm.map(KeyAlgorithm::from);
        jwk.common.key_id = Some("any".to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    /// A token that is signed with this algorithm.
    fn token(&self, algorithm: Algorithm) -> HeaderValue {
        self.token_with_kid(Some("any"), algorithm)
    }

    fn token_with_kid(&self, kid: Option<&str>, algorithm: Algorithm) -> HeaderValue {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(ToOwned::to_owned);
        let exp = crate::clock::unix_seconds() + 3600;
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "teacher", "exp": exp});
        let token = jsonwebtoken::encode(&header, &claims, &self.key).unwrap();
        HeaderValue::try_from(format!("Bearer {token}")).unwrap()
    }
}

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

#[tokio::test]
async fn a_key_verifies_its_own_algorithm_alone_whether_it_is_typed_in_or_published() {
    let rsa = AnyKey::new(Algorithm::RS256);
    let (es256, es384) = (AnyKey::new(Algorithm::ES256), AnyKey::new(Algorithm::ES384));
    let eddsa = AnyKey::new(Algorithm::EdDSA);
    let mut cases = vec![
        (
            &es256,
            vec![None, Some(Algorithm::ES256)],
            vec![Algorithm::ES256],
            Algorithm::ES256,
        ),
        (
            &es384,
            vec![None, Some(Algorithm::ES384)],
            vec![Algorithm::ES384],
            Algorithm::ES384,
        ),
        (
            &eddsa,
            vec![None, Some(Algorithm::EdDSA)],
            vec![Algorithm::EdDSA],
            Algorithm::EdDSA,
        ),
        (&rsa, vec![None], RSA.to_vec(), Algorithm::RS256),
    ];
    for algorithm in RSA {
        cases.push((&rsa, vec![Some(algorithm)], RSA.to_vec(), algorithm));
    }
    for (key, declared, signed, verified) in cases {
        for declared in declared {
            let jwk = key.jwk(declared);
            let mut typed_in = document(&[]);
            typed_in["keys"] = json!([jwk]);
            for (item, set) in [(typed_in, json!([])), (published_at(URL), json!([jwk]))] {
                let (subject, _) = subject(Act::keys(&set));
                subject.table.put(ISSUER, item);
                for algorithm in &signed {
                    let outcome = subject.at(0, &key.token(*algorithm)).await;
                    let is_accepted = outcome == Outcome::Accepted;
                    assert_eq!(is_accepted, *algorithm == verified, "{declared:?} {algorithm:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn in_a_published_set_unknown_members_are_ignored_and_unfit_keys_are_left_out() {
    let key = Key::new("key");
    let mut good = serde_json::to_value(key.jwk()).unwrap();
    let with = |members: Value| {
        let mut other = good.clone();
        other
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        other
    };
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("kid");
    let others = json!([
        with(json!({"kid": "encryption", "use": "enc"})),
        with(json!({"kid": "signing only", "key_ops": ["sign"]})),
        with(json!({"kid": "unknown algorithm", "alg": "ES256K"})),
        with(json!({"kid": "other algorithm", "alg": "RS256"})),
        with(json!({"kid": "unknown curve", "crv": "secp256k1"})),
        with(json!({"kid": "no point", "y": good["x"]})),
        with(json!({"kid": "private", "d": good["x"]})),
        with(json!({"kid": 7})),
        {"kid": "symmetric", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "unknown type", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kid": "small", "kty": "RSA", "n": "u".repeat(171), "e": "AQAB"},
        {"kid": "P-521", "kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA"},
        {"kid": "Ed448", "kty": "OKP", "crv": "Ed448", "x": "AAAA"},
        {},
        "text",
        null,
    ]);
    good["use"] = json!("sig");
    good["key_ops"] = json!(["verify"]);
    good["x5c"] = json!(["not looked at"]);
    good["ext"] = json!(true);
    good["issuer"] = json!("https://login.example.org/{tenantid}/v2.0");
    let mut set = others.as_array().unwrap().clone();
    set.push(good.clone());
    let (subject, _) = subject(Act::Answer(200, json!({"keys": set, "next": {}}).to_string()));
    assert_eq!(subject.at(0, &key.token(ISSUER, "key", 1)).await, Outcome::Accepted);
    for other in others.as_array().unwrap() {
        if let Some(kid) = other["kid"].as_str() {
            let outcome = subject.at(0, &key.token(ISSUER, kid, 2)).await;
            assert_eq!(outcome, Outcome::Rejected, "{kid}");
        }
    }
    // Only one key fits, so a token need not name it.
    let nameless_token = |key: &Key| {
        let exp = crate::clock::unix_seconds() + 3600;
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "teacher", "exp": exp});
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key.encoding_key()).unwrap();
        HeaderValue::try_from(format!("Bearer {token}")).unwrap()
    };
    assert_eq!(subject.at(0, &nameless_token(&key)).await, Outcome::Accepted);
    let (subject, provider) = self::subject(Act::keys(&json!([nameless, good])));
    assert_eq!(subject.at(0, &nameless_token(&key)).await, Outcome::Rejected);
    assert_eq!(subject.at(5 * MINUTE, &nameless_token(&key)).await, Outcome::Rejected);
    assert_eq!(provider.requests(), 1);
}

#[tokio::test]
async fn an_empty_set_takes_all_keys_away_and_is_fetched_again_after_a_minute() {
    let key = Key::new("key");
    let token = key.token(ISSUER, "key", 1);
    let (subject, provider) = subject(Act::keys(&json!([])));
    assert_eq!(subject.at(0, &token).await, Outcome::Rejected);
    provider.follow(Act::set(&[&key]));
    assert_eq!(subject.at(MINUTE, &token).await, Outcome::Accepted);
}

#[tokio::test]
async fn one_kid_may_stand_for_a_key_of_each_algorithm() {
    let rsa = AnyKey::new(Algorithm::RS256);
    let set = RSA.map(|algorithm| rsa.jwk(Some(algorithm)));
    let (subject, _) = subject(Act::keys(&json!(set)));
    for algorithm in RSA {
        assert_eq!(
            subject.at(0, &rsa.token(algorithm)).await,
            Outcome::Accepted,
            "{algorithm:?}"
        );
    }
}

/// A provider first publishes `before` and then `after`, with the key of the token `new`. In between it fails.
async fn replaced(before: Value, after: Value, old: HeaderValue, new: HeaderValue) {
    let (subject, provider) = subject(Act::keys(&before));
    assert_eq!(subject.at(0, &old).await, Outcome::Accepted);
    assert_eq!(subject.at(MINUTE - 1, &new).await, Outcome::Rejected);
    provider.follow(Act::Lose);
    assert_eq!(subject.at(MINUTE, &new).await, Outcome::Unavailable);
    assert_eq!(subject.at(MINUTE + 1, &old).await, Outcome::Accepted);
    provider.follow(Act::keys(&after));
    assert_eq!(subject.at(MINUTE + 29_999, &new).await, Outcome::Unavailable);
    assert_eq!(subject.at(MINUTE + 30_000, &new).await, Outcome::Accepted);
}

#[tokio::test]
async fn a_key_without_a_kid_that_replaces_the_only_one_works_within_a_minute() {
    let [old, new] = [Algorithm::ES256; 2].map(AnyKey::new);
    let set = |key: &AnyKey| {
        let mut jwk = key.jwk(None);
        jwk.as_object_mut().unwrap().remove("kid");
        json!([jwk])
    };
    let [first, second] = [&old, &new].map(|key| key.token_with_kid(None, Algorithm::ES256));
    replaced(set(&old), set(&new), first, second).await;
}

#[tokio::test]
async fn another_algorithm_under_a_known_kid_works_within_a_minute() {
    let key = AnyKey::new(Algorithm::RS256);
    let set = |algorithms: &[Algorithm]| json!(algorithms.iter().map(|alg| key.jwk(Some(*alg))).collect::<Vec<_>>());
    let [first, second] = [Algorithm::RS256, Algorithm::PS256].map(|algorithm| key.token(algorithm));
    let before = set(&[Algorithm::RS256]);
    replaced(before, set(&[Algorithm::RS256, Algorithm::PS256]), first, second).await;
}

#[tokio::test]
async fn a_set_that_was_fetched_before_the_wall_clock_was_set_back_is_fetched_again() {
    let key = Key::new("key");
    let (subject, provider) = subject(Act::set(&[&key]));
    assert_eq!(
        subject.at(MINUTE, &key.token(ISSUER, "key", 1)).await,
        Outcome::Accepted
    );
    assert_eq!(subject.at(0, &key.token(ISSUER, "key", 2)).await, Outcome::Accepted);
    assert_eq!(provider.requests(), 2);
    assert_eq!(
        subject.at(30_000, &key.token(ISSUER, "key", 3)).await,
        Outcome::Accepted
    );
    assert_eq!(provider.requests(), 2);
}
