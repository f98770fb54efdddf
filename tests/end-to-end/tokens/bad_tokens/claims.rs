//! Well signed tokens with wrong contents: claims of other types and values, and JSON that parsers read differently.

use super::{AUDIENCE, EXPIRED, Forge, ISSUER, MALFORMED, NOT_YET, SUBJECT, UNKNOWN_ISSUER, UNKNOWN_KEY};
use crate::support::{part, unix_seconds};
use serde_json::json;

impl Forge<'_> {
    pub(super) fn claims(&mut self) {
        let now = unix_seconds();
        let (issuer, audience) = (self.tenant.issuer.clone(), self.tenant.audience.clone());
        for name in ["iss", "aud", "sub", "exp"] {
            let token = self.without_claim(name);
            self.add(&format!("no {name}"), MALFORMED, &token);
            let odd = [
                json!(null),
                json!(true),
                json!([issuer]),
                json!({"a": issuer}),
                json!(["a", 7]),
            ];
            for value in odd {
                let token = self.with_claims(json!({name: value}));
                self.add(&format!("{name}: {value}"), MALFORMED, &token);
            }
        }
        for (claims, reason) in [
            (json!({"iss": 7}), MALFORMED),
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
            (json!({"aud": [audience]}), MALFORMED),
            (json!({"aud": [audience, "school.example.org"]}), MALFORMED),
            (json!({"aud": [[audience]]}), MALFORMED),
            (json!({"aud": []}), MALFORMED),
            (json!({"sub": 7}), MALFORMED),
            (json!({"sub": ""}), SUBJECT),
            (json!({"sub": "teacher\0"}), SUBJECT),
            (json!({"sub": "teacher\n"}), SUBJECT),
            (json!({"sub": "s".repeat(256)}), SUBJECT),
            (json!({"exp": now - 61}), EXPIRED),
            (json!({"exp": 0}), EXPIRED),
            (json!({"exp": 0.5}), EXPIRED),
            (json!({"exp": (now + 3600).to_string()}), MALFORMED),
            (json!({"exp": -1}), MALFORMED),
            (json!({"exp": u64::MAX}), MALFORMED),
            (json!({"exp": 1e300}), MALFORMED),
            // Far in the future, because the test may be slow. A unit test checks the exact second.
            (json!({"nbf": now + 1800}), NOT_YET),
            (json!({"nbf": now.to_string()}), MALFORMED),
            (json!({"nbf": null}), MALFORMED),
            (json!({"nbf": -1}), MALFORMED),
            (json!({"nbf": 1e300}), MALFORMED),
            (json!({"scope": ["chats:read"]}), MALFORMED),
            (json!({"scope": 7}), MALFORMED),
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
        for (name, claims) in [
            ("claims in a list", format!("[{claims}]")),
            ("the values of claims in a list", {
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
            ("claims that are null", "null".to_owned()),
            ("claims that are a string", json!(claims).to_string()),
            ("claims that are a number", "7".to_owned()),
            ("no claims at all", String::new()),
            ("empty claims", "{}".to_owned()),
            ("claims in an object", format!("{{\"claims\": {claims}}}")),
            ("something after the claims", format!("{claims}x")),
            ("claims twice", format!("{claims}{claims}")),
            ("a NUL after the claims", format!("{claims}\0")),
            ("a comma after the last claim", format!("{{{inner},}}")),
            ("a byte order mark", format!("\u{feff}{claims}")),
            ("a comment", format!("/**/{claims}")),
            ("single quotes", claims.replace('"', "'")),
            ("claims that end too early", claims[..claims.len() - 1].to_owned()),
            (
                "a lone surrogate",
                format!("{{{inner},\"sub2\":\"\\ud800\",\"iss\":\"\\ud800\"}}"),
            ),
            ("iss twice", format!("{{{inner},\"iss\":\"iam.school.example.org\"}}")),
            (
                "iss twice, once with an escape",
                format!("{{{inner},\"\\u0069ss\":\"iam.school.example.org\"}}"),
            ),
            ("sub twice", format!("{{{inner},\"sub\":\"principal\"}}")),
            ("exp twice", format!("{{{inner},\"exp\":9000000000}}")),
            ("aud twice", format!("{{{inner},\"aud\":\"{}\"}}", self.tenant.audience)),
            ("scope twice", format!("{{{inner},\"scope\":\"chats:read\"}}")),
            ("an exp beyond f64", number("1e400")),
            ("an exp of 400 digits", number(&huge_digits)),
            ("an exp that is not a number", number("NaN")),
            ("an infinite exp", number("Infinity")),
            ("an exp in hexadecimal", number("0xFFFFFFFF")),
            ("an exp with a leading zero", number("09000000000")),
        ] {
            let token = self.key.token(&header, &claims);
            self.add(name, MALFORMED, &token);
        }
        let inner = header.trim_matches(['{', '}']).to_owned();
        for (name, header) in [
            ("a header in a list", format!("[{header}]")),
            ("a header that is null", "null".to_owned()),
            ("an empty header", "{}".to_owned()),
            ("something after the header", format!("{header}x")),
            ("a byte order mark before the header", format!("\u{feff}{header}")),
            ("alg twice", format!("{{{inner},\"alg\":\"none\"}}")),
            ("kid twice", format!("{{{inner},\"kid\":\"first\"}}")),
            (
                "a header that is nested too deeply",
                format!("{{{inner},\"x\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000)),
            ),
            ("crit twice", format!("{{{inner},\"crit\":null,\"crit\":[]}}")),
        ] {
            let token = self.key.token(&header, &claims);
            self.add(name, MALFORMED, &token);
        }
        let not_utf_8 = format!("{}.{}", part(&header), part(b"{\"iss\":\"\xff\"}"));
        self.add("claims that are not UTF-8", MALFORMED, &format!("{not_utf_8}.AAAA"));
    }
}
