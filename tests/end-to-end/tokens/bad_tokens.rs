//! Tokens that are malformed on purpose. Each has a name and the beginning of the reason that the log gives.

mod claims;

use crate::support::{OwnTenant, SigningKey, part, unix_seconds};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// A bad token.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) reason: &'static str,
    pub(super) authorization: String,
}

const NO_TOKEN: &str = "there is no bearer token";
const TOO_LONG: &str = "the token is too long";
const MALFORMED: &str = "the token is malformed";
const CRITICAL: &str = "the token has critical headers";
const ISSUER: &str = "iss is not valid";
const UNKNOWN_ISSUER: &str = "iss is unknown";
const UNKNOWN_KEY: &str = "kid is unknown";
const ALGORITHM: &str = "the algorithm is not the key's";
const SIGNATURE: &str = "the signature is wrong";
const AUDIENCE: &str = "aud is not accepted";
const SUBJECT: &str = "sub is not valid";
const EXPIRED: &str = "the token has expired";
const NOT_YET: &str = "the token is not valid yet";

/// Makes bad tokens for a tenant with one ES256 key.
struct Forge<'a> {
    tenant: &'a OwnTenant,
    key: &'a SigningKey,
    pem: &'a local::Key,
    cases: Vec<Case>,
}

/// All cases, for `tenant`. Its only key is `pem`.
pub(super) fn cases(tenant: &OwnTenant, pem: &local::Key) -> Vec<Case> {
    let mut forge = Forge {
        tenant,
        key: &tenant.keys[0],
        pem,
        cases: Vec::new(),
    };
    forge.schemes();
    forge.algorithms();
    forge.headers();
    forge.shapes();
    forge.signatures();
    forge.claims();
    forge.json();
    forge.cases
}

