//! The record of an API key, and the one judgement over it: whether a request may pass.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::{Account, Author};
use crate::domain::channel::{Slug, Slugs};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::random;
use crate::domain::scope::{self, Scope};
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::time::Timestamp;

/// How many days of usage a key shows.
pub const DAYS_OF_USAGE: i64 = 30;

/// At most so many channels per key.
pub const MOST_CHANNELS: usize = 50;

/// A rotated secret works at most so many seconds longer: 7 days.
const LONGEST_OVERLAP: u32 = 604_800;

/// A key's id: a ULID, so that ids sort by their creation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyId(String);

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

/// The text is not an id.
#[derive(Debug, thiserror::Error)]
#[error("is not an id: 26 characters of a ULID")]
pub struct NotAnId;

impl TryFrom<String> for KeyId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        random::is_ulid(&text).then_some(Self(text)).ok_or(NotAnId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key's name: 1 to 100 Unicode scalar values, not only white space, nothing that hides or reorders text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name as it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

/// Why a text is not a name.
#[derive(Debug, thiserror::Error)]
pub enum NotAName {
    /// Empty, or too long.
    #[error("has 1 to 100 characters")]
    Length,
    /// Nothing to see.
    #[error("is not only white space")]
    Blank,
    /// Control characters, or such that reorder what is shown.
    #[error("has no control or bidirectional-override characters")]
    Hidden,
}

impl TryFrom<String> for KeyName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        if !(1..=100).contains(&text.chars().count()) {
            return Err(NotAName::Length);
        }
        if text.chars().any(hides) {
            return Err(NotAName::Hidden);
        }
        if text.chars().all(char::is_whitespace) {
            return Err(NotAName::Blank);
        }
        Ok(Self(text))
    }
}

/// Whether a character shows nothing, or reorders what is shown.
pub fn hides(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a key works at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Active,
    /// It is refused until somebody makes it active again.
    Inactive,
}

impl Status {
    /// The word that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

impl TryFrom<String> for Status {
    type Error = NotAStatus;

    fn try_from(text: String) -> Result<Self, NotAStatus> {
        [Self::Active, Self::Inactive].into_iter().find(|s| s.name() == text).ok_or(NotAStatus)
    }
}

/// The text is not a status.
#[derive(Debug, thiserror::Error)]
#[error("is not a status: active or inactive")]
pub struct NotAStatus;

/// How often a key may be used; `None` is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Limits {
    /// Per minute of the clock.
    pub per_minute: Option<u32>,
    /// Per UTC day.
    pub per_day: Option<u32>,
}

/// One of a key's limits, and how much of it is left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quota {
    /// Over what time it counts.
    pub period: Period,
    /// So many uses in all.
    pub limit: u32,
    /// So many are left.
    pub left: u32,
    /// Seconds until it is whole again, at least 1.
    pub resets_in: i64,
}

/// The time over which a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// A UTC day.
    Day,
}

impl Period {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }

    /// How long it is.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::Day => 86_400,
        }
    }
}

/// How often a key was used: one for each request that was let through.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Since the key was made.
    pub total: u64,
    /// By the number of the UTC day.
    pub days: BTreeMap<i64, u64>,
    /// By the number of the minute; only the last ones are kept.
    pub minutes: BTreeMap<i64, u64>,
}

/// A key as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Whose it is.
    pub account: Account,
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: KeyName,
    /// SHA-256 of its secret.
    pub hash: SecretHash,
    /// The last 4 random characters of its secret.
    pub hint: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whom it may reach.
    pub scope: Scope,
    /// Whether it works at all.
    pub status: Status,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used.
    pub limits: Limits,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Author,
    /// When somebody last changed it.
    pub updated_at: Timestamp,
    /// When it was last let through.
    pub last_used_at: Option<Timestamp>,
    /// How often it was let through.
    pub usage: Usage,
    /// The secret that a rotation replaced.
    pub old_secret: Option<OldSecret>,
    /// Changes with every edit, so that an edit of what has changed meanwhile is noticed.
    pub revision: String,
}

/// The secret that a key had before its rotation. It works beside the new one until its time is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldSecret {
    /// SHA-256 of it.
    pub hash: SecretHash,
    /// The last 4 of its random characters.
    pub hint: String,
    /// When it ends.
    pub valid_until: Timestamp,
    /// When it was last let through since the rotation.
    pub last_used_at: Option<Timestamp>,
}

/// How long an old secret works beside the new one: 0 to 604,800 seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overlap(u32);

impl Overlap {
    /// The seconds.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

/// The number is not an overlap.
#[derive(Debug, thiserror::Error)]
#[error("is not a whole number from 0 to {LONGEST_OVERLAP}")]
pub struct NotAnOverlap;

impl TryFrom<u64> for Overlap {
    type Error = NotAnOverlap;

