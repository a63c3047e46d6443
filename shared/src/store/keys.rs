//! Keys: made, read, listed, edited, rotated and deleted. What a change is remembered by, and the counts of the channels that
//! it adds or takes away, are written with it.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};

use super::channels::count_key;
use super::item::{key, text};
use super::transaction::Transacted;
use super::{Error, Store, built, failed, key_item, page_limit};
use crate::domain::account::Account;
use crate::domain::channel::Channels;
use crate::domain::history::Event;
use crate::domain::key::{Key, KeyId};

/// How a change of a key ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edited {
    /// It is written.
    Done,
    /// Nothing is written: the key was changed or deleted meanwhile, or a channel is no more. Look again.
    Raced,
}

impl Store {
    /// Keeps a new key, if all its channels still are what they were when they were looked up.
    pub async fn add_key(&self, key: &Key, event: &Event) -> Result<Edited, Error> {
        let put = Put::builder()
            .table_name(&self.tables.keys)
            .set_item(Some(key_item::to_item(key)))
            .condition_expression("attribute_not_exists(id)")
            .build();
        let put = TransactWriteItem::builder().put(put.map_err(built)?).build();

        let counts = self.counts(&key.account, &Channels::new(), key.scope.channels())?;
        self.edit(key, put, event, counts).await
    }

    /// The key of this id.
    pub async fn key(&self, account: &Account, id: &KeyId) -> Result<Option<Key>, Error> {
        let got = self.get(&self.tables.keys, key(("account", account.as_str()), ("id", id.as_str()))).await?;
        got.as_ref().map(key_item::from_item).transpose()
    }

    /// The account's keys, newest first, so many at most, those older than `before`; and whether more follow.
    pub async fn keys(
        &self,
        account: &Account,
        before: Option<&KeyId>,
        most: usize,
    ) -> Result<(Vec<Key>, bool), Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.keys)
            .key_condition_expression(if before.is_some() {
                "account = :account AND id < :id"
            } else {
                "account = :account"
            })
            .expression_attribute_values(":account", text(account.as_str()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(page_limit(most));
        if let Some(id) = before {
            query = query.expression_attribute_values(":id", text(id.as_str()));
        }
        let found = query.send().await.map_err(failed)?;
        let mut keys = found.items().iter().map(key_item::from_item).collect::<Result<Vec<_>, _>>()?;
        let more = keys.len() > most || found.last_evaluated_key.is_some();
        keys.truncate(most);

        Ok((keys, more))
    }

    /// Writes what an edit made of a key, if nobody else has edited it meanwhile. Usage goes on being counted.
    pub async fn edit_key(&self, before: &Key, after: &Key, event: &Event) -> Result<Edited, Error> {
        let update = self.update_key(before, key_item::editable(after))?;
        let counts = self.counts(&before.account, before.scope.channels(), after.scope.channels())?;
        self.edit(before, update, event, counts).await
    }

    /// Writes what a rotation made of a key's secrets, if nobody else has edited it meanwhile.
    pub async fn rotate_key(&self, before: &Key, after: &Key, event: &Event) -> Result<Edited, Error> {
        let written = key_item::editable(after).into_iter().chain(key_item::rotated(after));
        let update = self.update_key(before, written)?;
        self.edit(before, update, event, ChannelCounts::default()).await
    }

    /// The part of a transaction that writes these attributes of a key, or removes those that are `None`.
    fn update_key(
        &self,
        before: &Key,
        attributes: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>,
    ) -> Result<TransactWriteItem, Error> {
        let mut update = Update::builder()
            .table_name(&self.tables.keys)
            .key("account", text(before.account.as_str()))
            .key("id", text(before.id.as_str()))
            .condition_expression("attribute_exists(id) AND #revision = :before")
            .expression_attribute_values(":before", text(&before.revision));
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        for (name, value) in attributes {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match value {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => removed.push(format!("#{name}")),
            }
        }
        let set = format!("SET {}", set.join(", "));
        let change = match removed.as_slice() {
            [] => set,
            removed => format!("{set} REMOVE {}", removed.join(", ")),
        };

        Ok(TransactWriteItem::builder().update(update.update_expression(change).build().map_err(built)?).build())
    }

    /// Deletes a key, if nobody else has edited it meanwhile.
    pub async fn delete_key(&self, key: &Key, event: &Event) -> Result<Edited, Error> {
        let delete = Delete::builder()
            .table_name(&self.tables.keys)
            .key("account", text(key.account.as_str()))
            .key("id", text(key.id.as_str()))
            .condition_expression("revision = :before")
            .expression_attribute_values(":before", text(&key.revision))
            .build();
        let delete = TransactWriteItem::builder().delete(delete.map_err(built)?).build();

        let counts = self.counts(&key.account, key.scope.channels(), &Channels::new())?;
        self.edit(key, delete, event, counts).await
    }

    /// Writes the key's own part, its event and the counts of its channels. A channel that the key leaves may be no more, as after a
    /// table was restored: that must not keep anybody from revoking the key, so it is left uncounted.
    async fn edit(
        &self,
        key: &Key,
        part: TransactWriteItem,
        event: &Event,
        counts: ChannelCounts,
    ) -> Result<Edited, Error> {
        let note = self.note(&key.account, &key.id, event)?;
        let ChannelCounts { mut left, joined } = counts;
        loop {
            let parts = std::iter::once(&part).chain(&left).chain(&joined).chain([&note]).cloned().collect();
            match self.transact(parts).await {
                Ok(Transacted::Done) => return Ok(Edited::Done),
                Ok(Transacted::Refused(part)) if (1..=left.len()).contains(&part) => drop(left.remove(part - 1)),
                Ok(Transacted::Refused(_)) => return Ok(Edited::Raced),
                // Never answered: the event tells, whatever became of the key since. There must be no secret that nobody has,
                // and no change that happened and failed.
                Err(Error::Unavailable(_)) if self.is_noted(&key.account, &key.id, event).await? => {
                    return Ok(Edited::Done);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The parts by which the channels that a change takes away or adds know how many keys name them.
    fn counts(&self, account: &Account, before: &Channels, after: &Channels) -> Result<ChannelCounts, Error> {
        let only = |these: &Channels, others: &Channels, by: i64| -> Result<Vec<_>, Error> {
            let only = these.iter().filter(|(slug, id)| others.get(slug) != Some(id));
            only.map(|(slug, id)| count_key(&self.tables.channels, account, slug, id, by)).collect()
        };
        Ok(ChannelCounts { left: only(before, after, -1)?, joined: only(after, before, 1)? })
    }
}

/// The parts of a transaction that count a key at its channels.
#[derive(Default)]
struct ChannelCounts {
    left: Vec<TransactWriteItem>,
    joined: Vec<TransactWriteItem>,
}
