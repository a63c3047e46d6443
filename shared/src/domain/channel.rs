//! A channel is a named set of subscriptions. Its slug is its name; its id is what memberships and keys hang on, so that
//! a slug made again is another channel.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::Author;
use crate::domain::random;
use crate::domain::time::Timestamp;

/// A channel's name, `[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?`, compared byte for byte and never normalised.
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
pub struct NotASlug;

impl TryFrom<String> for Slug {
    type Error = NotASlug;

    fn try_from(text: String) -> Result<Self, NotASlug> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        fits.then_some(Self(text)).ok_or(NotASlug)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a channel is, whatever its slug: 10 random base62 characters, short because every key repeats it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChannelId(String);

impl ChannelId {
    /// A new id.
    pub fn generate() -> Self {
        Self(random::base62(10))
    }

    /// An id as it was stored.
    pub fn stored(text: String) -> Self {
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

/// Slugs in one line, separated by spaces: a form that needs no quoting in any answer.
pub fn in_words<'a>(slugs: impl IntoIterator<Item = &'a Slug>) -> String {
    slugs.into_iter().map(Slug::as_str).collect::<Vec<_>>().join(" ")
}

/// A channel as it is kept.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name.
    pub slug: Slug,
    /// What it is, whatever its name.
    pub id: ChannelId,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Author,
    /// About how many subscriptions are in it; counted apart from the memberships, so a lost count is possible.
    pub subscriptions: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_taken_byte_for_byte_or_not_at_all() {
        let longest = "a".repeat(64);
        for good in ["a", "0", "ops", "a-b", "a--b", "test-devices", &longest] {
            assert_eq!(Slug::try_from(good.to_owned()).expect(good).as_str(), good);
        }
        let too_long = "a".repeat(65);
        for bad in ["", "-", "-a", "a-", "Ops", "a_b", "a b", " ops", "ops\n", "öps", "a/b", "%6Fps", "оps", &too_long]
        {
            assert!(Slug::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