impl Forge<'_> {
    fn add(&mut self, name: &str, reason: &'static str, token: &str) {
        self.add_authorization(name, reason, format!("Bearer {token}"));
    }

    fn add_authorization(&mut self, name: &str, reason: &'static str, authorization: String) {
        let name = name.to_owned();
        self.cases.push(Case {
            name,
            reason,
            authorization,
        });
    }

    fn good_header(&self) -> String {
        self.key.header().to_string()
    }

    fn good_claims(&self) -> String {
        self.tenant.claims().to_string()
    }

    fn good(&self) -> String {
        self.key.token(&self.good_header(), &self.good_claims())
    }

    /// A well signed token, with `members` added to its header or replaced in it. `null` sets a member to null.
    fn with_header(&self, members: Value) -> String {
        let header = merged(self.key.header(), members);
        self.key.token(&header.to_string(), &self.good_claims())
    }

    /// A well signed token, with `members` added to its claims or replaced in them.
    fn with_claims(&self, members: Value) -> String {
        let claims = merged(self.tenant.claims(), members);
        self.key.token(&self.good_header(), &claims.to_string())
    }

    fn without_claim(&self, name: &str) -> String {
        let mut claims = self.tenant.claims();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        self.key.token(&self.good_header(), &claims.to_string())
    }

    fn schemes(&mut self) {
        let good = self.good();
        for (name, authorization) in [
            ("an empty header", String::new()),
            ("no scheme", good.clone()),
            ("the scheme alone", "Bearer".to_owned()),
            (
                "basic authentication",
                format!("Basic {}", BASE64_STANDARD.encode("teacher:secret")),
            ),
            ("a token as basic authentication", format!("Basic {good}")),
            ("a scheme that begins alike", format!("BearerX {good}")),
            ("a tab after the scheme", format!("Bearer\t{good}")),
            ("a colon after the scheme", format!("Bearer: {good}")),
            ("a letter that is not ASCII", format!("Bearer {good}\u{e9}")),
        ] {
            self.add_authorization(name, NO_TOKEN, authorization);
        }
        self.add("the scheme twice", MALFORMED, &format!("Bearer {good}"));
        self.add("two tokens", MALFORMED, &format!("{good} {good}"));
        self.add("two tokens with a comma", MALFORMED, &format!("{good},{good}"));
        self.add("quotes", MALFORMED, &format!("\"{good}\""));
        // Longer tokens don't get this far: the gateway rejects headers of more than 10,240 bytes.
        let long = self.with_claims(json!({"padding": "x".repeat(6_000)}));
        self.add("a well signed token over 8 KiB", TOO_LONG, &long);
        self.add("8193 bytes of anything", TOO_LONG, &"a".repeat(8193));
        self.add("8192 bytes of anything", MALFORMED, &"a".repeat(8192));
    }

    fn algorithms(&mut self) {
        let header = |alg: &str| json!({"typ": "JWT", "alg": alg, "kid": self.key.kid}).to_string();
        let unsigned = |alg: &str| format!("{}.{}", part(header(alg)), part(self.good_claims()));
        let signature = self.good().rsplit_once('.').unwrap().1.to_owned();
        let mut made = Vec::new();
        for none in ["none", "None", "nOnE", "NONE"] {
            made.push((format!("{none} without a signature"), MALFORMED, unsigned(none) + "."));
            made.push((
                format!("{none} with a signature"),
                MALFORMED,
                format!("{}.{signature}", unsigned(none)),
            ));
            let signed = self.key.token(&header(none), &self.good_claims());
            made.push((format!("{none}, well signed"), MALFORMED, signed));
        }
        let der: String = self.pem.public.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(der).unwrap();
        for (name, secret) in [
            ("PEM text", self.pem.public.clone().into_bytes()),
            (
                "PEM text without its last line break",
                self.pem.public.trim_end().as_bytes().to_vec(),
            ),
            ("DER", der.clone()),
            // The last 65 bytes of a P-256 SubjectPublicKeyInfo are the uncompressed point.
            ("point", der[der.len() - 65..].to_vec()),
            ("JWK", serde_json::to_vec(&self.key.jwk()).unwrap()),
        ] {
            for (algorithm, text) in [(Algorithm::HS256, "HS256"), (Algorithm::HS512, "HS512")] {
                let message = unsigned(text);
                let secret = EncodingKey::from_secret(&secret);
                let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, algorithm).unwrap();
                let name = format!("{text} keyed with the public key's {name}");
                made.push((name, ALGORITHM, format!("{message}.{mac}")));
            }
        }
        for alg in ["ES384", "RS256", "RS512", "PS256", "EdDSA", "HS256"] {
            let signed = self.key.token(&header(alg), &self.good_claims());
            made.push((format!("{alg} over an ES256 signature"), ALGORITHM, signed));
        }
        for alg in ["ES512", "es256", " ES256", "ES256K", ""] {
            let signed = self.key.token(&header(alg), &self.good_claims());
            made.push((format!("the algorithm {alg:?}"), MALFORMED, signed));
        }
        for (name, reason, token) in made {
            self.add(&name, reason, &token);
        }
        for (name, alg) in [
            ("null", json!(null)),
            ("a number", json!(256)),
            ("a list", json!(["ES256"])),
        ] {
            let token = self.with_header(json!({"alg": alg}));
            self.add(&format!("an algorithm that is {name}"), MALFORMED, &token);
        }
        let token = self
            .key
            .token(&json!({"kid": self.key.kid}).to_string(), &self.good_claims());
        self.add("no algorithm", MALFORMED, &token);
    }

    fn headers(&mut self) {
        for (name, members, reason) in [
            ("a critical header", json!({"crit": ["x"], "x": 1}), CRITICAL),
            ("a critical header that is missing", json!({"crit": ["x"]}), CRITICAL),
            ("an empty list of critical headers", json!({"crit": []}), CRITICAL),
            (
                "a critical exp",
                json!({"crit": ["exp"], "exp": unix_seconds() + 3600}),
                CRITICAL,
            ),
            ("a critical b64", json!({"crit": ["b64"], "b64": false}), CRITICAL),
            (
                "critical headers that are not a list",
                json!({"crit": "x", "x": 1}),
                MALFORMED,
            ),
            ("an unknown kid", json!({"kid": "other"}), UNKNOWN_KEY),
            ("an empty kid", json!({"kid": ""}), UNKNOWN_KEY),
            ("SQL for a kid", json!({"kid": "first' OR '1'='1"}), UNKNOWN_KEY),
            ("a path for a kid", json!({"kid": "../../../../dev/null"}), UNKNOWN_KEY),
            ("a command for a kid", json!({"kid": "|/bin/true"}), UNKNOWN_KEY),
            ("a NUL in the kid", json!({"kid": "first\0"}), UNKNOWN_KEY),
            ("another case of the kid", json!({"kid": "FIRST"}), UNKNOWN_KEY),
            ("a long kid", json!({"kid": "k".repeat(4_000)}), UNKNOWN_KEY),
            ("a number for a kid", json!({"kid": 1}), MALFORMED),
            ("a list for a kid", json!({"kid": ["first"]}), MALFORMED),
        ] {
            let token = self.with_header(members);
            self.add(name, reason, &token);
        }
        let rogue = SigningKey::es256(None);
        for (name, members) in [
            ("its own key in jwk", json!({"jwk": rogue.jwk()})),
            ("its own key behind jku", json!({"jku": "http://127.0.0.1:9/keys.json"})),
            ("its own key behind x5u", json!({"x5u": "http://127.0.0.1:9/chain.pem"})),
        ] {
            let named = merged(self.key.header(), members.clone());
            let nameless = merged(json!({"alg": "ES256"}), members);
            for (kid, header) in [("with a kid", named), ("without a kid", nameless)] {
                let token = rogue.token(&header.to_string(), &self.good_claims());
                self.add(&format!("{name}, {kid}"), SIGNATURE, &token);
            }
        }
    }

    fn shapes(&mut self) {
        let good = self.good();
        let parts: Vec<&str> = good.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            panic!("{good}")
        };
        for (name, token) in [
            ("one part", (*header).to_owned()),
            ("two parts", format!("{header}.{claims}")),
            ("four parts", format!("{good}.{signature}")),
            ("five parts", format!("{good}.{claims}.{signature}")),
            ("an additional dot at the end", format!("{good}.")),
            ("two additional dots at the end", format!("{good}..")),
            ("an additional dot at the beginning", format!(".{good}")),
            ("two dots in the middle", format!("{header}..{claims}.{signature}")),
            ("no header", format!(".{claims}.{signature}")),
            ("no claims", format!("{header}..{signature}")),
            ("only dots", "..".to_owned()),
            ("padding", format!("{header}=.{claims}==.{signature}==")),
            ("a line break in base64", format!("{header}%0A.{claims}.{signature}")),
            ("a space after a dot", format!("{header}. {claims}.{signature}")),
            ("a header that is not base64", format!("{{}}.{claims}.{signature}")),
            ("claims that are not base64", format!("{header}.!!!!.{signature}")),
            (
                "a JWE",
                format!(
                    "{}.{header}.{claims}.{claims}.{signature}",
                    part(r#"{"alg":"dir","enc":"A256GCM"}"#)
                ),
            ),
        ] {
            self.add(name, MALFORMED, &token);
        }
        let standard = BASE64_STANDARD.encode([0xfb, 0xff, 0xfe]);
        self.add(
            "base64 with + and /",
            MALFORMED,
            &format!("{standard}.{claims}.{signature}"),
        );
        self.add("dots and a space", MALFORMED, ". .");
    }

    fn signatures(&mut self) {
        let good = self.good();
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let flipped = |index: usize| {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1;
            bytes
        };
        let der: String = self.pem.private.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(der).unwrap();
        let asn1 = &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(asn1, &der).unwrap();
        let der = pair
            .sign(&aws_lc_rs::rand::SystemRandom::new(), message.as_bytes())
            .unwrap();
        for (name, signature) in [
            ("no signature", Vec::new()),
            ("zeros for a signature", vec![0; 64]),
            ("ones for r and s", [&[0; 31][..], &[1], &[0; 31], &[1]].concat()),
            ("the highest r and s", vec![0xff; 64]),
            ("r and s swapped", [&bytes[32..], &bytes[..32]].concat()),
            ("a signature that is cut off", bytes[..63].to_vec()),
            ("only r", bytes[..32].to_vec()),
            ("a byte after the signature", [&bytes[..], &[0]].concat()),
            ("a byte before the signature", [&[0], &bytes[..]].concat()),
            ("a signature in DER form", der.as_ref().to_vec()),
            ("a flipped bit in r", flipped(0)),
            ("a flipped bit in s", flipped(63)),
        ] {
            self.add(name, SIGNATURE, &format!("{message}.{}", part(signature)));
        }
        // Only two bits of the last of the 86 characters count. The next character of the alphabet differs in the
        // others.
        let last = signature.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
        let odd = format!("{message}.{}{next}", &signature[..85]);
        self.add("base64 that is not canonical", MALFORMED, &odd);
        self.add("a signature with padding", MALFORMED, &format!("{good}=="));
        self.add("a signature that is not base64", MALFORMED, &format!("{message}.%%%%"));

        let other = self.with_claims(json!({"sub": "principal"}));
        let claims = other.split('.').nth(1).unwrap();
        let header = good.split('.').next().unwrap();
        self.add(
            "another token's claims",
            SIGNATURE,
            &format!("{header}.{claims}.{signature}"),
        );
        let rogue = SigningKey::es256(None);
        let forged = rogue.token(&self.good_header(), &self.good_claims());
        self.add("another tenant's key", SIGNATURE, &forged);
        let prefixed = self.key.token(&format!(" {}", self.good_header()), &self.good_claims());
        let (_, signature) = prefixed.rsplit_once('.').unwrap();
        self.add(
            "a signature over other bytes with the same meaning",
            SIGNATURE,
            &format!("{message}.{signature}"),
        );
    }
}

/// `object` with the members of `others` added or replaced.
fn merged(mut object: Value, others: Value) -> Value {
    let Value::Object(others) = others else {
        panic!("{others}")
    };
    object.as_object_mut().unwrap().extend(others);
    object
}
