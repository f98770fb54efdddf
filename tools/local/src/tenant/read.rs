//! Reads the TOML file of a tenant. Each part is read by itself, so that every fault is found at once, with its line.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use chats::access::{Authorization, Tenant, TenantError, TenantFault};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{
    file::TenantFile,
    keys::{GivenKeys, Keys, secret_member},
};

/// The members of a file.
const MEMBERS: [&str; 6] = [
    "issuer",
    "token_audiences",
    "permissions_claim",
    "jwks_uri",
    "keys",
    "audiences",
];

/// Why a tenant's file is rejected. The text has a line per fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{0}")]
    Keys(String),
    #[error("{0}")]
    Faults(Faults),
}

/// The faults of a file.
#[derive(Debug)]
pub(crate) struct Faults(Vec<Fault>);

#[derive(Debug)]
struct Fault {
    /// The file or URL.
    place: String,
    line: Option<usize>,
    text: String,
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Fault { place, line, text }) in self.0.iter().enumerate() {
            let separator = if number > 0 { "\n" } else { "" };
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            write!(formatter, "{separator}{place}{line}: {text}")?;
        }
        Ok(())
    }
}

/// A file that is being read.
struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    table: &'a DeTable<'a>,
    faults: Vec<Fault>,
}

impl TenantFile {
    /// Reads and checks the file at `path`. `keys` are its keys, if it has none itself.
    ///
    /// # Errors
    /// See [`FileError`].
    pub(crate) fn read(path: &Path, keys: Option<&str>) -> Result<Self, FileError> {
        let keys = keys.map(GivenKeys::read).transpose().map_err(FileError::Keys)?;
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &name, keys.as_ref()).map_err(FileError::Faults),
            Err(source) => Err(FileError::Read { path: name, source }),
        }
    }

    /// Reads and checks the text of the file at `path`.
    pub(super) fn parse(text: &str, path: &str, given: Option<&GivenKeys>) -> Result<Self, Faults> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            path,
            text,
            table: table.get_ref(),
            faults: Vec::new(),
        };
        for error in &errors {
            reader.add_error("", error, 0);
        }
        // What follows a syntax error may be misread.
        if errors.is_empty() {
            let file = reader.read(given);
            if reader.faults.is_empty() {
                return Ok(file);
            }
        }
        reader.faults.sort_by_key(|fault| fault.line);
        Err(Faults(reader.faults))
    }
}

impl<'a> Reader<'a> {
    fn read(&mut self, given: Option<&GivenKeys>) -> TenantFile {
        for name in self.table.keys() {
            if !MEMBERS.contains(&name.get_ref().as_ref()) {
                let text = format!("{}: is unknown; the members are {}", name.get_ref(), MEMBERS.join(", "));
                self.add(name.span().start, text);
            }
        }
        // Each part that can't be read has been reported, and is not reported as missing or empty.
        let mut unread = Vec::new();
        let issuer: Option<String> = self.part("issuer", true, &mut unread);
        let token_audiences: Option<BTreeSet<String>> = self.part("token_audiences", true, &mut unread);
        let permissions_claim = self.part("permissions_claim", false, &mut unread);
        let audiences = self.audiences();
        let (keys, jwks_uri, indices) = match given.map(|given| &given.keys) {
            None => {
                let jwks_uri = self.part("jwks_uri", false, &mut unread);
                if unread.contains(&"jwks_uri") {
                    unread.push("keys");
                }
                let (keys, indices) = self.keys(&mut unread);
                (keys, jwks_uri, indices)
            }
            Some(keys) => {
                for member in ["keys", "jwks_uri"] {
                    if self.table.get(member).is_some() {
                        self.add(self.offset([member]), format!("{member}: --keys takes its place"));
                    }
                }
                match keys {
                    Keys::Set(keys) => (Some(keys.clone()), None, (0..keys.len()).collect()),
                    Keys::Url(url) => (None, Some(url.clone()), Vec::new()),
                }
            }
        };
        let file = TenantFile {
            issuer: issuer.unwrap_or_default(),
            token_audiences: token_audiences.unwrap_or_default(),
            permissions_claim,
            jwks_uri,
            keys,
            audiences,
        };
        match Tenant::check(&file.issuer, file.document()) {
            Ok(_) => {}
            Err(TenantError::Faults(faults)) => {
                for fault in faults {
                    let part = fault.path.first().map(String::as_str).unwrap_or_default();
                    match given {
                        _ if unread.contains(&part) => {}
                        Some(given) if part == "keys" || part == "jwks_uri" => self.faults.push(Fault {
                            place: given.source.clone(),
                            line: None,
                            text: fault.to_string(),
                        }),
                        _ => self.add_fault(&in_file(fault, &indices)),
                    }
                }
            }
            Err(error) => self.add(0, error.to_string()),
        }
        file
    }

