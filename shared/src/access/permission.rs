//! The permissions that a token can list.

/// A permission. A tenant's tokens name it as in [`Permission::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Create chats.
    CreateChats,
    /// Convert rooms into chats.
    ConvertChats,
    /// Read chats.
    ReadChats,
    /// Create events.
    CreateEvents,
    /// Create events that are claims.
    CreateClaims,
}

impl Permission {
    const ALL: [Self; 5] = [
        Self::CreateChats,
        Self::ConvertChats,
        Self::ReadChats,
        Self::CreateEvents,
        Self::CreateClaims,
    ];

    /// Returns its name in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateChats => "chats:create",
            Self::ConvertChats => "chats:convert",
            Self::ReadChats => "chats:read",
            Self::CreateEvents => "events:create",
            Self::CreateClaims => "claims:create",
        }
    }

    /// Returns the permission with this name. `None` if it has no meaning here.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}
