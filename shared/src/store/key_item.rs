//! A key as one item. Names are short and numbers bare: the authorizer rewrites the item with every request, and is
//! charged by its size.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Error;
use super::item::{Item, Reader, author, bytes, moment, number, text};
use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::key::{Key, KeyName, Limits, OldSecret, Usage};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::scope::Scope;
use crate::domain::secret::SecretHash;

const KIND: &str = "keys";

/// The attribute that counts a UTC day.
pub(super) fn day_attribute(day: i64) -> String {
    format!("d{day}")
}

/// The attribute that counts a minute.
pub(super) fn minute_attribute(minute: i64) -> String {
    format!("m{minute}")
}

/// A permission in the item.
pub(super) const fn permission_word(permission: Permission) -> &'static str {
    match permission {
        Permission::Send => "send",
        Permission::Subscribe => "subscribe",
    }
}

/// Channels in an item: slugs to ids.
pub(super) fn channels_attribute(channels: &Channels) -> AttributeValue {
    let entries = channels.iter().map(|(slug, id)| (slug.to_string(), text(id.as_str())));
    AttributeValue::M(entries.collect())
}

/// Channels of an item.
pub(super) fn channels_of(reader: Reader<'_>, name: &str) -> Result<Channels, Error> {
    let malformed = |()| Error::Malformed(reader.kind);
    let entry = |(slug, id): (String, AttributeValue)| {
        let slug = Slug::try_from(slug).map_err(|_| malformed(()))?;
        let id = id.as_s().map_err(|_| malformed(()))?;
        Ok((slug, ChannelId::stored(id.clone())))
    };
    reader.map(name)?.into_iter().map(entry).collect()
}

/// The item of a new key.
pub(super) fn to_item(key: &Key) -> Item {
    let mut item = HashMap::from([
        ("account".to_owned(), text(key.account.as_str())),
        ("id".to_owned(), text(key.id.as_str())),
        ("hash".to_owned(), bytes(key.hash.as_bytes())),
        ("hint".to_owned(), text(&key.hint)),
        ("created_at".to_owned(), moment(key.created_at)),
        ("created_by".to_owned(), author(&key.created_by)),
        ("uses".to_owned(), number(key.usage.total)),
        ("slots".to_owned(), AttributeValue::M(HashMap::new())),
    ]);
    for (name, value) in editable(key) {
        if let Some(value) = value {
            item.insert(name.to_owned(), value);
        }
    }
    item
}

/// The attributes that an edit writes; `None` is absent from the item.
pub(super) fn editable(key: &Key) -> [(&'static str, Option<AttributeValue>); 10] {
    let permissions = key.permissions.iter().map(|p| permission_word(*p).to_owned()).collect();
    let channels = match &key.scope {
        Scope::All => None,
        Scope::Channels(channels) => Some(channels_attribute(channels)),
    };
    [
        ("name", Some(text(key.name.as_str()))),
        ("permissions", Some(AttributeValue::Ss(permissions))),
        ("scope", Some(text(key.scope.name()))),
        ("channels", channels),
        ("status", Some(text(key.status.name()))),
        ("expires_at", key.expires_at.map(moment)),
        ("per_minute", key.limits.per_minute.map(number)),
        ("per_day", key.limits.per_day.map(number)),
        ("updated_at", Some(moment(key.updated_at))),
        ("revision", Some(text(&key.revision))),
    ]
}

/// The attributes that a rotation writes; `None` is absent from the item. An edit must not: the authorizer writes one of them.
pub(super) fn rotated(key: &Key) -> [(&'static str, Option<AttributeValue>); 6] {
    let old = key.old_secret.as_ref();
    [
        ("hash", Some(bytes(key.hash.as_bytes()))),
        ("hint", Some(text(&key.hint))),
        ("old_hash", old.map(|old| bytes(old.hash.as_bytes()))),
        ("old_hint", old.map(|old| text(&old.hint))),
        ("old_until", old.map(|old| moment(old.valid_until))),
        ("old_used_at", old.and_then(|old| old.last_used_at).map(moment)),
    ]
}

/// The key of an item.
pub(super) fn from_item(item: &Item) -> Result<Key, Error> {
    let reader = Reader::new(KIND, item);
    let malformed = || Error::Malformed(KIND);
    let scope = match reader.text("scope")?.as_str() {
        "all" => Scope::All,
        "channels" => Scope::Channels(channels_of(reader, "channels")?),
        _ => return Err(malformed()),
    };
    let permissions: Option<Permissions> = reader
        .texts("permissions")?
        .iter()
        .map(|word| [Permission::Send, Permission::Subscribe].into_iter().find(|p| permission_word(*p) == word))
        .collect();

    Ok(Key {
        account: reader.parsed("account")?,
        id: reader.parsed("id")?,
        name: KeyName::stored(reader.text("name")?),
        hash: SecretHash::from_bytes(reader.bytes("hash")?).ok_or_else(malformed)?,
        hint: reader.text("hint")?,
        permissions: permissions.ok_or_else(malformed)?,
        scope,
        status: reader.parsed("status")?,
        expires_at: reader.optional_moment("expires_at")?,
        limits: Limits {
            per_minute: reader.optional_number("per_minute")?,
            per_day: reader.optional_number("per_day")?,
        },
        created_at: reader.moment("created_at")?,
        created_by: reader.author("created_by")?,
        updated_at: reader.moment("updated_at")?,
        last_used_at: reader.optional_moment("last_used_at")?,
        usage: Usage { total: reader.number("uses")?, days: counted(item, 'd'), minutes: counted(item, 'm') },
        old_secret: old_secret(reader)?,
        revision: reader.text("revision")?,
    })
}

fn old_secret(reader: Reader<'_>) -> Result<Option<OldSecret>, Error> {
    let Some(valid_until) = reader.optional_moment("old_until")? else { return Ok(None) };
    Ok(Some(OldSecret {
        hash: SecretHash::from_bytes(reader.bytes("old_hash")?).ok_or(Error::Malformed(KIND))?,
        hint: reader.text("old_hint")?,
        valid_until,
        last_used_at: reader.optional_moment("old_used_at")?,
    }))
}

/// When the old secret of a rotated key ends or ended, in milliseconds.
pub(super) fn old_until(item: &Item) -> Option<i64> {
    item.get("old_until")?.as_n().ok()?.parse().ok()
}

/// All that is kept of an old secret.
pub(super) const OLD_SECRET: [&str; 4] = ["old_hash", "old_hint", "old_until", "old_used_at"];

/// The writers that wrote the item lately, each with the number of its last write.
pub(super) fn slots(item: &Item) -> HashMap<String, i64> {
    let slots = item.get("slots").and_then(|value| value.as_m().ok());
    let slot = |(writer, n): (&String, &AttributeValue)| Some((writer.clone(), n.as_n().ok()?.parse().ok()?));
    slots.into_iter().flatten().filter_map(slot).collect()
}

/// The attributes that are this letter and a number: counts by day or by minute.
fn counted(item: &Item, letter: char) -> std::collections::BTreeMap<i64, u64> {
    let count = |(name, value): (&String, &AttributeValue)| {
        Some((name.strip_prefix(letter)?.parse().ok()?, value.as_n().ok()?.parse().ok()?))
    };
    item.iter().filter_map(count).collect()
}
