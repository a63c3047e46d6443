//! Pushes: saved, read and listed, for 30 days. Each push also has an entry in the list of its key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, number, primary_key, text, timestamp};
use super::key_item::{channels_attribute, read_channels};
use super::page::{Order, Page, PageQuery};
use super::retry::retry_throttled;
use super::tables::Store;
use super::task_item::{counts_attributes, read_counts};
use crate::domain::account::Account;
use crate::domain::audience::Audience;
use crate::domain::id::{KeyId, PushId};
use crate::domain::key::KeyName;
use crate::domain::notification::Ttl;
use crate::domain::push::{DeliveryCounts, Push, PushStatus, RETENTION_DAYS};
use crate::domain::time::Timestamp;

const TABLE: &str = "pushes";

/// Also satisfied when our own earlier write was applied without a response.
const NOT_STARTED: &str = "attribute_not_exists(pk) OR (progress = :queued AND attribute_not_exists(canceled))";

/// Whether the delivery of a push has started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// Nothing has been sent.
    NotStarted,
    /// The queue has the push, or it is canceled: its content and audience are final.
    Started,
}

impl Store {
    /// Saves a push and its entry in the list of its key, replacing an earlier one of its id, unless its delivery has started.
    pub async fn save_push(&self, account: &Account, push: &Push) -> Result<DeliveryState, Error> {
        let entry = self.client.put_item().table_name(&self.tables.pushes).set_item(Some(entry_item(account, push)));
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.pushes)
            .set_item(Some(to_item(account, push)?))
            .condition_expression(NOT_STARTED)
            .expression_attribute_values(":queued", text(PushStatus::Queued.name()));
        // An entry whose push is missing is not listed, so the two need no transaction.
        let (entry, put) = tokio::join!(entry.send(), put.send());
        entry?;
        Ok(delivery_state(conditional(put)?))
    }

    /// Deletes a push that is not known to be queued. If it was queued, a delivery that starts later finds nothing to send,
    /// and one that has started keeps it.
    pub async fn delete_unqueued_push(&self, account: &Account, id: &PushId) -> Result<DeliveryState, Error> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.tables.pushes)
            .set_key(Some(item_key(account, id)))
            .condition_expression(NOT_STARTED)
            .expression_attribute_values(":queued", text(PushStatus::Queued.name()));
        Ok(delivery_state(conditional(retry_throttled(|| delete.clone().send()).await)?))
    }

    /// Sets a push's status to `sending`. `false` if there is nothing to send: it was deleted, or is done.
    pub async fn start_push(&self, account: &Account, id: &PushId) -> Result<bool, Error> {
        let start = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(finished_at)")
            .set("progress = :sending")
            .value(":sending", text(PushStatus::Sending.name()));
        self.update_push(account, id, start).await
    }

    /// Sets a push's status to `done`, unless it is canceled, with the counts of its first task, which has ended.
    pub async fn finish_push(
        &self,
        account: &Account,
        id: &PushId,
        counts: DeliveryCounts,
        now: Timestamp,
    ) -> Result<(), Error> {
        let finish = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(finished_at)")
            .set("progress = :done")
            .value(":done", text(PushStatus::Done.name()))
            .set("finished_at = :now")
            .value(":now", timestamp(now));
        let finish = set_counts(finish, counts);
        self.update_push(account, id, finish).await.map(|_| ())
    }

    async fn update_push(&self, account: &Account, id: &PushId, write: Expression) -> Result<bool, Error> {
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let update = write.update_item(call, item_key(account, id));
        Ok(conditional(retry_throttled(|| update.clone().send()).await)?.is_ok())
    }

    /// The push of this id.
    pub async fn push(&self, account: &Account, id: &PushId, now: Timestamp) -> Result<Option<Push>, Error> {
        let got = self.get(&self.tables.pushes, item_key(account, id)).await?;
        let push = got.as_ref().map(from_item).transpose()?;
        // The table deletes expired items late.
        let Some(mut push) = push.filter(|push| expires(push) > now.seconds()) else { return Ok(None) };
        self.read_cancellation(account, &mut push).await?;
        Ok(Some(push))
    }

    /// Sets the status of an unfinished push to `canceled`, if it was canceled with others of its key.
    pub(super) async fn read_cancellation(&self, account: &Account, push: &mut Push) -> Result<(), Error> {
        if push.finished_at.is_none()
            && push.status != PushStatus::Canceled
            && self.key_canceled_at(account, push).await?.is_some()
        {
            push.status = PushStatus::Canceled;
        }
        Ok(())
    }

    /// Cancels a push. `false` if there is nothing to cancel: it does not exist, or is finished.
    pub async fn cancel_push(&self, account: &Account, id: &PushId) -> Result<bool, Error> {
        let cancel = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(finished_at)")
            .set("canceled = :true")
            .value(":true", AttributeValue::Bool(true));
        self.update_push(account, id, cancel).await
    }

    /// A page of the account's pushes, newest first, those older than `before`.
    pub async fn pushes(
        &self,
        account: &Account,
        before: Option<&PushId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<Push>, Error> {
        let page = PageQuery {
            partition: ("pk", account.as_str()),
            sort: ("sk", before.map(PushId::as_str)),
            order: Order::Descending,
            limit,
        };
        let query = self.client.query().table_name(&self.tables.pushes);
        page.send(query, from_item, |push| expires(push) > now.seconds()).await
    }

    /// A page of the pushes that a key sent, newest first, those older than `before`. The key may have been deleted.
    pub async fn pushes_of_key(
        &self,
        account: &Account,
        key: &KeyId,
        before: Option<&PushId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<Push>, Error> {
        let partition = sent_by(account, key);
        let (mut items, mut before) = (Vec::new(), before.cloned());
        loop {
            let page = PageQuery {
                partition: ("pk", &partition),
                sort: ("sk", before.as_ref().map(PushId::as_str)),
                order: Order::Descending,
                limit: limit - items.len(),
            };
            let query = self.client.query().table_name(&self.tables.pushes);
            let entries = page.send(query, entry, |entry| entry.expires > now.seconds()).await?;
            let keys = entries.items.iter().map(|entry| item_key(account, &entry.id)).collect();
            let pushes = self.batch_get(&self.tables.pushes, keys).await?;
            let mut pushes = pushes.iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
            pushes.sort_by(|one, other| other.id.cmp(&one.id));
            items.extend(pushes);
            // A push that could not be queued was deleted and its entry remains, so a page of entries may hold fewer pushes.
            before = entries.items.into_iter().last().map(|entry| entry.id);
            if !entries.more || items.len() == limit {
                return Ok(Page { items, more: entries.more });
            }
        }
    }
}

/// An entry in the list of a key.
struct Entry {
    id: PushId,
    expires: i64,
}

/// The partition of the pushes that a key sent.
fn sent_by(account: &Account, key: &KeyId) -> String {
    format!("{account}#key#{key}")
}

fn entry_item(account: &Account, push: &Push) -> Item {
    let mut item = primary_key(("pk", sent_by(account, &push.key)), ("sk", push.id.as_str()));
    item.insert("expires".to_owned(), number(expires(push)));
    item
}

fn entry(item: &Item) -> Result<Entry, Error> {
    let reader = Reader::new(TABLE, item);
    Ok(Entry { id: reader.parsed("sk")?, expires: reader.number("expires")? })
}

/// Sets the counts of a push.
fn set_counts(write: Expression, counts: DeliveryCounts) -> Expression {
    counts_attributes(counts).into_iter().fold(write, |write, (name, value)| {
        let placeholder = format!(":{name}");
        write.set(format!("{name} = {placeholder}")).value(placeholder, value)
    })
}

fn delivery_state<O>(written: Result<O, Option<Item>>) -> DeliveryState {
    if written.is_ok() { DeliveryState::NotStarted } else { DeliveryState::Started }
}

fn item_key(account: &Account, id: &PushId) -> Item {
    primary_key(("pk", account.as_str()), ("sk", id.as_str()))
}

/// The epoch second at which a push expires.
fn expires(push: &Push) -> i64 {
    push.created_at.seconds() + RETENTION_DAYS * 86_400
}

fn to_item(account: &Account, push: &Push) -> Result<Item, Error> {
    let content = serde_json::to_string(&push.notification).map_err(|_| Error::Malformed(TABLE))?;
    let mut item = HashMap::from([
        ("pk".to_owned(), text(account.as_str())),
        ("sk".to_owned(), text(push.id.as_str())),
        ("key".to_owned(), text(push.key.as_str())),
        ("content".to_owned(), text(content)),
        ("ttl".to_owned(), number(push.ttl.seconds())),
        ("urgency".to_owned(), text(push.urgency.name())),
        ("request_id".to_owned(), text(&push.request_id)),
        ("created_at".to_owned(), timestamp(push.created_at)),
        ("progress".to_owned(), text(push.status.name())),
        ("expires".to_owned(), number(expires(push))),
        ("all".to_owned(), AttributeValue::Bool(push.audience == Audience::All)),
    ]);
    if let Audience::Channels(channels) = &push.audience {
        item.insert("channels".to_owned(), channels_attribute(channels));
    }
    if let Some(name) = &push.key_name {
        item.insert("key_name".to_owned(), text(name.as_str()));
    }
    if let Some(topic) = &push.topic {
        item.insert("topic".to_owned(), text(topic.as_str()));
    }
    Ok(item)
}

fn from_item(item: &Item) -> Result<Push, Error> {
    let reader = Reader::new(TABLE, item);
    let malformed = || Error::Malformed(TABLE);
    let audience =
        if reader.boolean("all")? { Audience::All } else { Audience::Channels(read_channels(reader, "channels")?) };
    let progress = reader.text("progress")?;
    let status = PushStatus::ALL.into_iter().find(|one| one.name() == progress);
    let status = if item.contains_key("canceled") { Some(PushStatus::Canceled) } else { status };

    Ok(Push {
        id: reader.parsed("sk")?,
        key: reader.parsed("key")?,
        key_name: reader.optional_text("key_name")?.map(KeyName::from_stored),
        notification: serde_json::from_str(&reader.text("content")?).map_err(|_| malformed())?,
        audience,
        ttl: Ttl::try_from(reader.number::<u64>("ttl")?).map_err(|_| malformed())?,
        urgency: reader.parsed("urgency")?,
        topic: reader.optional_text("topic")?.map(|topic| topic.try_into().map_err(|_| malformed())).transpose()?,
        request_id: reader.text("request_id")?,
        created_at: reader.timestamp("created_at")?,
        finished_at: reader.optional_timestamp("finished_at")?,
        status: status.ok_or_else(malformed)?,
        counts: read_counts(item)?,
    })
}
