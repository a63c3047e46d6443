//! The items of range tasks: each has a task's lease, how far its range is sent, and its counts.
//!
//! A task is leased before anything is sent. When the lease ends, the next delivery of its message goes on after the last page
//! that was recorded, so that a killed function's push is sent twice to at most one page. A page is recorded in one write. When
//! a task has ended, it reports its counts to the task that was split, and the first task's are the push's: each report sets
//! what only this task sets, so that its repetition changes nothing.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Reader, number, text, timestamp};
use super::retry::retry_throttled;
use super::retry_tasks::{PendingRetry, put_first_retry};
use super::tables::Store;
use super::task_item::{
    TABLE, TaskItem, add_counts, counts_attributes, expires, part_attribute, partition, path_key, task_key,
};
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::delivery_task::{DeliveryTask, TaskPath};
use crate::domain::id::PushId;
use crate::domain::push::{DeliveryCounts, Push, PushStatus};
use crate::domain::subscription::SubscriptionId;
use crate::domain::time::Timestamp;

/// Every task down to this depth is read for the progress of a push; the ones below it show in the counts that they report.
const PROGRESS_DEPTH: usize = 2;

/// The state of a task when it is leased.
#[derive(Debug)]
pub enum Lease {
    /// Acquired: the range after this recipient is to be sent.
    Acquired(Option<SubscriptionId>),
    /// Held by another worker until this time. If that worker died, the message must come again then.
    HeldByOther(Timestamp),
    /// The task was split into this many parts before.
    Split(u8),
    /// The range was sent before; retries are open.
    Sent,
    /// The task has ended, with these counts.
    Ended(DeliveryCounts),
}

/// A page that was sent.
#[derive(Default, Debug)]
pub struct SentPage {
    /// The last recipient; `None` for an empty range.
    pub last: Option<SubscriptionId>,
    /// The results to add to the task's.
    pub counts: DeliveryCounts,
    /// The recipients to retry.
    pub retries: Vec<PendingRetry>,
    /// Whether it is the last page of the range.
    pub last_page: bool,
    /// Whether the rest of the range is left to another worker.
    pub releases: bool,
}

