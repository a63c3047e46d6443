//! The items of retry tasks: each has the recipients of one page that are to be retried, and the lease of their next attempt,
//! until every one has a result.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, number, primary_key, text, timestamp};
use super::tables::Store;
use super::task_item::{TABLE, add_counts, expires, task_key};
use super::transaction::TransactionOutcome;
use crate::domain::delivery_task::{DeliveryTask, RetryTask};
use crate::domain::push::DeliveryCounts;
use crate::domain::subscription::SubscriptionId;
use crate::domain::time::Timestamp;

/// A recipient to retry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingRetry {
    /// The recipient.
    pub id: SubscriptionId,
    /// The earliest time of the retry.
    pub not_before: Timestamp,
    /// The requests that got no answer.
    pub silent: u32,
}

/// The state of a retry task when it is leased.
#[derive(Debug)]
pub enum RetryLease {
    /// Acquired, with the recipients that are still to be retried.
    Acquired(Vec<PendingRetry>),
    /// Held by another worker until this time.
    HeldByOther(Timestamp),
    /// This attempt was completed before. If the next one is not, it is left these recipients, and the worker of this one may
    /// have died before it queued it.
    Completed(Vec<PendingRetry>),
}

/// The outcome of recording an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttemptOutcome {
    /// Recorded.
    Recorded,
    /// Another worker has taken over the attempt.
    LeaseLost,
}

