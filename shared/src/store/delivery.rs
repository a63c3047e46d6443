//! Delivery: a task is leased before anything is sent, and its results are added to the push once.
//!
//! A lease is an item of its own: `account#push`, page and attempt. When it ends, the next delivery of the message takes over
//! the work of a function that was killed.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::audience::Recipients;
use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, number, primary_key, text, timestamp};
use super::retry::retry_throttled;
use super::tables::Store;
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::delivery_task::DeliveryTask;
use crate::domain::id::PushId;
use crate::domain::push::{DeliveryCounts, PushStatus, RETENTION_DAYS};
use crate::domain::subscription::SubscriptionId;
use crate::domain::time::Timestamp;

const TABLE: &str = "leases";

/// The outcome of leasing a task.
#[derive(Debug)]
pub enum Lease {
    /// Acquired until the lease ends, with the page that a previous holder had recorded.
    Acquired(Option<Recipients>),
    /// Held by another worker. If that worker died, the message must come again.
    HeldByOther,
    /// The task was completed before.
    Completed(TaskResult),
}

/// A recipient to retry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingRetry {
    /// The recipient.
    pub id: SubscriptionId,
    /// The earliest time of the retry.
    pub not_before: Timestamp,
}

/// The result of a task.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TaskResult {
    /// The counts to add to the push's.
    pub counts: DeliveryCounts,
    /// Whether the page is the audience's last.
    pub last_page: bool,
    /// The recipients that a task of the next attempt retries.
    pub retry: Vec<PendingRetry>,
    /// Seconds until the first of them may be retried.
    pub delay: u32,
}

/// The outcome of recording a task's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishOutcome {
    /// Recorded.
    Recorded,
    /// Another worker has taken over the task, and records its own result.
    LeaseLost,
}

impl Store {
    /// Leases a task to this owner until `lease_ends`.
    pub async fn lease_task(
        &self,
        task: &DeliveryTask,
        owner: &str,
        now: Timestamp,
        lease_ends: Timestamp,
    ) -> Result<Lease, Error> {
        let expires = now.seconds() + RETENTION_DAYS * 86_400;
        let lease =
            Expression::when("attribute_not_exists(pk) OR (attribute_not_exists(finished_at) AND lease_ends < :now)")
                .value(":now", timestamp(now))
                .set("#owner = :owner")
                .name("#owner", "owner")
                .value(":owner", text(owner))
                .set("lease_ends = :ends")
                .value(":ends", timestamp(lease_ends))
                .set("expires = :expires")
                .value(":expires", number(expires));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let sent = lease
            .update_item(call, lease_key(task))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match conditional(sent)? {
            Ok(output) => return Ok(Lease::Acquired(recorded_page(&output.attributes.unwrap_or_default())?)),
            Err(existing) => existing.ok_or(Error::Malformed(TABLE))?,
        };
        let reader = Reader::new(TABLE, &item);
        if reader.optional_timestamp("finished_at")?.is_some() {
            return Ok(Lease::Completed(recorded_result(&item)?));
        }
        // Our own lease, whose first response was lost.
        let ours = reader.text("owner")? == owner;
        Ok(if ours { Lease::Acquired(recorded_page(&item)?) } else { Lease::HeldByOther })
    }

