//! The JSON of resources in responses. A field that is not here is never shown.

use serde::Serialize;

use super::precondition;
use crate::domain::account::Actor;
use crate::domain::audience::Audience;
use crate::domain::channel::{Channel, Slug};
use crate::domain::history::{AccountEvent, Action, AuditEvent, Changes};
use crate::domain::id::{KeyId, PushId};
use crate::domain::key::{Key, KeyName, KeyReference, Status};
use crate::domain::limits::{DAYS_OF_USAGE, Limits};
use crate::domain::permission::Permissions;
use crate::domain::push::{DeliveryCounts, Push, PushStatus};
use crate::domain::secret::Secret;
use crate::domain::time::{Timestamp, date};

/// A key, without its secret.
#[derive(Serialize)]
pub struct KeyView<'a> {
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
    created_by: &'a Actor,
    updated_at: Timestamp,
    etag: String,
    last_used_at: Option<Timestamp>,
    usage: UsageView,
    rotation: Option<RotationView<'a>>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "names of the API")]
struct RotationView<'a> {
    old_hint: &'a str,
    old_valid_until: Timestamp,
    old_last_used_at: Option<Timestamp>,
}

/// A key with its secret, for the one response that shows it.
#[derive(Serialize)]
pub struct KeyWithSecret<'a> {
    secret: &'a str,
    key: KeyView<'a>,
}

#[derive(Serialize)]
struct UsageView {
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<Vec<DayOfUsage>>,
}

#[derive(Serialize)]
struct DayOfUsage {
    date: String,
    count: u64,
}

impl KeyView<'_> {
    /// The same view with the total of its usage alone.
    #[must_use]
    pub fn without_days(mut self) -> Self {
        self.usage.days = None;
        self
    }
}

/// The view of a key, whose usage ends with today.
pub fn key(key: &Key, now: Timestamp) -> KeyView<'_> {
    let used = |day: i64| DayOfUsage { date: date(day), count: key.usage.days.get(&day).copied().unwrap_or(0) };
    let days = (0..DAYS_OF_USAGE).map(|ago| used(now.day() - ago)).collect();

    KeyView {
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
        etag: precondition::tag(&key.revision),
        last_used_at: key.last_used_at,
        usage: UsageView { total: key.usage.total, days: Some(days) },
        rotation: key.active_previous_secret(now).map(|previous| RotationView {
            old_hint: &previous.hint,
            old_valid_until: previous.valid_until,
            old_last_used_at: previous.last_used_at,
        }),
    }
}

/// The view of a key that was just given this secret.
pub fn with_secret<'a>(secret: &'a Secret, key: &'a Key, now: Timestamp) -> KeyWithSecret<'a> {
    KeyWithSecret { secret: secret.expose(), key: self::key(key, now) }
}

/// An audit event.
#[derive(Serialize)]
pub struct AuditEventView<'a> {
    at: Timestamp,
    by: &'a Actor,
    action: Action,
    changes: &'a Changes,
}

/// The view of an audit event.
pub fn event(event: &AuditEvent) -> AuditEventView<'_> {
    AuditEventView { at: event.at, by: &event.by, action: event.action, changes: &event.changes }
}

/// An event of an account.
#[derive(Serialize)]
pub struct AccountEventView<'a> {
    key: &'a KeyReference,
    #[serde(flatten)]
    event: AuditEventView<'a>,
}

/// The view of an event of an account.
pub fn account_event(event: &AccountEvent) -> AccountEventView<'_> {
    AccountEventView { key: &event.key, event: self::event(&event.event) }
}

/// A channel.
#[derive(Serialize)]
pub struct ChannelView<'a> {
    slug: &'a Slug,
    created_at: Timestamp,
    created_by: &'a Actor,
    keys: u64,
    subscriptions: u64,
}

/// The view of a channel; its id is internal.
pub fn channel(channel: &Channel) -> ChannelView<'_> {
    ChannelView {
        slug: &channel.slug,
        created_at: channel.created_at,
        created_by: &channel.created_by,
        keys: channel.keys,
        subscriptions: channel.subscriptions,
    }
}

/// A push and its results.
#[derive(Serialize)]
pub struct PushView<'a> {
    id: &'a PushId,
    status: PushStatus,
    key: SenderView<'a>,
    audience: AudienceView<'a>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    counts: DeliveryCounts,
}

#[derive(Serialize)]
struct SenderView<'a> {
    id: &'a KeyId,
    name: Option<&'a KeyName>,
}

/// The view of a push, without its notification.
pub fn push(push: &Push) -> PushView<'_> {
    PushView {
        id: &push.id,
        status: push.status,
        key: SenderView { id: &push.key, name: push.key_name.as_ref() },
        audience: audience(&push.audience),
        created_at: push.created_at,
        finished_at: push.finished_at,
        counts: push.counts,
    }
}

/// An audience.
#[derive(Serialize)]
pub struct AudienceView<'a> {
    all: bool,
    channels: Vec<&'a Slug>,
}

impl AudienceView<'_> {
    /// The audience of a denied send.
    pub const fn empty() -> Self {
        Self { all: false, channels: Vec::new() }
    }
}

/// The view of an audience.
pub fn audience(audience: &Audience) -> AudienceView<'_> {
    match audience {
        Audience::All => AudienceView { all: true, channels: Vec::new() },
        Audience::Channels(channels) => AudienceView { all: false, channels: channels.keys().collect() },
    }
}
