//! Tokens that are malformed on purpose. Each has a name and the reason that the log gives.

mod claims;

use crate::support::{OwnTenant, SigningKey, part, unix_seconds};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// A bad token, with the reason for rejecting it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) authorization: String,
}

const NO_TOKEN: &str = "there is no bearer token";
const TOO_LONG: &str = "the token has more than 8 KiB";
const NOT_THREE_PARTS: &str = "the token is not a JWS in compact form";
const HEADER_BASE64: &str = "the token's header is not base64url";
const PAYLOAD_BASE64: &str = "the token's payload is not base64url";
const SIGNATURE_BASE64: &str = "the token's signature is not base64url";
const HEADER_JSON: &str = "the token's header is not a JSON object";
const PAYLOAD_JSON: &str = "the token's payload is not a JSON object";
const CRITICAL: &str = "the token has critical headers";
const UNKNOWN_ALGORITHM: &str = "alg is not one of those that are accepted";
const ISSUER: &str = "iss is not 1 to 255 characters without control characters";
const UNKNOWN_ISSUER: &str = "iss is unknown";
const UNKNOWN_KEY: &str = "kid is unknown";
const ALGORITHM: &str = "alg is not the key's";
const SIGNATURE: &str = "the signature is wrong";
const AUDIENCE: &str = "aud is not accepted";
const SEVERAL_AUDIENCES: &str = "aud has several accepted values";
const SUBJECT: &str = "sub is not 1 to 255 bytes without control characters";
const EXPIRED: &str = "the token has expired";
const TOO_FAR_AWAY: &str = "exp is more than 366 days away";
const NOT_YET: &str = "the token is not valid yet";
const EXP_TYPE: &str = "exp is not a date in seconds";
const NBF_TYPE: &str = "nbf is not a date in seconds";

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
    fn add(&mut self, name: &str, reason: &str, token: &str) {
        self.add_authorization(name, reason, format!("Bearer {token}"));
    }

    fn add_authorization(&mut self, name: &str, reason: &str, authorization: String) {
        self.cases.push(Case {
            name: name.to_owned(),
            reason: reason.to_owned(),
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
        self.add("the scheme twice", HEADER_BASE64, &format!("Bearer {good}"));
        self.add("two tokens", NOT_THREE_PARTS, &format!("{good} {good}"));
        self.add("two tokens with a comma", NOT_THREE_PARTS, &format!("{good},{good}"));
        self.add("quotes", HEADER_BASE64, &format!("\"{good}\""));
        // Longer tokens don't get this far: the gateway rejects headers of more than 10,240 bytes.
        let long = self.with_claims(json!({"padding": "x".repeat(6_000)}));
        self.add("a well signed token over 8 KiB", TOO_LONG, &long);
        self.add("8193 bytes of anything", TOO_LONG, &"a".repeat(8193));
        self.add("8192 bytes of anything", NOT_THREE_PARTS, &"a".repeat(8192));
    }

    fn algorithms(&mut self) {
        let header = |alg: &str| json!({"typ": "JWT", "alg": alg, "kid": self.key.kid}).to_string();
        let unsigned = |alg: &str| format!("{}.{}", part(header(alg)), part(self.good_claims()));
        let signature = self.good().rsplit_once('.').unwrap().1.to_owned();
        let mut made = Vec::new();
        for none in ["none", "None", "nOnE", "NONE"] {
            made.push((
                format!("{none} without a signature"),
                UNKNOWN_ALGORITHM,
                unsigned(none) + ".",
            ));
            made.push((
                format!("{none} with a signature"),
                UNKNOWN_ALGORITHM,
                format!("{}.{signature}", unsigned(none)),
            ));
            let signed = self.key.token(&header(none), &self.good_claims());
            made.push((format!("{none}, well signed"), UNKNOWN_ALGORITHM, signed));
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
                made.push((name, UNKNOWN_ALGORITHM, format!("{message}.{mac}")));
            }
        }
        for alg in ["ES384", "RS256", "RS512", "PS256", "EdDSA"] {
            let signed = self.key.token(&header(alg), &self.good_claims());
            made.push((format!("{alg} over an ES256 signature"), ALGORITHM, signed));
        }
        for alg in ["HS256", "ES512", "es256", " ES256", "ES256K", "Ed25519", ""] {
            let signed = self.key.token(&header(alg), &self.good_claims());
            made.push((format!("the algorithm {alg:?}"), UNKNOWN_ALGORITHM, signed));
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
            self.add(&format!("an algorithm that is {name}"), "alg is not a string", &token);
        }
        let token = self
            .key
            .token(&json!({"kid": self.key.kid}).to_string(), &self.good_claims());
        self.add("no algorithm", "alg is missing", &token);
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
                CRITICAL,
            ),
            ("an unknown kid", json!({"kid": "other"}), UNKNOWN_KEY),
            ("an empty kid", json!({"kid": ""}), UNKNOWN_KEY),
            ("SQL for a kid", json!({"kid": "first' OR '1'='1"}), UNKNOWN_KEY),
            ("a path for a kid", json!({"kid": "../../../../dev/null"}), UNKNOWN_KEY),
            ("a command for a kid", json!({"kid": "|/bin/true"}), UNKNOWN_KEY),
            ("a NUL in the kid", json!({"kid": "first\0"}), UNKNOWN_KEY),
            ("another case of the kid", json!({"kid": "FIRST"}), UNKNOWN_KEY),
            ("a long kid", json!({"kid": "k".repeat(4_000)}), UNKNOWN_KEY),
            ("a number for a kid", json!({"kid": 1}), "kid is not a string"),
            ("null for a kid", json!({"kid": null}), "kid is not a string"),
            ("a list for a kid", json!({"kid": ["first"]}), "kid is not a string"),
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
        for (name, reason, token) in [
            ("one part", NOT_THREE_PARTS, (*header).to_owned()),
            ("two parts", NOT_THREE_PARTS, format!("{header}.{claims}")),
            ("four parts", NOT_THREE_PARTS, format!("{good}.{signature}")),
            ("five parts", NOT_THREE_PARTS, format!("{good}.{claims}.{signature}")),
            ("an additional dot at the end", NOT_THREE_PARTS, format!("{good}.")),
            ("two additional dots at the end", NOT_THREE_PARTS, format!("{good}..")),
            (
                "an additional dot at the beginning",
                NOT_THREE_PARTS,
                format!(".{good}"),
            ),
            (
                "two dots in the middle",
                NOT_THREE_PARTS,
                format!("{header}..{claims}.{signature}"),
            ),
            ("no header", HEADER_JSON, format!(".{claims}.{signature}")),
            ("no claims", PAYLOAD_JSON, format!("{header}..{signature}")),
            ("only dots", HEADER_JSON, "..".to_owned()),
            ("padding", HEADER_BASE64, format!("{header}=.{claims}==.{signature}==")),
            (
                "a line break in base64",
                HEADER_BASE64,
                format!("{header}%0A.{claims}.{signature}"),
            ),
            (
                "a space after a dot",
                PAYLOAD_BASE64,
                format!("{header}. {claims}.{signature}"),
            ),
            (
                "a header that is not base64",
                HEADER_BASE64,
                format!("{{}}.{claims}.{signature}"),
            ),
            (
                "claims that are not base64",
                PAYLOAD_BASE64,
                format!("{header}.!!!!.{signature}"),
            ),
            (
                "a JWE",
                NOT_THREE_PARTS,
                format!(
                    "{}.{header}.{claims}.{claims}.{signature}",
                    part(r#"{"alg":"dir","enc":"A256GCM"}"#)
                ),
            ),
        ] {
            self.add(name, reason, &token);
        }
        let standard = BASE64_STANDARD.encode([0xfb, 0xff, 0xfe]);
        self.add(
            "base64 with + and /",
            HEADER_BASE64,
            &format!("{standard}.{claims}.{signature}"),
        );
        self.add("dots and a space", HEADER_JSON, ". .");
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
        self.add("base64 that is not canonical", SIGNATURE_BASE64, &odd);
        self.add("a signature with padding", SIGNATURE_BASE64, &format!("{good}=="));
        self.add(
            "a signature that is not base64",
            SIGNATURE_BASE64,
            &format!("{message}.%%%%"),
        );

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