    /// Records the page in the lease, before anything is sent and before the next page starts after it, so that a worker that
    /// takes over sends to the same recipients. `false` if the lease was lost.
    pub async fn record_page(&self, task: &DeliveryTask, owner: &str, page: &Recipients) -> Result<bool, Error> {
        let record = Expression::when("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .set("page = :page")
            .value(":page", ids_attribute(&page.ids))
            .set("more = :more")
            .value(":more", AttributeValue::Bool(page.more));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        Ok(conditional(record.update_item(call, lease_key(task)).send().await)?.is_ok())
    }

    /// The recipients that the attempt before left to be retried.
    pub async fn pending_retries(&self, task: &DeliveryTask) -> Result<Vec<PendingRetry>, Error> {
        let before = DeliveryTask { attempt: task.attempt.saturating_sub(1), ..task.clone() };
        let got = self.get(&self.tables.pushes, lease_key(&before)).await?;
        got.as_ref().map_or(Ok(Vec::new()), |item| Ok(recorded_result(item)?.retry))
    }

    /// Sets a push's status to `sending`. `false` if there is nothing to send: it was deleted, or is done.
    pub async fn start_push(&self, account: &Account, id: &PushId) -> Result<bool, Error> {
        let start = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(finished_at)")
            .set("progress = :sending")
            .value(":sending", text(PushStatus::Sending.name()));
        self.update_status(account, id, start).await
    }

    /// Adds a task's result to its push and ends the lease, both or neither, once.
    pub async fn finish_task(
        &self,
        task: &DeliveryTask,
        owner: &str,
        result: &TaskResult,
        now: Timestamp,
    ) -> Result<FinishOutcome, Error> {
        let end_lease = Expression::when("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .and("attribute_not_exists(finished_at)")
            .set("finished_at = :now")
            .value(":now", timestamp(now))
            .set("retry = :retry")
            .value(":retry", retries_attribute(&result.retry))
            .set("delay = :delay")
            .value(":delay", number(result.delay))
            .remove("page")
            .remove("more");

        let DeliveryCounts { recipients, delivered, gone, failed } = result.counts;
        let first_attempt = task.attempt == 0;
        let open_retries = i32::from(!result.retry.is_empty()) - i32::from(!first_attempt);
        let mut add = Expression::when("attribute_exists(pk)")
            .add("recipients :recipients")
            .value(":recipients", number(recipients))
            .add("delivered :delivered")
            .value(":delivered", number(delivered))
            .add("gone :gone")
            .value(":gone", number(gone))
            .add("failed :failed")
            .value(":failed", number(failed))
            .add("pages :pages")
            .value(":pages", number(u8::from(first_attempt)))
            .add("retries_open :retries")
            .value(":retries", number(open_retries));
        if result.last_page {
            add = add.set("pages_in_all = :in_all").value(":in_all", number(task.page + 1));
        }
        let items = vec![
            end_lease.transact_update(&self.tables.pushes, lease_key(task))?,
            add.transact_update(&self.tables.pushes, push_key(&task.account, &task.push))?,
        ];

        Ok(match self.transact(items).await? {
            TransactionOutcome::Committed => FinishOutcome::Recorded,
            TransactionOutcome::ConditionFailed(_) => FinishOutcome::LeaseLost,
        })
    }

    /// Sets a push's status to `done`, if every page is complete and no retry is open.
    pub async fn complete_push(&self, account: &Account, id: &PushId, now: Timestamp) -> Result<(), Error> {
        let complete = Expression::when("attribute_exists(pk)")
            .and("pages = pages_in_all")
            .and("retries_open = :none")
            .value(":none", number(0))
            .and("attribute_not_exists(finished_at)")
            .set("progress = :done")
            .value(":done", text(PushStatus::Done.name()))
            .set("finished_at = :now")
            .value(":now", timestamp(now));
        self.update_status(account, id, complete).await.map(|_| ())
    }

    /// Updates a push, if the condition holds. Transactions of its pages may conflict with it, so it is retried.
    async fn update_status(&self, account: &Account, id: &PushId, write: Expression) -> Result<bool, Error> {
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let update = write.update_item(call, push_key(account, id));
        Ok(conditional(retry_throttled(|| update.clone().send()).await)?.is_ok())
    }
}

fn push_key(account: &Account, id: &PushId) -> Item {
    primary_key(("pk", account.as_str()), ("sk", id.as_str()))
}

fn lease_key(task: &DeliveryTask) -> Item {
    let partition = format!("{}#{}", task.account, task.push.as_str());
    primary_key(("pk", partition), ("sk", format!("{}#{}", task.page, task.attempt)))
}

/// The page that a lease records, if it does.
fn recorded_page(item: &Item) -> Result<Option<Recipients>, Error> {
    if !item.contains_key("page") {
        return Ok(None);
    }
    Ok(Some(Recipients { ids: read_ids(item, "page")?, more: Reader::new(TABLE, item).boolean("more")? }))
}

/// The retries that a completed task left.
fn recorded_result(item: &Item) -> Result<TaskResult, Error> {
    let delay = Reader::new(TABLE, item).optional_number("delay")?.unwrap_or_default();
    let pending = |(id, not_before): (String, AttributeValue)| {
        let id = SubscriptionId::try_from(id).map_err(|_| Error::Malformed(TABLE))?;
        let millis = not_before.as_n().ok().and_then(|millis| millis.parse().ok()).ok_or(Error::Malformed(TABLE))?;
        Ok(PendingRetry { id, not_before: Timestamp::from_millis(millis) })
    };
    let retry = Reader::new(TABLE, item).map("retry")?.into_iter().map(pending).collect::<Result<_, Error>>()?;
    Ok(TaskResult { retry, delay, ..TaskResult::default() })
}

fn retries_attribute(retries: &[PendingRetry]) -> AttributeValue {
    AttributeValue::M(retries.iter().map(|it| (it.id.as_str().to_owned(), timestamp(it.not_before))).collect())
}

fn ids_attribute(ids: &[SubscriptionId]) -> AttributeValue {
    AttributeValue::L(ids.iter().map(|id| text(id.as_str())).collect())
}

fn read_ids(item: &Item, name: &str) -> Result<Vec<SubscriptionId>, Error> {
    let malformed = || Error::Malformed(TABLE);
    let list = item.get(name).and_then(|value| value.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    let id = |value: &AttributeValue| {
        let text = value.as_s().map_err(|_| malformed())?;
        SubscriptionId::try_from(text.clone()).map_err(|_| malformed())
    };
    list.iter().map(id).collect()
}
