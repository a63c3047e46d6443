//! The record of an API key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::account::{Account, Actor};
use crate::domain::id::KeyId;
use crate::domain::limits::{Limits, Period, Quota, Usage};
use crate::domain::permission::Permissions;
use crate::domain::random;
use crate::domain::scope::Scope;
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::text::{self, InvalidText};
use crate::domain::time::Timestamp;

/// The maximum number of channels in a key's scope.
pub const MAX_CHANNELS: usize = 50;

/// The longest overlap after a rotation, in seconds (7 days).
const MAX_OVERLAP: u32 = 604_800;

/// A key's name: 1 to 100 Unicode scalar values, something visible, without hidden characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// Why a text is not a key's name.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeyName {
    /// Empty, or too long.
    #[error("has 1 to 100 characters")]
    Length,
    /// Not shown as it is.
    #[error(transparent)]
    Text(#[from] InvalidText),
}

impl TryFrom<String> for KeyName {
    type Error = InvalidKeyName;

    fn try_from(text: String) -> Result<Self, InvalidKeyName> {
        if !(1..=100).contains(&text.chars().count()) {
            return Err(InvalidKeyName::Length);
        }
        text::check_name(&text)?;
        Ok(Self(text))
    }
}

/// Whether a key can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Requests are evaluated.
    Active,
    /// Every request is denied until an admin activates the key.
    Inactive,
}

impl Status {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// The text is not a status.
#[derive(Debug, thiserror::Error)]
#[error("is not a status: active or inactive")]
pub struct InvalidStatus;

impl TryFrom<String> for Status {
    type Error = InvalidStatus;

    fn try_from(text: String) -> Result<Self, InvalidStatus> {
        [Self::Active, Self::Inactive].into_iter().find(|status| status.name() == text).ok_or(InvalidStatus)
    }
}

/// A key as others refer to it: by its id, and by the name that it had then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyReference {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: KeyName,
}

/// An API key as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The account that owns it.
    pub account: Account,
    /// Its id.
    pub id: KeyId,
    /// The name that its admins gave it.
    pub name: KeyName,
    /// SHA-256 of its secret.
    pub hash: SecretHash,
    /// The last 4 random characters of its secret.
    pub hint: String,
    /// The actions that it may perform.
    pub permissions: Permissions,
    /// The channels that it may reach.
    pub scope: Scope,
    /// Whether it can be used.
    pub status: Status,
    /// The time from which on it is denied.
    pub expires_at: Option<Timestamp>,
    /// Its rate limits.
    pub limits: Limits,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The admin who created it.
    pub created_by: Actor,
    /// The time of its last edit.
    pub updated_at: Timestamp,
    /// The time of the last allowed request.
    pub last_used_at: Option<Timestamp>,
    /// The number of allowed requests.
    pub usage: Usage,
    /// The secret that a rotation with an overlap replaced.
    pub previous_secret: Option<PreviousSecret>,
    /// A random value that changes with every edit, so that concurrent edits are detected.
    pub revision: String,
}

/// The secret that a rotation replaced. It works beside the current one during the overlap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreviousSecret {
    /// SHA-256 of it.
    pub hash: SecretHash,
    /// The last 4 of its random characters.
    pub hint: String,
    /// The end of the overlap.
    pub valid_until: Timestamp,
    /// The time of the last allowed request with it since that rotation.
    pub last_used_at: Option<Timestamp>,
}

/// How long the previous secret works beside the new one: 0 to 604,800 seconds.
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
#[error("is not a whole number from 0 to {MAX_OVERLAP}")]
pub struct InvalidOverlap;

impl TryFrom<u64> for Overlap {
    type Error = InvalidOverlap;

    fn try_from(seconds: u64) -> Result<Self, InvalidOverlap> {
        u32::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_OVERLAP).map(Self).ok_or(InvalidOverlap)
    }
}

impl Key {
    /// Its id and its name.
    pub fn reference(&self) -> KeyReference {
        KeyReference { id: self.id.clone(), name: self.name.clone() }
    }