    /// Reads the part `name`.
    fn part<T: Deserialize<'a>>(&mut self, name: &'static str, is_required: bool, unread: &mut Vec<&str>) -> Option<T> {
        let Some(value) = self.table.get(name) else {
            if is_required {
                self.add(0, format!("{name}: is missing"));
                unread.push(name);
            }
            return None;
        };
        let read = T::deserialize(ValueDeserializer::from(value.clone()));
        read.map_err(|error| {
            self.add_error(&format!("{name}: "), &error, value.span().start);
            unread.push(name);
        })
        .ok()
    }

    /// Reads the keys. Those that can't be read are left out, so the indices of the others come along.
    fn keys(&mut self, unread: &mut Vec<&str>) -> (Option<Vec<Jwk>>, Vec<usize>) {
        let Some(value) = self.table.get("keys") else {
            return (None, Vec::new());
        };
        let Some(values) = value.get_ref().as_array() else {
            self.add(value.span().start, "keys: is not a list of keys".to_owned());
            unread.push("keys");
            return (None, Vec::new());
        };
        let (mut keys, mut indices) = (Vec::new(), Vec::new());
        for (index, value) in values.iter().enumerate() {
            let members = value.get_ref().as_table().into_iter().flat_map(DeTable::keys);
            let members: Vec<String> = members.map(|name| name.get_ref().to_string()).collect();
            if let Some(fault) = secret_member(index, &members) {
                self.add_fault(&fault);
                continue;
            }
            match Jwk::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(key) => {
                    keys.push(key);
                    indices.push(index);
                }
                Err(error) => self.add_error(&format!("keys[{index}]: "), &error, value.span().start),
            }
        }
        if keys.is_empty() && values.iter().next().is_some() {
            unread.push("keys");
        }
        (Some(keys), indices)
    }

    /// Reads the audiences. Those that can't be read are left out.
    fn audiences(&mut self) -> BTreeMap<String, Authorization> {
        let mut audiences = BTreeMap::new();
        let Some(value) = self.table.get("audiences") else {
            self.add(0, "audiences: is missing".to_owned());
            return audiences;
        };
        let Some(table) = value.get_ref().as_table() else {
            self.add(value.span().start, "audiences: is not a table".to_owned());
            return audiences;
        };
        for (name, value) in table {
            match Authorization::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(authorization) => {
                    audiences.insert(name.get_ref().to_string(), authorization);
                }
                Err(error) => {
                    let place = format!("audiences.{:?}: ", name.get_ref());
                    self.add_error(&place, &error, name.span().start);
                }
            }
        }
        audiences
    }

    /// The offset in the text of the value that `path` leads to, or of the innermost value around it.
    fn offset<'b>(&self, path: impl IntoIterator<Item = &'b str>) -> usize {
        let mut path = path.into_iter();
        let Some((name, mut value)) = path.next().and_then(|name| self.table.get_key_value(name)) else {
            return 0;
        };
        let mut offset = name.span().start;
        for name in path {
            let inner = match value.get_ref() {
                DeValue::Table(table) => table.get_key_value(name).map(|(name, value)| (name.span(), value)),
                DeValue::Array(values) => {
                    let value = name.parse().ok().and_then(|index: usize| values.get(index));
                    value.map(|value| (value.span(), value))
                }
                _ => None,
            };
            let Some((span, inner)) = inner else { break };
            (offset, value) = (span.start, inner);
        }
        offset
    }

    fn add_fault(&mut self, fault: &TenantFault) {
        self.add(self.offset(fault.path.iter().map(String::as_str)), fault.to_string());
    }

    /// Adds an error of the TOML library. If it does not say where it is, it is at `offset`.
    fn add_error(&mut self, place: &str, error: &toml::de::Error, offset: usize) {
        let offset = error.span().map_or(offset, |span| span.start.max(offset));
        self.add(offset, format!("{place}{}", error.message()));
    }

    fn add(&mut self, offset: usize, text: String) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        self.faults.push(Fault {
            place: self.path.to_owned(),
            line: Some(1 + before.matches('\n').count()),
            text,
        });
    }
}

