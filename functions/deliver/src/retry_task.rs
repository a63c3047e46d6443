//! A task of a retry: another attempt to send to recipients of one page.

use std::collections::HashMap;

use shared::domain::delivery_task::RetryTask;
use shared::domain::push::{DeliveryCounts, PushStatus};
use shared::domain::time::Timestamp;
use shared::store::{AttemptOutcome, PendingRetry, RetryLease};

use crate::error::TaskError;
use crate::tally::Tally;
use crate::task_log::TaskLog;
use crate::transport::DeliveryResult;
use crate::work::{RecordFailures, Work, lease_ends};

/// Makes an attempt, or completes what the worker of an earlier delivery of the message left.
pub(crate) async fn run(work: &Work<'_>, retry: &RetryTask, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    let (store, task, now) = (&work.delivery.store, work.task, Timestamp::now());
    let left = match store.lease_retry(task, retry, &work.owner, now, lease_ends()).await? {
        RetryLease::HeldByOther(until) => return Err(TaskError::HeldByOther(until)),
        RetryLease::Completed(left) => {
            log.outcome = "done_before";
            left
        }
        RetryLease::Acquired(pending) if work.push.status == PushStatus::Canceled => {
            log.outcome = "canceled";
            work.mark_canceled().await?;
            let counts = DeliveryCounts { failed: pending.len() as u64, ..DeliveryCounts::default() };
            record(work, retry, counts, &[]).await?;
            Vec::new()
        }
        RetryLease::Acquired(pending) => {
            let (due, not_due): (Vec<_>, _) = pending.into_iter().partition(|pending| pending.not_before <= now);
            let ids: Vec<_> = due.iter().map(|pending| pending.id.clone()).collect();
            let silent: HashMap<_, _> = due.into_iter().map(|pending| (pending.id, pending.silent)).collect();
            let mut found = store.subscriptions(&task.account, &ids).await?;
            // A subscription may have left the channels since the attempt before.
            found.retain(|stored| work.push.audience.contains(stored.memberships.keys()));
            let targets: Vec<_> = found.iter().map(|stored| &stored.subscription.target).collect();
            let attempts = work.delivery.transports.send(work.push, &targets).await?;

            let not_due_count = not_due.len();
            let mut tally = Tally::new(not_due);
            for (stored, attempt) in found.iter().zip(&attempts) {
                let id = &stored.subscription.id;
                tally.add(id, silent.get(id).copied().unwrap_or_default(), attempt.result);
            }
            // One that ended between two attempts is gone.
            tally.counts.gone += (ids.len() - found.len()) as u64;
            let result = tally.result(work.push, retry.attempt, Timestamp::now());
            log.sent(&attempts, result.counts, result.pending.len() - not_due_count);

            record(work, retry, result.counts, &result.pending).await?;
            for (stored, attempt) in found.iter().zip(&attempts) {
                if attempt.result == DeliveryResult::Gone {
                    work.delete_gone(&stored.subscription.id, &stored.subscription.target, now).await;
                }
            }
            result.pending
        }
    };

    // Also if the attempt was completed before: that worker may have died right here.
    if !left.is_empty() {
        return work.queue_retry(&retry.page, retry.attempt + 1, &left).await;
    }
    match store.ended_counts(task).await? {
        Some(counts) => work.report(counts).await,
        None => Ok(()),
    }
}

/// Records an attempt that leaves these recipients to the next one.
async fn record(
    work: &Work<'_>,
    retry: &RetryTask,
    counts: DeliveryCounts,
    left: &[PendingRetry],
) -> Result<(), TaskError> {
    let mut failures = RecordFailures::default();
    loop {
        match work.delivery.store.record_attempt(work.task, retry, &work.owner, counts, left).await {
            Ok(AttemptOutcome::Recorded) => return Ok(()),
            Ok(AttemptOutcome::LeaseLost) => return Err(TaskError::HeldByOther(Timestamp::now())),
            Err(error) => failures.wait(error).await?,
        }
    }
}
