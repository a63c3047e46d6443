//! Keys: created, read, listed, edited, rotated and deleted. Each change writes its audit event and the key counts of its
//! channels in the same transaction.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::channels::adjust_key_count;
use super::counts::{self, Counted};
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, primary_key, text};
use super::key_item::{self, Attribute};
use super::page::{Order, Page, PageQuery};
use super::tables::Store;
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::channel::Channels;
use crate::domain::history::AuditEvent;
use crate::domain::id::KeyId;
use crate::domain::idempotency::SecretRequest;
use crate::domain::key::Key;

/// The outcome of a change of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditOutcome {
    /// Written.
    Written,
    /// Not written: the key was edited or deleted since it was read, a channel was deleted, or another request had the same
    /// idempotency key. Read again.
    Conflict,
    /// Not added: the account already has the maximum number of keys.
    LimitReached {
        /// The maximum.
        max: u64,
    },
}

impl Store {
    /// Adds a key, if all its channels still have the ids that were looked up and no other request had this idempotency key.
    pub async fn add_key(
        &self,
        key: &Key,
        event: &AuditEvent,
        request: Option<&SecretRequest>,
    ) -> Result<EditOutcome, Error> {
        let put = Expression::when("attribute_not_exists(id)");
        let put = put.transact_put(&self.tables.keys, key_item::to_item(key))?;
        let mut writes = self.key_counts(&key.account, &Channels::new(), key.scope.channels())?;
        writes.total = Some(self.max_counts.add(&self.tables.channels, &key.account, Counted::Keys)?);
        self.edit(key, put, event, request, writes).await
    }

    /// The key of this id.
    pub async fn key(&self, account: &Account, id: &KeyId) -> Result<Option<Key>, Error> {
        let got = self.get(&self.tables.keys, item_key(account, id)).await?;
        got.as_ref().map(key_item::from_item).transpose()
    }

    /// A page of the account's keys, newest first, those older than `before`.
    pub async fn keys(&self, account: &Account, before: Option<&KeyId>, limit: usize) -> Result<Page<Key>, Error> {
        let page = PageQuery {
            partition: ("account", account.as_str()),
            sort: ("id", before.map(KeyId::as_str)),
            order: Order::Descending,
            limit,
        };
        page.send(self.client.query().table_name(&self.tables.keys), key_item::from_item, |_| true).await
    }

    /// Writes an edit, if the key was not edited since it was read. Usage continues to be counted.
    /// With `cancels`, the pushes that it has sent are canceled together with it.
    pub async fn edit_key(
        &self,
        before: &Key,
        after: &Key,
        event: &AuditEvent,
        cancels: bool,
    ) -> Result<EditOutcome, Error> {
        let update = self.update_key(before, key_item::edited(after))?;
        let mut writes = self.key_counts(&before.account, before.scope.channels(), after.scope.channels())?;
        if cancels {
            let cancellation = self.cancellation(&before.account, &before.id, Some(event.at), event.at)?;
            writes.cancellation = Some(cancellation);
        }
        self.edit(after, update, event, None, writes).await
    }

    /// Writes a rotation, if the key was not edited since it was read and no other request had this idempotency key.
    pub async fn rotate_key(
        &self,
        before: &Key,
        after: &Key,
        event: &AuditEvent,
        request: Option<&SecretRequest>,
    ) -> Result<EditOutcome, Error> {
        let mut attributes = key_item::edited(after);
        attributes.extend(key_item::secret(after));
        if before.previous_secret != after.previous_secret {
            attributes.extend(key_item::previous_secret_of(after));
        }
        let update = self.update_key(before, attributes)?;
        self.edit(after, update, event, request, OtherWrites::default()).await
    }