/// A fault of the keys that could be read, with the index that the key has in the file.
fn in_file(mut fault: TenantFault, indices: &[usize]) -> TenantFault {
    if let [part, index, ..] = &mut fault.path[..]
        && part == "keys"
        && let Some(original) = index.parse().ok().and_then(|index: usize| indices.get(index))
    {
        *index = original.to_string();
    }
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use local::binaries;

    fn example() -> String {
        fs::read_to_string(binaries::workspace().join("docs/tenant.example.toml")).unwrap()
    }

    fn faults(text: &str) -> Vec<String> {
        match TenantFile::parse(text, "FILE", None) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.to_string().lines().map(ToOwned::to_owned).collect(),
        }
    }

    /// The number of the first line that contains `text`.
    fn line_of(file: &str, text: &str) -> usize {
        1 + file.lines().position(|line| line.contains(text)).unwrap()
    }

    #[test]
    fn a_fault_is_reported_with_its_line() {
        assert_eq!(faults(&example()), [""; 0]);
        for (valid, invalid, expected) in [
            ("issuer = ", "isuer = ", "isuer: is unknown; the members are issuer,"),
            (
                "token_audiences = [",
                "token_audiences = [7, ",
                "token_audiences: invalid type: integer `7`",
            ),
            ("kid = ", "d = \"secret\"\nkid = ", "keys[0].d: is part of a secret key"),
            ("kty = \"EC\"", "kty = \"oct\"", "keys[0]: it must be a public key"),
            ("kty = \"EC\"", "kty = \"EC\"\nkey_ops = 7", "keys[0]: "),
            (
                "\"scopes\"",
                "\"scope\"",
                "audiences.\"university.example.org\": unknown variant `scope`",
            ),
            (
                "accounts = [",
                "account = [",
                "audiences.\"staff.university.example.org\": unknown field `account`",
            ),
            (
                "endpoint = \"https",
                "endpoint = \"http",
                "audiences.\"club.university.example.org\".endpoint: must be",
            ),
            (
                "issuer = ",
                "permissions_claim = \"sub\"\nissuer = ",
                "permissions_claim: must be the name of a claim",
            ),
            (
                "issuer = ",
                "jwks_uri = \"https://e/\"\nissuer = ",
                "jwks_uri: keys and jwks_uri exclude each other",
            ),
            ("issuer = ", "issuer ", "FILE:"),
        ] {
            let text = example();
            assert!(text.contains(valid), "{valid}");
            let text = text.replacen(valid, invalid, 1);
            let found = faults(&text);
            let first = found.first().unwrap();
            assert!(
                first.starts_with("FILE:") && found.iter().any(|fault| fault.contains(expected)),
                "{found:?}"
            );
        }
        let text = example().replace("crv = \"P-256\"", "crv = \"P-521\"");
        let line = line_of(&text, "[[keys]]");
        assert!(
            faults(&text)[0].starts_with(&format!("FILE:{line}: keys[0]: ")),
            "{:?}",
            faults(&text)
        );
        let text = example().replace("endpoint = \"https", "endpoint = \"http");
        let line = line_of(&text, "endpoint = \"http:");
        assert!(
            faults(&text)[0].starts_with(&format!("FILE:{line}: audiences.")),
            "{:?}",
            faults(&text)
        );
    }

    #[test]
    fn all_faults_are_reported_at_once_and_each_once() {
        let text = r#"
isuer = "i"
token_audiences = "university.example.org"
permissions_claim = ""

[[keys]]
kid = "one"
kty = "EC"
crv = "P-256"
x = "AAAA"
y = "AAAA"
d = "AAAA"

[[keys]]
kid = "two"
kty = "oct"
k = "AAAA"

[[keys]]
kid = "three"
kty = "OKP"
crv = "Ed25519"
x = "AAAA"

[audiences."a.example.org"]
authorization = "scope"

[audiences."b.example.org"]
authorization = "accounts"
accounts = ["nobody"]

[audiences."c.example.org"]
authorization = "http"
endpoint = "ftp://c.example.org"
"#;
        let found = faults(text);
        let expected = [
            "FILE:1: issuer: is missing",
            "FILE:2: isuer: is unknown",
            "FILE:3: token_audiences: invalid type: string",
            "FILE:4: permissions_claim: must be the name of a claim",
            "FILE:12: keys[0].d: is part of a secret key",
            "FILE:17: keys[1].k: is part of a secret key",
            "FILE:19: keys[2]: its numbers are not a valid public key",
            "FILE:26: audiences.\"a.example.org\": unknown variant `scope`",
            "FILE:30: audiences.\"b.example.org\".accounts: must be <sub>.<aud>",
            "FILE:34: audiences.\"c.example.org\".endpoint: must be an https URL",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}, expected {expected}");
        }
    }

    #[test]
    fn every_syntax_error_is_reported() {
        let found = faults("issuer = \n[[keys]\nkid = 'a\n");
        assert!(found.len() >= 2 && found[0].starts_with("FILE:1: "), "{found:?}");
    }

    #[test]
    fn keys_beside_the_file_take_the_place_of_its_own() {
        let url = GivenKeys {
            source: "https://idp.example.org/keys".to_owned(),
            keys: Keys::Url("https://idp.example.org/keys".to_owned()),
        };
        let found = TenantFile::parse(&example(), "FILE", Some(&url))
            .unwrap_err()
            .to_string();
        assert!(found.contains("keys: --keys takes its place"), "{found}");
        let (head, rest) = example()
            .split_once("[[keys]]")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let text = format!("{head}[audiences.{}", rest.split_once("[audiences.").unwrap().1);
        let file = TenantFile::parse(&text, "FILE", Some(&url)).unwrap();
        assert_eq!(file.jwks_uri.as_deref(), Some("https://idp.example.org/keys"));
        let unfit = GivenKeys {
            source: "KEYS".to_owned(),
            keys: Keys::Set(Vec::new()),
        };
        let found = TenantFile::parse(&text, "FILE", Some(&unfit)).unwrap_err().to_string();
        assert_eq!(found, "KEYS: keys: there must be at least one");
    }
}
