//! Pushes: kept, read and listed, for 30 days.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{Item, Reader, key, moment, number, text};
use super::key_item::{channels_attribute, channels_of};
use super::{Error, Store, failed, page_limit, patiently};
use crate::domain::account::Account;
use crate::domain::push::{Audience, Counts, DAYS_KEPT, Progress, Push, PushId, Ttl};
use crate::domain::time::Timestamp;

const KIND: &str = "pushes";

/// Also true of a repeat whose first answer was lost.
const NOT_BEGUN: &str = "attribute_not_exists(pk) OR progress = :queued";

/// Whether a push waits for its delivery to begin, or is past that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begun {
    /// Nobody has been sent to.
    NotYet,
    /// The queue has it: what it says and whom it reaches cannot be taken back.
    Yes,
}

impl Store {
    /// Keeps a push in place of what is kept under its id, unless its delivery has begun.
    pub async fn keep_push(&self, account: &Account, push: &Push) -> Result<Begun, Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.pushes)
            .set_item(Some(to_item(account, push)?))
            .condition_expression(NOT_BEGUN)
            .expression_attribute_values(":queued", text(Progress::Queued.name()));
        match put.send().await {
            Err(SdkError::ServiceError(answer))
                if matches!(answer.err(), PutItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(Begun::Yes)
            }
            other => other.map(|_| Begun::NotYet).map_err(failed),
        }
    }

    /// Forgets a push that did not get to the queue, as far as is known. If it did, a delivery that begins later finds
    /// nothing to send, and one that has begun keeps it.
    pub async fn forget_push(&self, account: &Account, id: &PushId) -> Result<Begun, Error> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.tables.pushes)
            .set_key(Some(key(("pk", account.as_str()), ("sk", id.as_str()))))
            .condition_expression(NOT_BEGUN)
            .expression_attribute_values(":queued", text(Progress::Queued.name()));
        match patiently(|| delete.clone().send()).await {
            Err(SdkError::ServiceError(answer))
                if matches!(answer.err(), DeleteItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(Begun::Yes)
            }
            other => other.map(|_| Begun::NotYet).map_err(failed),
        }
    }

    /// The push of this id.
    pub async fn push(&self, account: &Account, id: &PushId, now: Timestamp) -> Result<Option<Push>, Error> {
        let got = self.get(&self.tables.pushes, key(("pk", account.as_str()), ("sk", id.as_str()))).await?;
        let push = got.as_ref().map(from_item).transpose()?;
        // The table deletes late.
        Ok(push.filter(|push| expires(push) > now.seconds()))
    }

    /// The account's pushes, newest first, so many at most, those older than `before`; and whether more follow.
    pub async fn pushes(
        &self,
        account: &Account,
        before: Option<&PushId>,
        most: usize,
        now: Timestamp,
    ) -> Result<(Vec<Push>, bool), Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.pushes)
            .key_condition_expression(if before.is_some() { "pk = :pk AND sk < :sk" } else { "pk = :pk" })
            .expression_attribute_values(":pk", text(account.as_str()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(page_limit(most));
        if let Some(id) = before {
            query = query.expression_attribute_values(":sk", text(id.as_str()));
        }
        let found = query.send().await.map_err(failed)?;
        let mut pushes = found.items().iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
        pushes.retain(|push| expires(push) > now.seconds());
        let more = pushes.len() > most;
        pushes.truncate(most);

        Ok((pushes, more))
    }
}

/// The second in which a push may be forgotten.
fn expires(push: &Push) -> i64 {
    push.created_at.seconds() + DAYS_KEPT * 86_400
}

fn to_item(account: &Account, push: &Push) -> Result<Item, Error> {
    let content = serde_json::to_string(&push.content).map_err(|_| Error::Malformed(KIND))?;
    let mut item = HashMap::from([
        ("pk".to_owned(), text(account.as_str())),
        ("sk".to_owned(), text(push.id.as_str())),
        ("key".to_owned(), text(push.key.as_str())),
        ("content".to_owned(), text(content)),
        ("ttl".to_owned(), number(push.ttl.seconds())),
        ("urgency".to_owned(), text(push.urgency.name())),
        ("request_id".to_owned(), text(&push.request_id)),
        ("created_at".to_owned(), moment(push.created_at)),
        ("progress".to_owned(), text(push.progress.name())),
        ("retries_open".to_owned(), number(0)),
        ("expires".to_owned(), number(expires(push))),
        ("all".to_owned(), AttributeValue::Bool(push.audience == Audience::All)),
    ]);
    if let Audience::Channels(channels) = &push.audience {
        item.insert("channels".to_owned(), channels_attribute(channels));
    }
    if let Some(topic) = &push.topic {
        item.insert("topic".to_owned(), text(topic.as_str()));
    }
    Ok(item)
}

fn from_item(item: &Item) -> Result<Push, Error> {
    let reader = Reader::new(KIND, item);
    let malformed = || Error::Malformed(KIND);
    let audience =
        if reader.flag("all")? { Audience::All } else { Audience::Channels(channels_of(reader, "channels")?) };
    let count = |name| Ok(reader.optional_number(name)?.unwrap_or(0));
    let progress = reader.text("progress")?;
    let progress = [Progress::Queued, Progress::Sending, Progress::Done].into_iter().find(|p| p.name() == progress);

    Ok(Push {
        id: reader.parsed("sk")?,
        key: reader.parsed("key")?,
        content: serde_json::from_str(&reader.text("content")?).map_err(|_| malformed())?,
        audience,
        ttl: Ttl::try_from(reader.number::<u64>("ttl")?).map_err(|_| malformed())?,
        urgency: reader.parsed("urgency")?,
        topic: reader.optional_text("topic")?.map(|topic| topic.try_into().map_err(|_| malformed())).transpose()?,
        request_id: reader.text("request_id")?,
        created_at: reader.moment("created_at")?,
        finished_at: reader.optional_moment("finished_at")?,
        progress: progress.ok_or_else(malformed)?,
        counts: Counts {
            recipients: count("recipients")?,
            delivered: count("delivered")?,
            gone: count("gone")?,
            failed: count("failed")?,
        },
    })
}
