use super::*;
use crate::outbound::aws;
use crate::outbound::http::{Answer, HttpError, Limits, SendRequest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How KMS behaves.
#[derive(Debug, Default)]
struct Kms {
    is_down: AtomicBool,
    is_silent: AtomicBool,
    asked: AtomicUsize,
}

impl SendRequest for Kms {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Answer, HttpError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            if self.is_silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.is_down.load(Ordering::SeqCst) {
                return Ok(Response::builder().status(500).body(Ok(Bytes::new())).unwrap());
            }
            // A signature with r = 1 and s = 1.
            let body = r#"{"Signature": "MAYCAQECAQE="}"#;
            Ok(Response::new(Ok(Bytes::from_static(body.as_bytes()))))
        })
    }

    fn give_up_connections(&self) {}
}

/// An identity with `key`, which reaches KMS through `client`.
pub(crate) fn identity(key: SigningKey, client: Arc<dyn SendRequest>) -> Identity {
    let config = IdentityConfig {
        account: ServiceAccount {
            label: "chats".to_owned(),
            audience: "svc.example.org".to_owned(),
        },
        issuer: "svc.example.org".to_owned(),
        key,
    };
    Identity::new(config, &aws::tests::sdk_config(client)).unwrap()
}

/// An identity whose key is in this process.
pub(crate) fn local() -> Arc<Identity> {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    Arc::new(identity(
        SigningKey::Pem(PrivateKeyPem::new(pem)),
        Arc::new(Kms::default()),
    ))
}

/// KMS, and an identity whose key is there.
fn in_kms() -> (Arc<Kms>, Identity) {
    let kms = Arc::new(Kms::default());
    let (key_id, url) = ("key".to_owned(), Some("http://127.0.0.1".to_owned()));
    (kms.clone(), identity(SigningKey::Kms { key_id, url }, kms))
}

impl Identity {
    /// Signs a token, and makes it look as if that had been more than a minute ago.
    pub(crate) async fn sign_long_ago(&self) {
        self.current().await.unwrap();
        let mut current = self.current.lock().unwrap();
        current.as_mut().unwrap().signed_at = Moment::now() - REPLACED_AFTER;
    }

    /// Makes the present token end in so many seconds.
    fn ends_in(&self, seconds: i64) {
        let mut current = self.current.lock().unwrap();
        current.as_mut().unwrap().exp = clock::unix_seconds() + seconds;
    }
}

#[test]
fn a_key_is_never_printed() {
    let key = PrivateKeyPem::new("secret".to_owned());
    assert_eq!(format!("{key:?}"), "PrivateKeyPem(..)");
}

#[tokio::test(start_paused = true)]
async fn while_kms_fails_a_token_is_used_until_30_seconds_before_its_end() {
    let (kms, identity) = in_kms();
    let token = identity.current().await.unwrap();
    kms.is_down.store(true, Ordering::SeqCst);
    for seconds in [299, 32] {
        identity.ends_in(seconds);
        assert_eq!(identity.current().await.unwrap(), token, "{seconds}");
    }
    identity.ends_in(30);
    assert!(identity.current().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_in_its_last_five_minutes() {
    let (kms, identity) = in_kms();
    identity.current().await.unwrap();
    identity.ends_in(302);
    identity.current().await.unwrap();
    assert_eq!(kms.asked.load(Ordering::SeqCst), 1);
    identity.ends_in(300);
    identity.current().await.unwrap();
    assert_eq!(kms.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_failed_is_not_asked_again_for_two_seconds() {
    let (kms, identity) = in_kms();
    kms.is_down.store(true, Ordering::SeqCst);
    assert!(matches!(identity.current().await, Err(IdentityError::Kms(_))));
    // The SDK's two attempts.
    assert_eq!(kms.asked.load(Ordering::SeqCst), 2);
    kms.is_down.store(false, Ordering::SeqCst);
    assert!(matches!(identity.current().await, Err(IdentityError::KmsPaused)));
    let endpoint = Url::parse("https://school.example.org").unwrap();
    assert!(matches!(
        identity.token_for(&endpoint).await,
        Err(IdentityError::KmsPaused)
    ));
    assert_eq!(kms.asked.load(Ordering::SeqCst), 2);
    *identity.signing.lock().await.as_mut().unwrap() = Moment::now() - KMS_PAUSE;
    assert!(identity.current().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_does_not_answer_costs_a_second_while_there_is_a_token() {
    let (kms, identity) = in_kms();
    let token = identity.current().await.unwrap();
    identity.ends_in(200);
    kms.is_silent.store(true, Ordering::SeqCst);
    let started = tokio::time::Instant::now();
    assert_eq!(identity.current().await.unwrap(), token);
    assert_eq!(identity.current().await.unwrap(), token);
    assert!(
        started.elapsed() < Duration::from_millis(1_010),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn questions_of_the_same_moment_share_a_token() {
    let (kms, identity) = in_kms();
    let endpoint = Url::parse("https://school.example.org").unwrap();
    let (one, other) = tokio::join!(identity.token_for(&endpoint), identity.token_for(&endpoint));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(kms.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_token_older_than_a_minute_is_replaced_when_it_was_rejected() {
    let (kms, identity) = in_kms();
    identity.current().await.unwrap();
    assert!(identity.replacement().await.unwrap().is_none());
    identity.sign_long_ago().await;
    assert!(identity.replacement().await.unwrap().is_some());
    assert!(identity.replacement().await.unwrap().is_none());
    assert_eq!(kms.asked.load(Ordering::SeqCst), 2);
}
