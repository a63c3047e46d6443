//! The fields of a key in a body, read the same way when it is made and when it is changed.

use serde_json::Value;

use crate::domain::channel::{Slug, Slugs};
use crate::domain::key::{Limits, MOST_CHANNELS};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::time::Timestamp;
use crate::http::json_body::{Fields, Flawed, text, whole_number};

/// `scope` as it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// Every recipient of the account.
    All,
    /// The channels that are named.
    Channels,
}

/// The text is not a scope.
#[derive(Debug, thiserror::Error)]
#[error("is not a scope: all or channels")]
pub struct NotAScope;

impl TryFrom<String> for ScopeKind {
    type Error = NotAScope;

    fn try_from(text: String) -> Result<Self, NotAScope> {
        match text.as_str() {
            "all" => Ok(Self::All),
            "channels" => Ok(Self::Channels),
            _ => Err(NotAScope),
        }
    }
}

/// `permissions`: at least one.
pub fn permissions(fields: &mut Fields) -> Result<Option<Permissions>, Flawed> {
    Ok(fields.list("permissions", 1..=2, text::<Permission>)?.map(Permissions::from_iter))
}

/// `channels`: at least one. An empty list would reach nobody, and must not be mistaken for everyone.
pub fn channels(fields: &mut Fields) -> Result<Option<Slugs>, Flawed> {
    Ok(fields.list("channels", 1..=MOST_CHANNELS, text::<Slug>)?.map(Slugs::from_iter))
}

/// `expires_at`: a moment to come, or `null` for none.
pub fn expires_at(fields: &mut Fields, now: Timestamp) -> Result<Option<Option<Timestamp>>, Flawed> {
    fields.nullable("expires_at", |value| {
        let moment: Timestamp = text(value)?;
        if moment > now { Ok(moment) } else { Err("is not in the future".to_owned()) }
    })
}

/// What of the limits is to change; `None` stays as it is, `Some(None)` is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LimitChanges {
    per_minute: Option<Option<u32>>,
    per_day: Option<Option<u32>>,
}

impl LimitChanges {
    /// The limits afterwards.
    pub fn applied_to(self, before: Limits) -> Limits {
        Limits {
            per_minute: self.per_minute.unwrap_or(before.per_minute),
            per_day: self.per_day.unwrap_or(before.per_day),
        }
    }
}

/// `limits`: each a number from 1, or `null` for none.
pub fn limits(fields: &mut Fields) -> Result<LimitChanges, Flawed> {
    let changes = fields.object("limits", |limits| {
        let per_minute = limits.nullable("per_minute", limit);
        let per_day = limits.nullable("per_day", limit);
        Ok(LimitChanges { per_minute: per_minute?, per_day: per_day? })
    });
    Ok(changes?.unwrap_or_default())
}

fn limit(value: Value) -> Result<u32, String> {
    let limit = whole_number(&value).and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0);
    limit.ok_or_else(|| format!("is not a whole number from 1 to {}", u32::MAX))
}