/// The outcome of recording a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageOutcome {
    /// Recorded; the task has more pages, or open retries.
    Recorded,
    /// Recorded, and the task has ended with these counts.
    Ended(DeliveryCounts),
    /// Another worker has taken over the task.
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
        let free = "attribute_not_exists(sent_at) AND attribute_not_exists(parts) AND lease_ends < :now";
        let lease = Expression::when(format!("attribute_not_exists(pk) OR ({free})"))
            .value(":now", timestamp(now))
            .set("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .set("lease_ends = :ends")
            .value(":ends", timestamp(lease_ends))
            .set("expires = :expires")
            .value(":expires", number(expires(now)));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let update = lease
            .update_item(call, task_key(task))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // Transactions of the task's retries may conflict with it.
        let item = match conditional(retry_throttled(|| update.clone().send()).await)? {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(existing) => existing.ok_or(Error::Malformed(TABLE))?,
        };
        let state = TaskItem::read(&item)?;
        Ok(match (state.ended(), state.parts) {
            (Some(counts), _) => Lease::Ended(counts),
            (None, Some(parts)) => Lease::Split(parts),
            (None, None) if state.sent => Lease::Sent,
            // Also if the first response to our own write was lost.
            (None, None) if state.owner == owner => Lease::Acquired(state.cursor),
            (None, None) => Lease::HeldByOther(state.lease_ends),
        })
    }

    /// Records that a task is split, before its parts are queued. `false` if the lease was lost.
    pub async fn record_split(&self, task: &DeliveryTask, owner: &str, parts: u8) -> Result<bool, Error> {
        let split = Expression::when("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .and("attribute_not_exists(#cursor)")
            .name("#cursor", "cursor")
            .set("parts = :parts")
            .value(":parts", number(parts));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        Ok(conditional(split.update_item(call, task_key(task)).send().await)?.is_ok())
    }

    /// Records a page after the recipient `before`, once.
    pub async fn record_page(
        &self,
        task: &DeliveryTask,
        owner: &str,
        before: Option<&SubscriptionId>,
        page: &SentPage,
        now: Timestamp,
    ) -> Result<PageOutcome, Error> {
        let mut record = Expression::when("#owner = :owner")
            .name("#owner", "owner")
            .value(":owner", text(owner))
            .and("attribute_not_exists(sent_at)")
            .name("#cursor", "cursor");
        if page.releases {
            record = record.set("lease_ends = :ended").value(":ended", number(0));
        }
        record = match before {
            None => record.and("attribute_not_exists(#cursor)"),
            Some(before) => record.and("#cursor = :before").value(":before", text(before.as_str())),
        };
        record = match &page.last {
            _ if page.last_page => record.set("sent_at = :now").value(":now", timestamp(now)).remove("#cursor"),
            Some(last) => record.set("#cursor = :last").value(":last", text(last.as_str())),
            None => record,
        };
        let record = add_counts(record, page.counts, i32::from(!page.retries.is_empty()));
        let (Some(last), false) = (&page.last, page.retries.is_empty()) else {
            return self.record_page_without_retries(task, owner, page, record).await;
        };
        let items = vec![
            record.transact_update(&self.tables.pushes, task_key(task))?,
            put_first_retry(&self.tables.pushes, task, last, &page.retries, now)?,
        ];
        Ok(match self.transact(items).await? {
            TransactionOutcome::Committed => PageOutcome::Recorded,
            TransactionOutcome::ConditionFailed(_) => PageOutcome::LeaseLost,
        })
    }

    async fn record_page_without_retries(
        &self,
        task: &DeliveryTask,
        owner: &str,
        page: &SentPage,
        record: Expression,
    ) -> Result<PageOutcome, Error> {
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let update = record
            .update_item(call, task_key(task))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // Transactions of the task's retries may conflict with it.
        let (state, recorded) = match conditional(retry_throttled(|| update.clone().send()).await)? {
            Ok(output) => (TaskItem::read(&output.attributes.unwrap_or_default())?, true),
            Err(existing) => (TaskItem::read(&existing.ok_or(Error::Malformed(TABLE))?)?, false),
        };
        // Our own write, whose first response was lost.
        let applied = if page.last_page { state.sent } else { state.cursor == page.last };
        let repeated = state.owner == owner && applied;
        Ok(match state.ended() {
            _ if !recorded && !repeated => PageOutcome::LeaseLost,
            Some(counts) => PageOutcome::Ended(counts),
            None => PageOutcome::Recorded,
        })
    }

    /// The counts of a task, if it has ended.
    pub async fn ended_counts(&self, task: &DeliveryTask) -> Result<Option<DeliveryCounts>, Error> {
        let got = self.get(&self.tables.pushes, task_key(task)).await?;
        got.map_or(Ok(None), |item| Ok(TaskItem::read(&item)?.ended()))
    }

    /// Reports the counts of a part to the task that was split. Returns the counts of that task, if it has ended too.
    pub async fn report_part(
        &self,
        account: &Account,
        push: &PushId,
        parent: &TaskPath,
        part: u8,
        counts: DeliveryCounts,
    ) -> Result<Option<DeliveryCounts>, Error> {
        let report = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(#part)")
            .name("#part", part_attribute(part))
            .set("#part = :counts")
            .value(":counts", AttributeValue::M(counts_attributes(counts)));
        let call = self.client.update_item().table_name(&self.tables.pushes);
        let update = report
            .update_item(call, path_key(account, push, parent))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let item = match conditional(retry_throttled(|| update.clone().send()).await)? {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(existing) => existing.ok_or(Error::Malformed(TABLE))?,
        };
        Ok(TaskItem::read(&item)?.ended())
    }

    /// Sets the counts of a push that is not finished to what its tasks have now.
    pub async fn read_progress(&self, account: &Account, push: &mut Push) -> Result<(), Error> {
        if push.finished_at.is_none() && push.status != PushStatus::Queued {
            push.counts = self.progress(account, &push.id).await?;
        }
        Ok(())
    }

    /// The same for a push of a list, with whether it was canceled with others of its key.
    pub async fn read_state(&self, account: &Account, push: &mut Push) -> Result<(), Error> {
        self.read_cancellation(account, push).await?;
        self.read_progress(account, push).await
    }

    async fn progress(&self, account: &Account, push: &PushId) -> Result<DeliveryCounts, Error> {
        let first = self.get(&self.tables.pushes, path_key(account, push, &TaskPath::first())).await?;
        let Some(first) = first.as_ref().map(TaskItem::read).transpose()? else { return Ok(DeliveryCounts::default()) };
        let Some(parts) = first.parts else { return Ok(first.counts) };
        let partitions = (0..parts).map(|part| self.partition_progress(account, push, part));
        let counts = futures::future::try_join_all(partitions).await?;

        Ok(counts.into_iter().sum())
    }

    /// The counts of the tasks below one part of the first task.
    async fn partition_progress(&self, account: &Account, push: &PushId, part: u8) -> Result<DeliveryCounts, Error> {
        let key = |depth| format!("{depth:02}#");
        let found = self
            .client
            .query()
            .table_name(&self.tables.pushes)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(partition(account, push, &TaskPath::first().part(part))))
            .expression_attribute_values(":first", text(key(1)))
            .expression_attribute_values(":last", text(key(PROGRESS_DEPTH + 1)))
            .consistent_read(true)
            .send()
            .await?;
        let mut counts = DeliveryCounts::default();
        for item in found.items() {
            let state = TaskItem::read(item)?;
            let deepest = Reader::new(TABLE, item).text("sk")?.starts_with(&key(PROGRESS_DEPTH));
            // The parts of a task above the last depth are read themselves.
            if state.parts.is_none() || deepest {
                counts = counts + state.counts();
            }
        }
        Ok(counts)
    }
}
