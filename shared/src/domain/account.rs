//! The tenant. Every resource belongs to exactly one account, and no path ever names it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An account's id: `[a-z0-9]{1,32}`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Account(String);

impl Account {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not an account's id.
#[derive(Debug, thiserror::Error)]
#[error("is not an account: 1 to 32 of a-z and 0-9")]
pub struct InvalidAccount;

impl TryFrom<String> for Account {
    type Error = InvalidAccount;

    fn try_from(text: String) -> Result<Self, InvalidAccount> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        fits.then_some(Self(text)).ok_or(InvalidAccount)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user may do in their account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and changes keys and channels.
    Admin,
    /// Reads them.
    Member,
}

/// The text is not a role.
#[derive(Debug, thiserror::Error)]
#[error("is not a role: admin or member")]
pub struct InvalidRole;

impl TryFrom<String> for Role {
    type Error = InvalidRole;

    fn try_from(text: String) -> Result<Self, InvalidRole> {
        match text.as_str() {
            "admin" => Ok(Self::Admin),
            "member" => Ok(Self::Member),
            _ => Err(InvalidRole),
        }
    }
}

/// The user who made a change, by the user pool's subject. Never by email address, which identity providers share.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// The user pool's `sub`.
    pub id: String,
    /// The display name.
    pub name: String,
}