impl Store {
    /// Leases an attempt to this owner until `lease_ends`.
    pub async fn lease_retry(
        &self,
        task: &DeliveryTask,
        retry: &RetryTask,
        owner: &str,
        now: Timestamp,
        lease_ends: Timestamp,
    ) -> Result<RetryLease, Error> {
        let lease = Expression::when("attempt = :attempt")
            .value(":attempt", number(retry.attempt))
            .and("(attribute_not_exists(lease_ends) OR lease_ends < :now)")
            .value(":now", timestamp(now))
            .set("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .set("lease_ends = :ends")
            .value(":ends", timestamp(lease_ends));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let sent = lease
            .update_item(call, retry_key(task, &retry.page))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match conditional(sent)? {
            Ok(output) => return Ok(RetryLease::Acquired(pending(&output.attributes.unwrap_or_default())?)),
            Err(Some(existing)) => existing,
            Err(None) => return Ok(RetryLease::Completed(Vec::new())),
        };
        let reader = Reader::new(TABLE, &item);
        let attempt: u32 = reader.number("attempt")?;
        if attempt != retry.attempt {
            let next = attempt == retry.attempt + 1;
            return Ok(RetryLease::Completed(if next { pending(&item)? } else { Vec::new() }));
        }
        // Our own lease, whose first response was lost.
        Ok(if reader.text("owner")? == owner {
            RetryLease::Acquired(pending(&item)?)
        } else {
            RetryLease::HeldByOther(reader.timestamp("lease_ends")?)
        })
    }

    /// Records an attempt: its results are added to the range's task, and the recipients that are left wait for the next
    /// attempt, both or neither, once.
    pub async fn record_attempt(
        &self,
        task: &DeliveryTask,
        retry: &RetryTask,
        owner: &str,
        counts: DeliveryCounts,
        left: &[PendingRetry],
    ) -> Result<AttemptOutcome, Error> {
        let key = retry_key(task, &retry.page);
        let held = Expression::when("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .and("attempt = :attempt")
            .value(":attempt", number(retry.attempt));
        let (next, closed) = if left.is_empty() {
            (held.transact_delete(&self.tables.pushes, key)?, 1)
        } else {
            let next = held
                .set("attempt = :next")
                .value(":next", number(retry.attempt + 1))
                .set("pending = :pending")
                .value(":pending", pending_attribute(left))
                .set("silent = :silent")
                .value(":silent", silent_attribute(left))
                .remove("#owner")
                .remove("lease_ends");
            (next.transact_update(&self.tables.pushes, key)?, 0)
        };
        let add = add_counts(Expression::when("attribute_exists(pk)"), counts, -closed);
        let items = vec![next, add.transact_update(&self.tables.pushes, task_key(task))?];
        Ok(match self.transact(items).await? {
            TransactionOutcome::Committed => AttemptOutcome::Recorded,
            TransactionOutcome::ConditionFailed(_) => AttemptOutcome::LeaseLost,
        })
    }

    /// The retries of a task that are open, each with its recipients.
    pub async fn open_retries(&self, task: &DeliveryTask) -> Result<Vec<(RetryTask, Vec<PendingRetry>)>, Error> {
        let mut open = Vec::new();
        let mut from = None;
        loop {
            let found = self
                .client
                .query()
                .table_name(&self.tables.pushes)
                .key_condition_expression("pk = :pk AND begins_with(sk, :range)")
                .expression_attribute_values(":pk", text(partition(task)))
                .expression_attribute_values(":range", text(sort_key(task, "")))
                .set_exclusive_start_key(from)
                .consistent_read(true)
                .send()
                .await?;
            for item in found.items() {
                let reader = Reader::new(TABLE, item);
                let retry = RetryTask { page: reader.parsed("page")?, attempt: reader.number("attempt")? };
                open.push((retry, pending(item)?));
            }
            from = found.last_evaluated_key;
            if from.is_none() {
                return Ok(open);
            }
        }
    }
}

/// The item of the first retry of the page that ends with `page`, to be put together with the record of the page.
pub(super) fn put_first_retry(
    table: &str,
    task: &DeliveryTask,
    page: &SubscriptionId,
    retries: &[PendingRetry],
    now: Timestamp,
) -> Result<TransactWriteItem, Error> {
    let mut item = retry_key(task, page);
    item.extend([
        ("page".to_owned(), text(page.as_str())),
        ("attempt".to_owned(), number(1)),
        ("pending".to_owned(), pending_attribute(retries)),
        ("silent".to_owned(), silent_attribute(retries)),
        ("expires".to_owned(), number(expires(now))),
    ]);
    Expression::default().transact_put(table, item)
}

fn retry_key(task: &DeliveryTask, page: &SubscriptionId) -> Item {
    primary_key(("pk", partition(task)), ("sk", sort_key(task, page.as_str())))
}

/// The retries of a push are spread over partitions like its tasks, and are not read with them.
fn partition(task: &DeliveryTask) -> String {
    let part = task.path.as_str().get(..1).unwrap_or_default();
    format!("{}#{}#retries#{part}", task.account, task.push.as_str())
}

fn sort_key(task: &DeliveryTask, page: &str) -> String {
    format!("{}#{page}", task.path.as_str())
}

fn pending_attribute(retries: &[PendingRetry]) -> AttributeValue {
    AttributeValue::M(retries.iter().map(|it| (it.id.as_str().to_owned(), timestamp(it.not_before))).collect())
}

/// The requests without an answer, of the recipients that have any.
fn silent_attribute(retries: &[PendingRetry]) -> AttributeValue {
    let silent = retries.iter().filter(|it| it.silent > 0);
    AttributeValue::M(silent.map(|it| (it.id.as_str().to_owned(), number(it.silent))).collect())
}

fn pending(item: &Item) -> Result<Vec<PendingRetry>, Error> {
    let reader = Reader::new(TABLE, item);
    let silent = reader.map("silent")?;
    let pending = |(id, not_before): (String, AttributeValue)| {
        let millis = not_before.as_n().ok().and_then(|millis| millis.parse().ok()).ok_or(Error::Malformed(TABLE))?;
        let silent = silent.get(&id).and_then(|silent| silent.as_n().ok()?.parse().ok()).unwrap_or_default();
        let id = SubscriptionId::try_from(id).map_err(|_| Error::Malformed(TABLE))?;
        Ok(PendingRetry { id, not_before: Timestamp::from_millis(millis), silent })
    };
    reader.map("pending")?.into_iter().map(pending).collect()
}
