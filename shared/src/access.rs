//! Who calls. Until tenants authenticate (design, section 5) everybody is let in as one fixed account; this module is the one
//! place that says so.

/// The account that a request acts for, `<label>.<audience>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account(String);

impl Account {
    /// The text, for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The account of whoever sent a request.
pub fn authenticate() -> Account {
    Account("everybody.example.org".to_owned())
}
