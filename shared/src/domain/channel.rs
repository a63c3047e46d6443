//! A channel: a named set of subscriptions. Memberships and keys refer to its id, so a deleted and recreated channel of
//! the same slug is a new channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::Actor;
use crate::domain::random;
use crate::domain::time::Timestamp;

/// A channel's name, `[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?`, compared byte for byte and never normalized.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Slug(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a channel's slug.
#[derive(Debug, thiserror::Error)]
#[error("is not a channel slug: 1 to 64 of a-z, 0-9 and -, not beginning or ending with -")]
pub struct InvalidSlug;

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;

    fn try_from(text: String) -> Result<Self, InvalidSlug> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        fits.then_some(Self(text)).ok_or(InvalidSlug)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel's stable id: 10 random base62 characters, short because every key of the channel stores it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelId(String);

impl ChannelId {
    /// A new id.
    pub fn generate() -> Self {
        Self(random::base62(10))
    }

    /// An id as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Slugs, each once, sorted.
pub type Slugs = BTreeSet<Slug>;

/// Channels by slug, each with the id that it had when it was looked up.
pub type Channels = BTreeMap<Slug, ChannelId>;

/// Joins slugs with spaces, a form that needs no quoting in any response.
pub fn join_slugs<'a>(slugs: impl IntoIterator<Item = &'a Slug>) -> String {
    slugs.into_iter().map(Slug::as_str).collect::<Vec<_>>().join(" ")
}

/// A channel as it is stored.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name.
    pub slug: Slug,
    /// Its stable id.
    pub id: ChannelId,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The admin who created it.
    pub created_by: Actor,
    /// The number of keys that have it in their scope.
    pub keys: u64,
    /// The approximate number of its subscriptions: it is counted apart from the memberships, so a count can be lost.
    pub subscriptions: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_accepted_byte_for_byte_or_rejected() {
        let longest = "a".repeat(64);
        for valid in ["a", "0", "ops", "a-b", "a--b", "test-devices", &longest] {
            assert_eq!(Slug::try_from(valid.to_owned()).expect(valid).as_str(), valid);
        }
        let too_long = "a".repeat(65);
        for invalid in
            ["", "-", "-a", "a-", "Ops", "a_b", "a b", " ops", "ops\n", "öps", "a/b", "%6Fps", "оps", &too_long]
        {
            assert!(Slug::try_from(invalid.to_owned()).is_err(), "{invalid}");
        }
    }
}
