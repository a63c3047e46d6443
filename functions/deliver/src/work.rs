//! A task in work: what the tasks of ranges and of retries have in common.

use std::time::{Duration, Instant};

use shared::domain::delivery_task::DeliveryTask;
use shared::domain::push::{DeliveryCounts, Push, PushStatus};
use shared::domain::subscription::{SubscriptionId, Target};
use shared::domain::time::Timestamp;
use shared::error::error_chain;
use shared::store::{self, PendingRetry};
use tokio::time::sleep;

use crate::delivery::Delivery;
use crate::error::TaskError;
use crate::tally;

/// The lease of a task, in seconds: longer than the function may run.
pub(crate) const LEASE: i64 = 90;

/// The maximum number of attempts to record a result while the store does not respond.
const MAX_RECORD_ATTEMPTS: u32 = 5;

/// A task in work.
pub(crate) struct Work<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) task: &'a DeliveryTask,
    pub(crate) push: &'a Push,
    /// The owner of the lease.
    pub(crate) owner: String,
    pub(crate) started: Instant,
}

/// When a lease that begins now ends.
pub(crate) fn lease_ends() -> Timestamp {
    Timestamp::now().plus_seconds(LEASE)
}

impl Work<'_> {
    /// How long the task has been running.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Queues an attempt to retry these recipients of a page.
    pub(crate) async fn queue_retry(
        &self,
        page: &SubscriptionId,
        attempt: u32,
        pending: &[PendingRetry],
    ) -> Result<(), TaskError> {
        let delay = tally::delay(pending, Timestamp::now());
        Ok(self.delivery.queue.send(&self.task.retry(page, attempt), delay).await?)
    }

    /// Reports the counts of the task, which has ended, to the task that was split; and the counts of that one, if it has ended
    /// too; and so on. The counts of the first task are the push's.
    pub(crate) async fn report(&self, counts: DeliveryCounts) -> Result<(), TaskError> {
        let (store, DeliveryTask { account, push, path, .. }) = (&self.delivery.store, self.task);
        let (mut path, mut counts) = (path.clone(), counts);
        while let Some((parent, part)) = path.parent() {
            let Some(ended) = store.report_part(account, push, &parent, part, counts).await? else { return Ok(()) };
            (path, counts) = (parent, ended);
        }
        Ok(store.finish_push(account, push, counts, Timestamp::now()).await?)
    }

    /// Marks the push as canceled, if it was canceled with others of its key: what its item says stays when it is finished.
    pub(crate) async fn mark_canceled(&self) -> Result<(), TaskError> {
        self.delivery.store.cancel_push(&self.task.account, &self.task.push).await?;
        Ok(())
    }

    /// Whether the push has been canceled since the task began. It is read again at most twice a second.
    pub(crate) async fn is_canceled(&self) -> Result<bool, TaskError> {
        if !self.delivery.cancellations.is_due(&self.task.push) {
            return Ok(false);
        }
        let push = self.delivery.store.push(&self.task.account, &self.task.push, Timestamp::now()).await?;
        let canceled = push.is_none_or(|push| push.status == PushStatus::Canceled);
        if canceled {
            self.delivery.cancellations.found(&self.task.push);
        }
        Ok(canceled)
    }

    /// Deletes a subscription that no longer exists, after the result is recorded. One that stays is found gone by the next
    /// push. One that was changed since it was read is another one.
    pub(crate) async fn delete_gone(&self, id: &SubscriptionId, target: &Target, read_at: Timestamp) {
        let (store, account) = (&self.delivery.store, &self.task.account);
        let deleted = async {
            if let Some(stored) = store.subscription(account, id).await?
                && stored.subscription.target == *target
                && stored.subscription.updated_at <= read_at
            {
                store.delete_subscription(account, &stored).await?;
            }
            Ok::<_, store::Error>(())
        };
        if let Err(error) = deleted.await {
            let (request_id, cause) = (&self.push.request_id, error_chain(&error));
            tracing::warn!(request_id, cause, "a subscription that is gone was not deleted");
        }
    }
}

/// The failures to record a result, which is sent again when the lease ends if it is never recorded.
#[derive(Default)]
pub(crate) struct RecordFailures(u32);

impl RecordFailures {
    /// Waits before the next attempt, if the store does not respond; returns the error otherwise, or after many of them.
    pub(crate) async fn wait(&mut self, error: store::Error) -> Result<(), store::Error> {
        self.0 += 1;
        if self.0 == MAX_RECORD_ATTEMPTS || !matches!(error, store::Error::Unavailable(_)) {
            return Err(error);
        }
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}