    /// Deletes a key, if it was not edited since it was read. With `cancels`, the pushes that it has sent are canceled together
    /// with it.
    pub async fn delete_key(&self, key: &Key, event: &AuditEvent, cancels: bool) -> Result<EditOutcome, Error> {
        let delete = Expression::when("revision = :before").value(":before", text(&key.revision));
        let delete = delete.transact_delete(&self.tables.keys, item_key(&key.account, &key.id))?;
        let mut writes = self.key_counts(&key.account, key.scope.channels(), &Channels::new())?;
        writes.total = Some(counts::subtract(&self.tables.channels, &key.account, Counted::Keys)?);
        if cancels {
            writes.cancellation = Some(self.cancellation(&key.account, &key.id, None, event.at)?);
        }
        self.edit(key, delete, event, None, writes).await
    }

    /// The update of a transaction that writes or removes these attributes.
    fn update_key(
        &self,
        before: &Key,
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> Result<TransactWriteItem, Error> {
        let unchanged = Expression::when("attribute_exists(id) AND #revision = :before")
            .name("#revision", "revision")
            .value(":before", text(&before.revision));
        let update = attributes.into_iter().fold(unchanged, |update, (name, value)| {
            let update = update.name(format!("#{name}"), name);
            match value {
                Some(value) => update.set(format!("#{name} = :{name}")).value(format!(":{name}"), value),
                None => update.remove(format!("#{name}")),
            }
        });
        update.transact_update(&self.tables.keys, item_key(&before.account, &before.id))
    }

    /// Writes the change of the key, its audit event, the record of the request and what else is written with it. `key` is as
    /// after the change, or as it was deleted. A channel that is removed may not exist, as after a restore of a table. That must
    /// not block revoking the key, so its count is then skipped.
    async fn edit(
        &self,
        key: &Key,
        change: TransactWriteItem,
        event: &AuditEvent,
        request: Option<&SecretRequest>,
        writes: OtherWrites,
    ) -> Result<EditOutcome, Error> {
        let mut records = self.audit_items(key, event)?;
        if let Some(request) = request {
            records.push(self.request_item(key, request, event.at)?);
        }
        let OtherWrites { mut removed, added, cancellation, total } = writes;
        records.extend(cancellation);
        loop {
            let items: Vec<_> =
                std::iter::once(&change).chain(&removed).chain(&added).chain(&records).chain(&total).cloned().collect();
            let last = items.len() - 1;
            match self.transact(items).await {
                Ok(TransactionOutcome::Committed) => return Ok(EditOutcome::Written),
                Ok(TransactionOutcome::ConditionFailed(index)) if (1..=removed.len()).contains(&index) => {
                    removed.remove(index - 1);
                }
                Ok(TransactionOutcome::ConditionFailed(index)) if index == last && total.is_some() => {
                    return Ok(EditOutcome::LimitReached { max: self.max_counts.keys });
                }
                Ok(TransactionOutcome::ConditionFailed(_)) => return Ok(EditOutcome::Conflict),
                // No response: the audit event tells whether the transaction was committed. Otherwise a secret could be lost,
                // or a change reported as failed.
                Err(Error::Unavailable(_)) if self.has_event(&key.account, &key.id, event).await? => {
                    return Ok(EditOutcome::Written);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The updates of the key counts of the channels that a change removes and adds.
    fn key_counts(&self, account: &Account, before: &Channels, after: &Channels) -> Result<OtherWrites, Error> {
        let only = |these: &Channels, others: &Channels, by: i64| -> Result<Vec<_>, Error> {
            let only = these.iter().filter(|(slug, id)| others.get(slug) != Some(id));
            only.map(|(slug, id)| adjust_key_count(&self.tables.channels, account, slug, id, by)).collect()
        };
        Ok(OtherWrites { removed: only(before, after, -1)?, added: only(after, before, 1)?, ..OtherWrites::default() })
    }
}

fn item_key(account: &Account, id: &KeyId) -> Item {
    primary_key(("account", account.as_str()), ("id", id.as_str()))
}

/// What is written with the change of a key: key counts of channels and of the account, and the cancellation of its pushes.
#[derive(Default)]
struct OtherWrites {
    removed: Vec<TransactWriteItem>,
    added: Vec<TransactWriteItem>,
    cancellation: Option<TransactWriteItem>,
    total: Option<TransactWriteItem>,
}
