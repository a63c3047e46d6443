//! Things as the API shows them. What is not named here is never shown.

use serde::Serialize;

use crate::domain::account::Author;
use crate::domain::channel::{Channel, Slug};
use crate::domain::history::{Action, Changes, Event};
use crate::domain::key::{DAYS_OF_USAGE, Key, KeyId, KeyName, Limits, Status};
use crate::domain::permission::Permissions;
use crate::domain::push::{Counts, Progress, Push, PushId, ShownAudience};
use crate::domain::secret::Secret;
use crate::domain::time::{Timestamp, date};

/// A key without its secret.
#[derive(Serialize)]
pub struct ShownKey<'a> {
    id: &'a KeyId,
    name: &'a KeyName,
    hint: &'a str,
    permissions: &'a Permissions,
    scope: &'static str,
    channels: Vec<&'a Slug>,
    status: Status,
    expires_at: Option<Timestamp>,
    limits: Limits,
    created_at: Timestamp,
    created_by: &'a Author,
    updated_at: Timestamp,
    last_used_at: Option<Timestamp>,
    usage: ShownUsage,
    rotation: Option<ShownRotation<'a>>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the API's own words")]
struct ShownRotation<'a> {
    old_hint: &'a str,
    old_valid_until: Timestamp,
    old_last_used_at: Option<Timestamp>,
}

/// A key with its secret, for the one answer that shows it.
#[derive(Serialize)]
pub struct Issued<'a> {
    secret: &'a str,
    key: ShownKey<'a>,
}

#[derive(Serialize)]
struct ShownUsage {
    total: u64,
    days: Vec<DayOfUsage>,
}

#[derive(Serialize)]
struct DayOfUsage {
    date: String,
    count: u64,
}

/// A key as it is shown now: its usage ends with today.
pub fn key(key: &Key, now: Timestamp) -> ShownKey<'_> {
    let used = |day: i64| DayOfUsage { date: date(day), count: key.usage.days.get(&day).copied().unwrap_or(0) };
    let days = (0..DAYS_OF_USAGE).map(|ago| used(now.day() - ago)).collect();

    ShownKey {
        id: &key.id,
        name: &key.name,
        hint: &key.hint,
        permissions: &key.permissions,
        scope: key.scope.name(),
        channels: key.scope.channels().keys().collect(),
        status: key.status,
        expires_at: key.expires_at,
        limits: key.limits,
        created_at: key.created_at,
        created_by: &key.created_by,
        updated_at: key.updated_at,
        last_used_at: key.last_used_at,
        usage: ShownUsage { total: key.usage.total, days },
        rotation: key.rotation(now).map(|old| ShownRotation {
            old_hint: &old.hint,
            old_valid_until: old.valid_until,
            old_last_used_at: old.last_used_at,
        }),
    }
}

/// A key that was just given this secret.
pub fn issued<'a>(secret: &'a Secret, key: &'a Key, now: Timestamp) -> Issued<'a> {
    Issued { secret: secret.expose(), key: self::key(key, now) }
}

/// One thing that happened to a key.
#[derive(Serialize)]
pub struct ShownEvent<'a> {
    at: Timestamp,
    by: &'a Author,
    action: Action,
    changes: &'a Changes,
}

/// An event as it is shown.
pub fn event(event: &Event) -> ShownEvent<'_> {
    ShownEvent { at: event.at, by: &event.by, action: event.action, changes: &event.changes }
}

/// A channel.
#[derive(Serialize)]
pub struct ShownChannel<'a> {
    slug: &'a Slug,
    created_at: Timestamp,
    created_by: &'a Author,
    subscriptions: u64,
}

/// A channel as it is shown; its id is nobody's business.
pub fn channel(channel: &Channel) -> ShownChannel<'_> {
    ShownChannel {
        slug: &channel.slug,
        created_at: channel.created_at,
        created_by: &channel.created_by,
        subscriptions: channel.subscriptions,
    }
}

/// A push and what became of it.
#[derive(Serialize)]
pub struct ShownPush<'a> {
    id: &'a PushId,
    status: Progress,
    audience: ShownAudience<'a>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    counts: Counts,
}

/// A push as it is shown, without its content.
pub fn push(push: &Push) -> ShownPush<'_> {
    ShownPush {
        id: &push.id,
        status: push.progress,
        audience: push.audience.shown(),
        created_at: push.created_at,
        finished_at: push.finished_at,
        counts: push.counts,
    }
}
