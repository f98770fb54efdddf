//! Well signed tokens with wrong contents: claims of other types and values, and JSON that parsers read differently.

use super::{
    AUDIENCE, EXP_TYPE, EXPIRED, Forge, HEADER_JSON, ISSUER, NBF_TYPE, NOT_YET, PAYLOAD_JSON, SEVERAL_AUDIENCES,
    SUBJECT, TOO_FAR_AWAY, UNKNOWN_ISSUER, UNKNOWN_KEY,
};
use crate::support::{part, unix_seconds};
use serde_json::json;

const PERMISSIONS_TYPE: &str = "the claim with the permissions is not a string or a list of strings";
const NO_ISS: &str = "iss is missing";
const TWO_ISS: &str = "iss is given twice";

impl Forge<'_> {
    pub(super) fn claims(&mut self) {
        let now = unix_seconds();
        let (issuer, audience) = (self.tenant.issuer.clone(), self.tenant.audience.clone());
        for (name, expected) in [
            ("iss", "a string"),
            ("aud", "a string or a list of strings"),
            ("sub", "a string"),
            ("exp", "a date in seconds"),
        ] {
            let token = self.without_claim(name);
            self.add(&format!("no {name}"), &format!("{name} is missing"), &token);
            let odd = [
                json!(null),
                json!(true),
                json!([[issuer]]),
                json!({"a": issuer}),
                json!(["a", 7]),
            ];
            for value in odd {
                let token = self.with_claims(json!({name: value}));
                self.add(
                    &format!("{name}: {value}"),
                    &format!("{name} is not {expected}"),
                    &token,
                );
            }
        }
        for (claims, reason) in [
            (json!({"iss": 7}), "iss is not a string"),
            (json!({"iss": ""}), ISSUER),
            (json!({"iss": "i".repeat(256)}), ISSUER),
            (json!({"iss": "i".repeat(4_000)}), ISSUER),
            (json!({"iss": format!("{issuer}\0")}), ISSUER),
            (json!({"iss": format!("{issuer}\n")}), ISSUER),
            (json!({"iss": "nobody"}), UNKNOWN_ISSUER),
            (json!({"iss": format!("{issuer} ")}), UNKNOWN_ISSUER),
            (json!({"iss": issuer.to_uppercase()}), UNKNOWN_ISSUER),
            // Another tenant's issuer, whose key did not sign it.
            (json!({"iss": "iam.school.example.org"}), UNKNOWN_KEY),
            (json!({"aud": "school.example.org"}), AUDIENCE),
            (json!({"aud": ""}), AUDIENCE),
            (json!({"aud": format!("{audience}:x")}), AUDIENCE),
            (json!({"aud": audience.to_uppercase()}), AUDIENCE),
            (json!({"aud": []}), AUDIENCE),
            (json!({"aud": [""]}), AUDIENCE),
            (json!({"aud": ["school.example.org", "nobody"]}), AUDIENCE),
            (json!({"aud": [audience, audience]}), SEVERAL_AUDIENCES),
            (json!({"sub": 7}), "sub is not a string"),
            (json!({"sub": ""}), SUBJECT),
            (json!({"sub": "teacher\0"}), SUBJECT),
            (json!({"sub": "teacher\n"}), SUBJECT),
            (json!({"sub": "s".repeat(256)}), SUBJECT),
            (json!({"exp": now - 61}), EXPIRED),
            (json!({"exp": 0}), EXPIRED),
            (json!({"exp": 0.5}), EXPIRED),
            (json!({"exp": (now + 3600).to_string()}), EXP_TYPE),
            (json!({"exp": -1}), EXP_TYPE),
            (json!({"exp": u64::MAX}), EXP_TYPE),
            (json!({"exp": 1e300}), EXP_TYPE),
            (json!({"exp": now + 367 * 86_400}), TOO_FAR_AWAY),
            (json!({"exp": (now + 3600) * 1_000}), TOO_FAR_AWAY),
            // Far in the future, because the test may be slow. A unit test checks the exact second.
            (json!({"nbf": now + 1800}), NOT_YET),
            (json!({"nbf": now.to_string()}), NBF_TYPE),
            (json!({"nbf": null}), NBF_TYPE),
            (json!({"nbf": -1}), NBF_TYPE),
            (json!({"nbf": 1e300}), NBF_TYPE),
            (json!({"scope": 7}), PERMISSIONS_TYPE),
            (json!({"scope": ["chats:read", 7]}), PERMISSIONS_TYPE),
            (json!({"scope": {"chats:read": true}}), PERMISSIONS_TYPE),
        ] {
            let token = self.with_claims(claims.clone());
            let name: String = claims.to_string().chars().take(80).collect();
            self.add(&name, reason, &token);
        }
    }

    pub(super) fn json(&mut self) {
        let (header, claims) = (self.good_header(), self.good_claims());
        let inner = claims.trim_matches(['{', '}']).to_owned();
        let number = |exp: &str| {
            let mut claims = self.tenant.claims();
            claims["exp"] = json!("EXP");
            claims.to_string().replace("\"EXP\"", exp)
        };
        let huge_digits = "9".repeat(400);
        for (name, reason, claims) in [
            ("claims in a list", PAYLOAD_JSON, format!("[{claims}]")),
            ("the values of claims in a list", PAYLOAD_JSON, {
                let claims = self.tenant.claims();
                json!([
                    claims["iss"],
                    claims["aud"],
                    claims["sub"],
                    claims["exp"],
                    null,
                    claims["scope"]
                ])
                .to_string()
            }),
            ("claims that are null", PAYLOAD_JSON, "null".to_owned()),
            ("claims that are a string", PAYLOAD_JSON, json!(claims).to_string()),
            ("claims that are a number", PAYLOAD_JSON, "7".to_owned()),
            ("no claims at all", PAYLOAD_JSON, String::new()),
            ("empty claims", NO_ISS, "{}".to_owned()),
            ("claims in an object", NO_ISS, format!("{{\"claims\": {claims}}}")),
            ("something after the claims", PAYLOAD_JSON, format!("{claims}x")),
            ("claims twice", PAYLOAD_JSON, format!("{claims}{claims}")),
            ("a NUL after the claims", PAYLOAD_JSON, format!("{claims}\0")),
            ("a comma after the last claim", PAYLOAD_JSON, format!("{{{inner},}}")),
            ("a byte order mark", PAYLOAD_JSON, format!("\u{feff}{claims}")),
            ("a comment", PAYLOAD_JSON, format!("/**/{claims}")),
            ("single quotes", PAYLOAD_JSON, claims.replace('"', "'")),
            (
                "claims that end too early",
                PAYLOAD_JSON,
                claims[..claims.len() - 1].to_owned(),
            ),
            (
                "a lone surrogate",
                TWO_ISS,
                format!("{{{inner},\"sub2\":\"\\ud800\",\"iss\":\"\\ud800\"}}"),
            ),
            (
                "iss twice",
                TWO_ISS,
                format!("{{{inner},\"iss\":\"iam.school.example.org\"}}"),
            ),
            (
                "iss twice, once with an escape",
                TWO_ISS,
                format!("{{{inner},\"\\u0069ss\":\"iam.school.example.org\"}}"),
            ),
            (
                "sub twice",
                "sub is given twice",
                format!("{{{inner},\"sub\":\"principal\"}}"),
            ),
            (
                "exp twice",
                "exp is given twice",
                format!("{{{inner},\"exp\":9000000000}}"),
            ),
            (
                "aud twice",
                "aud is given twice",
                format!("{{{inner},\"aud\":\"{}\"}}", self.tenant.audience),
            ),
            (
                "scope twice",
                "the claim with the permissions is given twice",
                format!("{{{inner},\"scope\":\"chats:read\"}}"),
            ),
            ("an exp beyond f64", EXP_TYPE, number("1e400")),
            ("an exp of 400 digits", EXP_TYPE, number(&huge_digits)),
            ("an exp that is not a number", PAYLOAD_JSON, number("NaN")),
            ("an infinite exp", PAYLOAD_JSON, number("Infinity")),
            ("an exp in hexadecimal", PAYLOAD_JSON, number("0xFFFFFFFF")),
            ("an exp with a leading zero", PAYLOAD_JSON, number("09000000000")),
        ] {
            let token = self.key.token(&header, &claims);
            self.add(name, reason, &token);
        }
        let inner = header.trim_matches(['{', '}']).to_owned();
        for (name, reason, header) in [
            ("a header in a list", HEADER_JSON, format!("[{header}]")),
            ("a header that is null", HEADER_JSON, "null".to_owned()),
            ("an empty header", "alg is missing", "{}".to_owned()),
            ("something after the header", HEADER_JSON, format!("{header}x")),
            (
                "a byte order mark before the header",
                HEADER_JSON,
                format!("\u{feff}{header}"),
            ),
            (
                "alg twice",
                "alg is given twice",
                format!("{{{inner},\"alg\":\"none\"}}"),
            ),
            (
                "kid twice",
                "kid is given twice",
                format!("{{{inner},\"kid\":\"first\"}}"),
            ),
            (
                "crit twice",
                "crit is given twice",
                format!("{{{inner},\"crit\":null,\"crit\":[]}}"),
            ),
        ] {
            let token = self.key.token(&header, &claims);
            self.add(name, reason, &token);
        }
        let not_utf_8 = format!("{}.{}", part(&header), part(b"{\"iss\":\"\xff\"}"));
        self.add("claims that are not UTF-8", PAYLOAD_JSON, &format!("{not_utf_8}.AAAA"));
    }
}
