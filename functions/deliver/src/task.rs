//! One task: lease it, send, record the result, and queue what follows. Each step can be repeated after any failure, so that
//! no recipient is sent to twice and none is lost.

use std::time::Duration;

use shared::domain::audience::Audience;
use shared::domain::delivery_task::DeliveryTask;
use shared::domain::push::Push;
use shared::domain::random;
use shared::domain::subscription::SubscriptionId;
use shared::domain::time::Timestamp;
use shared::error::error_chain;
use shared::store::{self, FinishOutcome, Lease, PendingRetry, Recipients, Store, StoredSubscription, TaskResult};
use tokio::time::sleep;

use crate::delivery::Delivery;
use crate::error::TaskError;
use crate::retry::Tally;
use crate::task_log::TaskLog;
use crate::transport::DeliveryResult;

/// The number of recipients of a page.
const PAGE: usize = 100;

/// The lease of a task, in seconds: longer than the function may run, shorter than the queue's visibility timeout.
const LEASE: i64 = 90;

/// The maximum number of attempts to record a result while the store does not respond.
const MAX_FINISH_ATTEMPTS: u32 = 5;

/// Runs a task, or does nothing if it was completed before.
pub(crate) async fn run(delivery: &Delivery, task: &DeliveryTask, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    let (store, now) = (&delivery.store, Timestamp::now());
    let Some(push) = store.push(&task.account, &task.push, now).await? else {
        log.outcome = "no_push";
        return Ok(());
    };
    log.set_push(&push);
    let owner = random::base62(16);
    let result = match store.lease_task(task, &owner, now, now.plus_seconds(LEASE)).await? {
        Lease::HeldByOther => return Err(TaskError::HeldByOther),
        Lease::Completed(result) => {
            log.outcome = "done_before";
            result
        }
        Lease::Acquired(recorded) => {
            let batch = next_batch(delivery, task, &push.audience, &owner, recorded, now).await?;
            let Sent { result, gone } = Box::pin(send(delivery, task, &push, batch, log)).await?;
            log.outcome = if result.retry.is_empty() { "done" } else { "retry" };
            if finish(store, task, &owner, &result).await? == FinishOutcome::LeaseLost {
                // Or the first response to our own write was lost: then the message comes again and finds the task completed.
                return Err(TaskError::HeldByOther);
            }
            delete_gone(store, task, &push, &gone).await;
            result
        }
    };

    // Also if the task was completed before: that worker may have died right here.
    if !result.retry.is_empty() {
        let retry = DeliveryTask { attempt: task.attempt + 1, ..task.clone() };
        delivery.queue.send(&retry, result.delay).await?;
    }
    Ok(store.complete_push(&task.account, &task.push, Timestamp::now()).await?)
}

/// Records the result, with retries: a result that is not recorded is sent again when the lease ends.
async fn finish(
    store: &Store,
    task: &DeliveryTask,
    owner: &str,
    result: &TaskResult,
) -> Result<FinishOutcome, TaskError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match store.finish_task(task, owner, result, Timestamp::now()).await {
            Err(store::Error::Unavailable(_)) if attempts < MAX_FINISH_ATTEMPTS => sleep(Duration::from_secs(1)).await,
            other => return Ok(other?),
        }
    }
}

/// The recipients of this attempt.
struct Batch {
    ids: Vec<SubscriptionId>,
    /// Recipients whose retry is not due yet. They are left to the next attempt.
    not_due: Vec<PendingRetry>,
    last_page: bool,
}

/// The recipients of this attempt: first the page that the lease records, or a new page that is recorded now; later the
/// recipients that the attempt before left. If another page follows, its task is queued.
async fn next_batch(
    delivery: &Delivery,
    task: &DeliveryTask,
    audience: &Audience,
    owner: &str,
    recorded: Option<Recipients>,
    now: Timestamp,
) -> Result<Batch, TaskError> {
    let store = &delivery.store;
    if task.attempt > 0 {
        let pending = store.pending_retries(task).await?;
        let (due, not_due): (Vec<_>, _) = pending.into_iter().partition(|retry| retry.not_before <= now);
        return Ok(Batch { ids: due.into_iter().map(|retry| retry.id).collect(), not_due, last_page: false });
    }
    let page = if let Some(page) = recorded {
        page
    } else {
        let page = store.recipients(&task.account, audience, task.after.as_ref(), PAGE).await?;
        if !store.record_page(task, owner, &page).await? {
            return Err(TaskError::HeldByOther);
        }
        page
    };
    // Deleted or completed since it was read: the message comes again and finds which.
    if task.page == 0 && !store.start_push(&task.account, &task.push).await? {
        return Err(TaskError::HeldByOther);
    }
    if page.more {
        let next = DeliveryTask { page: task.page + 1, after: page.ids.last().cloned(), ..task.clone() };
        delivery.queue.send(&next, 0).await?;
    }
    Ok(Batch { ids: page.ids, not_due: Vec::new(), last_page: !page.more })
}

/// The result of sending a batch, and the subscriptions that no longer exist.
struct Sent {
    result: TaskResult,
    gone: Vec<StoredSubscription>,
}

/// Sends to the recipients of a batch.
async fn send(
    delivery: &Delivery,
    task: &DeliveryTask,
    push: &Push,
    batch: Batch,
    log: &mut TaskLog<'_>,
) -> Result<Sent, TaskError> {
    let mut found = delivery.store.subscriptions(&task.account, &batch.ids).await?;
    // A subscription may have left the channels since the page was read.
    found.retain(|stored| push.audience.contains(stored.memberships.keys()));
    let targets: Vec<_> = found.iter().map(|stored| &stored.subscription.target).collect();
    let attempts = delivery.transports.send(push, &targets).await?;

    let already_pending = batch.not_due.len();
    let (mut tally, mut gone) = (Tally::new(batch.not_due), Vec::new());
    for (stored, attempt) in found.iter().zip(&attempts) {
        tally.add(&stored.subscription.id, attempt.result);
        if attempt.result == DeliveryResult::Gone {
            gone.push(stored.clone());
        }
    }
    let first_attempt = task.attempt == 0;
    // A subscription that ended between two attempts is gone; one that ended before the first was not a recipient.
    if !first_attempt {
        tally.counts.gone += (batch.ids.len() - found.len()) as u64;
    }
    let mut result = tally.result(push, task.attempt, Timestamp::now());
    result.counts.recipients = if first_attempt { found.len() as u64 } else { 0 };
    result.last_page = batch.last_page;
    log.sent(&attempts, &result, result.retry.len() - already_pending);

    Ok(Sent { result, gone })
}

/// Deletes subscriptions that no longer exist, after the result is recorded. One that stays is found gone by the next push.
async fn delete_gone(store: &Store, task: &DeliveryTask, push: &Push, gone: &[StoredSubscription]) {
    for stored in gone {
        if let Err(error) = store.delete_subscription(&task.account, stored).await {
            let cause = error_chain(&error);
            tracing::warn!(request_id = push.request_id, cause, "a subscription that is gone was not deleted");
        }
    }
}
