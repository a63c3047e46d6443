//! A key as one item. Attribute names are short and timestamps are numbers: the authorizer rewrites the item with every
//! request, and DynamoDB charges by its size.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_sdk_dynamodb::types::AttributeValue;

use super::error::Error;
use super::item::{Item, Reader, actor, bytes, number, text, timestamp};
use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::key::{Key, KeyName, PreviousSecret};
use crate::domain::limits::{Limits, Usage};
use crate::domain::permission::{Permission, Permissions};
use crate::domain::scope::Scope;
use crate::domain::secret::SecretHash;
use crate::domain::time::Timestamp;

const TABLE: &str = "keys";

/// The attributes of a previous secret.
pub(super) const PREVIOUS_SECRET: [&str; 4] = ["old_hash", "old_hint", "old_until", "old_used_at"];

/// An attribute and its value; `None` removes it.
pub(super) type Attribute = (&'static str, Option<AttributeValue>);

/// The attribute that counts a UTC day.
pub(super) fn day_attribute(day: i64) -> String {
    format!("d{day}")
}

/// The attribute that counts a minute.
pub(super) fn minute_attribute(minute: i64) -> String {
    format!("m{minute}")
}

/// Channels in an item: a map of slugs to ids.
pub(super) fn channels_attribute(channels: &Channels) -> AttributeValue {
    let entries = channels.iter().map(|(slug, id)| (slug.to_string(), text(id.as_str())));
    AttributeValue::M(entries.collect())
}

/// Channels of an item.
pub(super) fn read_channels(reader: Reader<'_>, name: &str) -> Result<Channels, Error> {
    let malformed = || Error::Malformed(reader.table);
    let entry = |(slug, id): (String, AttributeValue)| {
        let slug = Slug::try_from(slug).map_err(|_| malformed())?;
        let id = id.as_s().map_err(|_| malformed())?;
        Ok((slug, ChannelId::from_stored(id.clone())))
    };
    reader.map(name)?.into_iter().map(entry).collect()
}

/// The item of a new key.
pub(super) fn to_item(key: &Key) -> Item {
    let created = [
        ("account", Some(text(key.account.as_str()))),
        ("id", Some(text(key.id.as_str()))),
        ("created_at", Some(timestamp(key.created_at))),
        ("created_by", Some(actor(&key.created_by))),
        ("uses", Some(number(key.usage.total))),
        ("slots", Some(AttributeValue::M(HashMap::new()))),
    ];
    let all = created.into_iter().chain(edited(key)).chain(secret(key)).chain(previous_secret_of(key));
    all.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The attributes that an edit writes.
pub(super) fn edited(key: &Key) -> Vec<Attribute> {
    let permissions = key.permissions.iter().map(|permission| permission.stored_name().to_owned()).collect();
    let channels = match &key.scope {
        Scope::All => None,
        Scope::Channels(channels) => Some(channels_attribute(channels)),
    };
    vec![
        ("name", Some(text(key.name.as_str()))),
        ("permissions", Some(AttributeValue::Ss(permissions))),
        ("scope", Some(text(key.scope.name()))),
        ("channels", channels),
        ("status", Some(text(key.status.name()))),
        ("expires_at", key.expires_at.map(timestamp)),
        ("per_minute", key.limits.per_minute.map(number)),
        ("per_day", key.limits.per_day.map(number)),
        ("updated_at", Some(timestamp(key.updated_at))),
        ("revision", Some(text(&key.revision))),
    ]
}

/// The attributes of the current secret, which a rotation writes besides.
pub(super) fn secret(key: &Key) -> [Attribute; 2] {
    [("hash", Some(bytes(key.hash.as_bytes()))), ("hint", Some(text(&key.hint)))]
}

/// The attributes of the previous secret. A change that keeps it must not write them, because the authorizer writes
/// `old_used_at`.
pub(super) fn previous_secret_of(key: &Key) -> [Attribute; 4] {
    let previous = key.previous_secret.as_ref();
    [
        ("old_hash", previous.map(|previous| bytes(previous.hash.as_bytes()))),
        ("old_hint", previous.map(|previous| text(&previous.hint))),
        ("old_until", previous.map(|previous| timestamp(previous.valid_until))),
        ("old_used_at", previous.and_then(|previous| previous.last_used_at).map(timestamp)),
    ]
}

/// The key of an item.
pub(super) fn from_item(item: &Item) -> Result<Key, Error> {
    let reader = Reader::new(TABLE, item);
    let malformed = || Error::Malformed(TABLE);
    let scope = match reader.text("scope")?.as_str() {
        "all" => Scope::All,
        "channels" => Scope::Channels(read_channels(reader, "channels")?),
        _ => return Err(malformed()),
    };
    let permissions = reader.texts("permissions")?;
    let permissions: Option<Permissions> = permissions.iter().map(|name| Permission::from_stored(name)).collect();

    Ok(Key {
        account: reader.parsed("account")?,
        id: reader.parsed("id")?,
        name: KeyName::from_stored(reader.text("name")?),
        hash: SecretHash::from_bytes(reader.bytes("hash")?).ok_or_else(malformed)?,
        hint: reader.text("hint")?,
        permissions: permissions.ok_or_else(malformed)?,
        scope,
        status: reader.parsed("status")?,
        expires_at: reader.optional_timestamp("expires_at")?,
        limits: Limits {
            per_minute: reader.optional_number("per_minute")?,
            per_day: reader.optional_number("per_day")?,
        },
        created_at: reader.timestamp("created_at")?,
        created_by: reader.actor("created_by")?,
        updated_at: reader.timestamp("updated_at")?,
        last_used_at: reader.optional_timestamp("last_used_at")?,
        usage: Usage { total: reader.number("uses")?, days: counters(item, 'd'), minutes: counters(item, 'm') },
        previous_secret: previous_secret(reader)?,
        revision: reader.text("revision")?,
    })
}

fn previous_secret(reader: Reader<'_>) -> Result<Option<PreviousSecret>, Error> {
    let Some(valid_until) = reader.optional_timestamp("old_until")? else { return Ok(None) };
    Ok(Some(PreviousSecret {
        hash: SecretHash::from_bytes(reader.bytes("old_hash")?).ok_or(Error::Malformed(TABLE))?,
        hint: reader.text("old_hint")?,
        valid_until,
        last_used_at: reader.optional_timestamp("old_used_at")?,
    }))
}

/// Whether this is the hash of the key's secret, or of its previous one during the overlap. It reads only their attributes and
/// compares in constant time, so that a wrong secret takes equally long for every key.
pub(super) fn has_secret(item: &Item, hash: &SecretHash, now: Timestamp) -> bool {
    let is = |name| {
        item.get(name)
            .and_then(|value| value.as_b().ok())
            .is_some_and(|stored| verify_slices_are_equal(stored.as_ref(), hash.as_bytes()).is_ok())
    };
    let previous = old_until(item).is_some_and(|end| end > now.millis());
    is("hash") | (is("old_hash") & previous)
}

/// The end of a previous secret, in milliseconds.
pub(super) fn old_until(item: &Item) -> Option<i64> {
    item.get("old_until")?.as_n().ok()?.parse().ok()
}

/// The writer slots of an item, each with the number of its last write.
pub(super) fn slots(item: &Item) -> HashMap<String, i64> {
    let slots = item.get("slots").and_then(|value| value.as_m().ok());
    let slot = |(writer, n): (&String, &AttributeValue)| Some((writer.clone(), n.as_n().ok()?.parse().ok()?));
    slots.into_iter().flatten().filter_map(slot).collect()
}

/// The number of a writer's last write.
pub(super) fn last_write(item: &Item, writer: &str) -> Option<i64> {
    item.get("slots")?.as_m().ok()?.get(writer)?.as_n().ok()?.parse().ok()
}

/// The counters of days or minutes: attributes whose name is this letter and a number.
fn counters(item: &Item, letter: char) -> BTreeMap<i64, u64> {
    let counter = |(name, value): (&String, &AttributeValue)| {
        Some((name.strip_prefix(letter)?.parse().ok()?, value.as_n().ok()?.parse().ok()?))
    };
    item.iter().filter_map(counter).collect()
}
