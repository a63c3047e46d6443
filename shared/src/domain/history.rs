//! What happened to a key: who did what to it, when, and what was different afterwards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::account::Author;
use crate::domain::key::Key;
use crate::domain::random;
use crate::domain::time::Timestamp;

/// An event is kept so many days.
pub const DAYS_KEPT: i64 = 365;

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The key was made.
    Created,
    /// Something of it was changed.
    Changed,
    /// It got a new secret.
    Rotated,
    /// It was deleted.
    Deleted,
}

/// An event's id: a ULID, so that ids sort by time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventId(String);

impl EventId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not an event's id.
#[derive(Debug, thiserror::Error)]
#[error("is not an id: 26 characters of a ULID")]
pub struct NotAnEventId;

impl TryFrom<String> for EventId {
    type Error = NotAnEventId;

    fn try_from(text: String) -> Result<Self, NotAnEventId> {
        random::is_ulid(&text).then_some(Self(text)).ok_or(NotAnEventId)
    }
}

/// One thing that happened to a key.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Author,
    /// What was done.
    pub action: Action,
    /// What was different afterwards, by the field's name.
    pub changes: Changes,
}

/// The fields that changed.
pub type Changes = BTreeMap<String, Change>;

/// A field before and after; `null` where there was no key.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Change {
    from: Value,
    to: Value,
}

impl Event {
    /// What somebody did, by the key before and after it.
    pub fn new(action: Action, by: &Author, before: Option<&Key>, after: Option<&Key>, at: Timestamp) -> Self {
        Self { id: EventId(random::ulid(at)), at, by: by.clone(), action, changes: changes(before, after) }
    }

    /// The second from which on it may be forgotten.
    pub const fn expires(&self) -> i64 {
        self.at.plus_seconds(DAYS_KEPT * 86_400).seconds()
    }
}

fn changes(before: Option<&Key>, after: Option<&Key>) -> Changes {
    let fields = |key: Option<&Key>| key.map(fields).unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let names = if before.is_empty() { after.keys() } else { before.keys() };
    let value = |fields: &BTreeMap<&str, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    let change = |name: &&str| Change { from: value(&before, name), to: value(&after, name) };
    let all = names.map(|name| ((*name).to_owned(), change(name)));

    all.filter(|(_, change)| change.from != change.to).collect()
}

/// What an admin can change, in the API's words.
fn fields(key: &Key) -> BTreeMap<&'static str, Value> {
    let channels: Vec<_> = key.scope.channels().keys().collect();
    BTreeMap::from([
        ("name", json!(key.name)),
        ("hint", json!(key.hint)),
        ("permissions", json!(key.permissions)),
        ("scope", json!(key.scope.name())),
        ("channels", json!(channels)),
        ("status", json!(key.status)),
        ("expires_at", json!(key.expires_at)),
        ("limits", json!(key.limits)),
    ])
}
