//! The audit events of a key and of its account: who changed what, and when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::account::Actor;
use crate::domain::id::EventId;
use crate::domain::key::{Key, KeyReference};
use crate::domain::time::Timestamp;

/// The number of days for which an event is kept.
pub const RETENTION_DAYS: i64 = 365;

/// The kind of change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The key was created.
    Created,
    /// A field was changed.
    Changed,
    /// The secret was rotated.
    Rotated,
    /// The key was deleted.
    Deleted,
}

/// One change of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// The time of the change.
    pub at: Timestamp,
    /// The user who made it.
    pub by: Actor,
    /// The kind of change.
    pub action: Action,
    /// The changed fields, by name.
    pub changes: Changes,
}

/// An event of an account: a change of one of its keys.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountEvent {
    /// The key, with the name that it had after the change.
    pub key: KeyReference,
    /// The event.
    pub event: AuditEvent,
}

/// Changed fields by name.
pub type Changes = BTreeMap<String, Change>;

/// A field before and after; `null` where there is no key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Change {
    from: Value,
    to: Value,
}

impl Action {
    /// Every kind of change.
    pub const ALL: [Self; 4] = [Self::Created, Self::Changed, Self::Rotated, Self::Deleted];
}

impl AuditEvent {
    /// The event of a change from `before` to `after`.
    pub fn new(action: Action, by: &Actor, before: Option<&Key>, after: Option<&Key>, at: Timestamp) -> Self {
        Self { id: EventId::generate(at), at, by: by.clone(), action, changes: changes(before, after) }
    }

    /// The epoch second at which the event expires.
    pub const fn expires(&self) -> i64 {
        self.at.plus_seconds(RETENTION_DAYS * 86_400).seconds()
    }
}

fn changes(before: Option<&Key>, after: Option<&Key>) -> Changes {
    let fields = |key: Option<&Key>| key.map(Key::audited_fields).unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let names = if before.is_empty() { after.keys() } else { before.keys() };
    let value = |fields: &BTreeMap<&str, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    let change = |name: &&str| Change { from: value(&before, name), to: value(&after, name) };
    let all = names.map(|name| ((*name).to_owned(), change(name)));

    all.filter(|(_, change)| change.from != change.to).collect()
}
