//! The ids of keys, pushes and audit events: ULIDs, which sort by the time at which they were generated.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::random;
use crate::domain::time::Timestamp;

/// The text is not a ULID in its canonical form.
#[derive(Debug, thiserror::Error)]
#[error("is not an id: 26 characters of a ULID")]
pub struct InvalidId;

/// A key's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyId(String);

/// A push's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PushId(String);

/// An audit event's id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventId(String);

impl KeyId {
    /// A new id.
    pub fn generate(now: Timestamp) -> Self {
        Self(random::ulid(now))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PushId {
    /// A new id.
    pub fn generate(now: Timestamp) -> Self {
        Self(random::ulid(now))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventId {
    /// A new id.
    pub fn generate(now: Timestamp) -> Self {
        Self(random::ulid(now))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl TryFrom<String> for PushId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl TryFrom<String> for EventId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse(text: String) -> Result<String, InvalidId> {
    if random::is_ulid(&text) { Ok(text) } else { Err(InvalidId) }
}