    /// A new, active key of this secret, without an expiry and without limits.
    pub fn new(
        secret: &Secret,
        name: KeyName,
        permissions: Permissions,
        scope: Scope,
        created_by: Actor,
        now: Timestamp,
    ) -> Self {
        Self {
            account: secret.account().clone(),
            id: secret.key().clone(),
            name,
            hash: secret.hash(),
            hint: secret.hint(),
            permissions,
            scope,
            status: Status::Active,
            expires_at: None,
            limits: Limits::default(),
            created_at: now,
            created_by,
            updated_at: now,
            last_used_at: None,
            usage: Usage::default(),
            previous_secret: None,
            revision: new_revision(),
        }
    }

    /// The key with a new secret. The current secret works until the overlap ends; an earlier previous secret ends now.
    #[must_use]
    pub fn rotated(&self, secret: &Secret, overlap: Overlap, now: Timestamp) -> Self {
        let previous = PreviousSecret {
            hash: self.hash.clone(),
            hint: self.hint.clone(),
            valid_until: now.plus_seconds(overlap.seconds().into()),
            last_used_at: None,
        };
        Self {
            hash: secret.hash(),
            hint: secret.hint(),
            previous_secret: (overlap.seconds() > 0).then_some(previous),
            ..self.edited(now)
        }
    }

    /// The key with a new secret in place of the current one, which ends now. A previous secret keeps its own end.
    #[must_use]
    pub fn with_replaced_secret(&self, secret: &Secret, now: Timestamp) -> Self {
        Self { hash: secret.hash(), hint: secret.hint(), ..self.edited(now) }
    }

    /// The key as an edit at this time starts from it: with a new revision.
    #[must_use]
    pub fn edited(&self, now: Timestamp) -> Self {
        Self { updated_at: now, revision: new_revision(), ..self.clone() }
    }

    /// The fields whose changes the history shows, by their names in the API. The pattern names every field of a key, so that
    /// a new one cannot be forgotten here.
    pub fn audited_fields(&self) -> BTreeMap<&'static str, Value> {
        let Self {
            name,
            hint,
            permissions,
            scope,
            status,
            expires_at,
            limits,
            // Identity, secrets, usage and the edit's own marks.
            account: _,
            id: _,
            hash: _,
            previous_secret: _,
            created_at: _,
            created_by: _,
            updated_at: _,
            revision: _,
            last_used_at: _,
            usage: _,
        } = self;
        let channels: Vec<_> = scope.channels().keys().collect();

        BTreeMap::from([
            ("name", json!(name)),
            ("hint", json!(hint)),
            ("permissions", json!(permissions)),
            ("scope", json!(scope.name())),
            ("channels", json!(channels)),
            ("status", json!(status)),
            ("expires_at", json!(expires_at)),
            ("limits", json!(limits)),
        ])
    }

    /// The previous secret, during its overlap.
    pub fn active_previous_secret(&self, now: Timestamp) -> Option<&PreviousSecret> {
        self.previous_secret.as_ref().filter(|previous| previous.valid_until > now)
    }

    /// The key's limits, the longest period first, and what is left of them.
    pub fn quotas(&self, now: Timestamp) -> Vec<Quota> {
        let quota = |period, limit: Option<u32>, counts: &BTreeMap<i64, u64>, at, resets_in| {
            let used = counts.get(&at).copied().unwrap_or(0);
            let left = |limit: u32| u32::try_from(u64::from(limit).saturating_sub(used)).unwrap_or(limit);
            limit.map(|limit| Quota { period, limit, left: left(limit), resets_in })
        };
        let Limits { per_minute, per_day } = self.limits;
        let day = quota(Period::Day, per_day, &self.usage.days, now.day(), now.seconds_left_in_day());
        let minute = quota(Period::Minute, per_minute, &self.usage.minutes, now.minute(), now.seconds_left_in_minute());

        [day, minute].into_iter().flatten().collect()
    }
}

fn new_revision() -> String {
    random::base62(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_100_visible_characters() {
        for valid in ["W", "Webshop integration", "Übung ✓", "日本語", &"ß".repeat(100)] {
            assert_eq!(KeyName::try_from(valid.to_owned()).expect(valid).as_str(), valid);
        }
        for invalid in
            ["", " ", "\u{3000}\u{a0}", "a\nb", "a\u{0}", "a\u{7f}", "a\u{202e}b", "a\u{2066}b", &"ß".repeat(101)]
        {
            assert!(KeyName::try_from(invalid.to_owned()).is_err(), "{invalid:?}");
        }
    }
}
