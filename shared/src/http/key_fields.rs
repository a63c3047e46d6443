//! The fields of a key in a request body, parsed the same way by `POST /keys` and `PATCH /keys/{id}`.

use serde_json::Value;

use super::json_body::{InvalidField, JsonBody, as_integer, parsed};
use crate::domain::channel::{Slug, Slugs};
use crate::domain::key::{Key, MAX_CHANNELS};
use crate::domain::limits::Limits;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::time::Timestamp;

/// The value of `scope`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// Every recipient of the account.
    All,
    /// The channels of `channels`.
    Channels,
}

/// The text is not a scope.
#[derive(Debug, thiserror::Error)]
#[error("is not a scope: all or channels")]
pub struct InvalidScope;

impl TryFrom<String> for ScopeKind {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, InvalidScope> {
        match text.as_str() {
            "all" => Ok(Self::All),
            "channels" => Ok(Self::Channels),
            _ => Err(InvalidScope),
        }
    }
}

/// `permissions`: at least one.
pub fn permissions(body: &mut JsonBody) -> Result<Option<Permissions>, InvalidField> {
    let length = 1..=Permission::ALL.len();
    Ok(body.list("permissions", length, parsed::<Permission>)?.map(Permissions::from_iter))
}

/// `channels`: at least one. An empty list would reach no recipient, and must not be taken for all of them.
pub fn channels(body: &mut JsonBody) -> Result<Option<Slugs>, InvalidField> {
    Ok(body.list("channels", 1..=MAX_CHANNELS, parsed::<Slug>)?.map(Slugs::from_iter))
}

/// The optional fields that a new key and an edit have in common; `None` is absent.
#[derive(Clone, Copy, Default, Debug)]
pub struct KeyOptions {
    expires_at: Option<Option<Timestamp>>,
    limits: LimitChanges,
}

impl KeyOptions {
    /// Parses the fields, each into its error or its value.
    pub fn parse(body: &mut JsonBody, now: Timestamp) -> Result<Self, InvalidField> {
        let expires_at = body.nullable("expires_at", |value| {
            let timestamp: Timestamp = parsed(value)?;
            if timestamp > now { Ok(timestamp) } else { Err("is not in the future".to_owned()) }
        });
        let limits = limits(body);

        Ok(Self { expires_at: expires_at?, limits: limits? })
    }

    /// The key with the fields that are present.
    #[must_use]
    pub fn applied_to(self, key: Key) -> Key {
        Key { expires_at: self.expires_at.unwrap_or(key.expires_at), limits: self.limits.applied_to(key.limits), ..key }
    }
}

/// Changes of the limits; `None` is absent, `Some(None)` removes the limit.
#[derive(Clone, Copy, Default, Debug)]
struct LimitChanges {
    per_minute: Option<Option<u32>>,
    per_day: Option<Option<u32>>,
}

impl LimitChanges {
    fn applied_to(self, before: Limits) -> Limits {
        Limits {
            per_minute: self.per_minute.unwrap_or(before.per_minute),
            per_day: self.per_day.unwrap_or(before.per_day),
        }
    }
}

/// `limits`: each a number from 1, or `null` for none.
fn limits(body: &mut JsonBody) -> Result<LimitChanges, InvalidField> {
    let changes = body.object("limits", |limits| {
        let per_minute = limits.nullable("per_minute", limit);
        let per_day = limits.nullable("per_day", limit);
        Ok(LimitChanges { per_minute: per_minute?, per_day: per_day? })
    });
    Ok(changes?.unwrap_or_default())
}

fn limit(value: Value) -> Result<u32, String> {
    let limit = as_integer(&value).and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0);
    limit.ok_or_else(|| format!("is not a whole number from 1 to {}", u32::MAX))
}