    fn try_from(seconds: u64) -> Result<Self, NotAnOverlap> {
        u32::try_from(seconds).ok().filter(|seconds| *seconds <= LONGEST_OVERLAP).map(Self).ok_or(NotAnOverlap)
    }
}

/// Which of a key's secrets a request brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// The one that was issued last.
    Current,
    /// The one before, whose time is not over.
    Old,
}

/// What a request asks of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The permission that the route needs.
    pub permission: Permission,
    /// What it wants to reach.
    pub reach: AskedReach,
}

/// What a request wants to reach, as far as the authorizer can see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AskedReach {
    /// The channel in the path.
    Channel(Slug),
    /// Whom the body names: only the handler can see it. The key must reach somebody.
    InBody,
    /// The route reaches nobody, or its channel is not a slug, which the handler will say.
    Nobody,
}

/// Why a key that exists is refused, in the order in which it is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The secret is not the key's.
    WrongSecret,
    /// Somebody switched it off.
    Inactive,
    /// Its time is over.
    Expired,
    /// It has not the permission that the route needs.
    PermissionDenied(Permission),
    /// It does not reach what was asked for.
    Scope(scope::Refusal),
    /// It was used as often as it may be.
    RateLimited {
        /// Seconds until it may be used again, at least 1.
        retry_after: i64,
    },
}

impl Key {
    /// Whether a request with this secret may pass now, and which of the key's secrets it is. The store's conditional write
    /// checks the same, in one atomic step; this says why it did not.
    pub fn judge(&self, secret: &SecretHash, ask: &Ask, now: Timestamp) -> Result<Which, Refusal> {
        let which = self.which(secret, now).ok_or(Refusal::WrongSecret)?;
        if self.status == Status::Inactive {
            return Err(Refusal::Inactive);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Refusal::Expired);
        }
        if !self.permissions.contains(&ask.permission) {
            return Err(Refusal::PermissionDenied(ask.permission));
        }
        match &ask.reach {
            AskedReach::Channel(slug) => {
                scope::decide(&self.scope, Some(&Slugs::from([slug.clone()]))).map_err(Refusal::Scope)?;
            }
            AskedReach::InBody => {
                scope::decide(&self.scope, None).map_err(Refusal::Scope)?;
            }
            AskedReach::Nobody => {}
        }
        self.within_limits(now)?;
        Ok(which)
    }

    /// The key with this secret in the place of its own, which works as long as the overlap lasts. Whatever secret an earlier
    /// rotation had left ends here.
    #[must_use]
    pub fn rotated(&self, secret: &Secret, overlap: Overlap, revision: String, now: Timestamp) -> Self {
        let old = OldSecret {
            hash: self.hash.clone(),
            hint: self.hint.clone(),
            valid_until: now.plus_seconds(overlap.seconds().into()),
            last_used_at: None,
        };
        Self {
            hash: secret.hash(),
            hint: secret.hint(),
            old_secret: (overlap.seconds() > 0).then_some(old),
            updated_at: now,
            revision,
            ..self.clone()
        }
    }

    fn which(&self, secret: &SecretHash, now: Timestamp) -> Option<Which> {
        if *secret == self.hash {
            return Some(Which::Current);
        }
        self.rotation(now).is_some_and(|old| old.hash == *secret).then_some(Which::Old)
    }

    /// The secret before the current one, as long as it works.
    pub fn rotation(&self, now: Timestamp) -> Option<&OldSecret> {
        self.old_secret.as_ref().filter(|old| old.valid_until > now)
    }

    /// The key's limits, the one first that holds longest, and what is left of them.
    pub fn quotas(&self, now: Timestamp) -> Vec<Quota> {
        let quota = |period, limit: Option<u32>, counts: &BTreeMap<i64, u64>, at, resets_in| {
            let used = counts.get(&at).copied().unwrap_or(0);
            let left = |limit: u32| u32::try_from(u64::from(limit).saturating_sub(used)).unwrap_or(limit);
            limit.map(|limit| Quota { period, limit, left: left(limit), resets_in })
        };
        let day = (Period::Day, self.limits.per_day, &self.usage.days, now.day(), now.seconds_left_in_day());
        let minute =
            (Period::Minute, self.limits.per_minute, &self.usage.minutes, now.minute(), now.seconds_left_in_minute());
        let quotas = [day, minute].map(|(period, limit, counts, at, left)| quota(period, limit, counts, at, left));
        quotas.into_iter().flatten().collect()
    }

    fn within_limits(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.quotas(now).iter().find(|quota| quota.left == 0) {
            Some(quota) => Err(Refusal::RateLimited { retry_after: quota.resets_in }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_100_visible_characters() {
        for good in ["W", "Webshop integration", "Übung ✓", "日本語", &"ß".repeat(100)] {
            assert_eq!(KeyName::try_from(good.to_owned()).expect(good).as_str(), good);
        }
        for bad in
            ["", " ", "\u{3000}\u{a0}", "a\nb", "a\u{0}", "a\u{7f}", "a\u{202e}b", "a\u{2066}b", &"ß".repeat(101)]
        {
            assert!(KeyName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
