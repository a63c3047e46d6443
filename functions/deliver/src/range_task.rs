//! A task of a range: split if it is too large for one function, else sent page after page.

use std::time::Duration;

use shared::domain::delivery_task::{MAX_PARTS, Plan};
use shared::domain::push::PushStatus;
use shared::domain::subscription::SubscriptionId;
use shared::domain::time::Timestamp;
use shared::store::{Lease, PageOutcome, Recipient, SentPage};

use crate::error::TaskError;
use crate::tally::Tally;
use crate::task_log::TaskLog;
use crate::transport::DeliveryResult;
use crate::work::{RecordFailures, Work, lease_ends};

/// The number of recipients of a page.
const PAGE: usize = 100;

/// The number of items that one query of a partition reads.
const QUERY: usize = 2 * PAGE;

/// The number of recipients that a part of a split task is to have: ten pages, so that a push ends soon.
const PART: u64 = 1_000;

/// The size from which a task is split.
const MAX_SIZE: u64 = PART + PART / 2;

/// A range whose first page shows that it is this many times larger than estimated is split after all.
const MAX_ERROR: u64 = 3;

/// The time after which a task leaves the rest of its range to another function. The page that is sent then, and its record,
/// must fit what remains of the function's minute.
const MAX_DURATION: Duration = Duration::from_secs(30);

/// Splits or sends a range, or completes what the worker of an earlier delivery of the message left.
pub(crate) async fn run(work: &Work<'_>, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    let (store, task) = (&work.delivery.store, work.task);
    let now = Timestamp::now();
    match store.lease_task(task, &work.owner, now, lease_ends()).await? {
        Lease::HeldByOther(until) => Err(TaskError::HeldByOther(until)),
        Lease::Acquired(cursor) => {
            if cursor.is_some() {
                queue_open_retries(work).await?;
            }
            Box::pin(deliver(work, cursor, log)).await
        }
        Lease::Split(parts) => {
            log.outcome = "split";
            queue_parts(work, parts, plan(work).await?).await
        }
        Lease::Sent => {
            log.outcome = "done_before";
            queue_open_retries(work).await
        }
        Lease::Ended(counts) => {
            log.outcome = "done_before";
            work.report(counts).await
        }
    }
}

/// Queues the retries of pages that were recorded: the worker may have died before it queued one.
async fn queue_open_retries(work: &Work<'_>) -> Result<(), TaskError> {
    for (retry, pending) in work.delivery.store.open_retries(work.task).await? {
        work.queue_retry(&retry.page, retry.attempt, &pending).await?;
    }
    Ok(())
}

async fn plan(work: &Work<'_>) -> Result<Plan, TaskError> {
    match work.task.plan {
        Some(plan) => Ok(plan),
        None => Ok(work.delivery.store.plan(&work.task.account, &work.push.audience).await?),
    }
}

/// The range after `cursor`: split, or sent page after page.
async fn deliver(work: &Work<'_>, cursor: Option<SubscriptionId>, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    let (store, task) = (&work.delivery.store, work.task);
    // Deleted or completed since it was read: the message comes again and finds which.
    if task.path.depth() == 0 && cursor.is_none() && !store.start_push(&task.account, &task.push).await? {
        return Err(TaskError::HeldByOther(Timestamp::now()));
    }
    if work.push.status == PushStatus::Canceled {
        return end(work, cursor.as_ref(), log).await;
    }
    let plan = plan(work).await?;
    if cursor.is_none() && plan.size > MAX_SIZE && task.can_split() {
        return split(work, plan, log).await;
    }
    let unsent = match &cursor {
        None => Some(task.range),
        Some(cursor) => task.range.after(cursor),
    };
    let audience = &work.push.audience;
    let mut recipients = unsent.map(|range| store.recipients(&task.account, audience, plan.source, range, QUERY));
    let mut cursor = cursor;
    loop {
        let read_at = Timestamp::now();
        let (page, more) = match &mut recipients {
            Some(recipients) => recipients.next(PAGE).await?,
            None => (Vec::new(), false),
        };
        if let (None, Some(last), true) = (&cursor, page.last(), more) {
            let size = task.range.estimate(page.len(), &last.id);
            if size > MAX_ERROR * plan.size.max(MAX_SIZE) && task.can_split() {
                return split(work, Plan { size, ..plan }, log).await;
            }
        }
        let (sent, outcome) = send_page(work, cursor.as_ref(), &page, !more, read_at, log).await?;
        match outcome {
            PageOutcome::LeaseLost => return Err(TaskError::HeldByOther(Timestamp::now())),
            PageOutcome::Ended(counts) => return work.report(counts).await,
            PageOutcome::Recorded if !more => return Ok(()),
            PageOutcome::Recorded => cursor = sent.last.or(cursor),
        }
        if sent.releases {
            log.outcome = "continued";
            return Ok(work.delivery.queue.send(task, 0).await?);
        }
        if work.is_canceled().await? {
            return end(work, cursor.as_ref(), log).await;
        }
    }
}

/// Ends the range of a canceled push after `cursor`: who was not sent to is no recipient.
async fn end(work: &Work<'_>, cursor: Option<&SubscriptionId>, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    work.mark_canceled().await?;
    let nobody = SentPage { last_page: true, ..SentPage::default() };
    let outcome = record(work, cursor, &nobody).await?;
    log.outcome = "canceled";
    match outcome {
        PageOutcome::LeaseLost => Err(TaskError::HeldByOther(Timestamp::now())),
        PageOutcome::Ended(counts) => work.report(counts).await,
        PageOutcome::Recorded => Ok(()),
    }
}

/// Splits the range into parts, each a task of its own.
async fn split(work: &Work<'_>, plan: Plan, log: &mut TaskLog<'_>) -> Result<(), TaskError> {
    log.outcome = "split";
    let parts = u8::try_from(plan.size.div_ceil(PART)).unwrap_or(MAX_PARTS).clamp(2, MAX_PARTS);
    if !work.delivery.store.record_split(work.task, &work.owner, parts).await? {
        return Err(TaskError::HeldByOther(Timestamp::now()));
    }
    queue_parts(work, parts, plan).await
}

async fn queue_parts(work: &Work<'_>, parts: u8, plan: Plan) -> Result<(), TaskError> {
    Ok(work.delivery.queue.send_all(&work.task.split(parts, plan)).await?)
}

/// Sends to a page, records the results, and queues its retries.
async fn send_page(
    work: &Work<'_>,
    cursor: Option<&SubscriptionId>,
    page: &[Recipient],
    last_page: bool,
    read_at: Timestamp,
    log: &mut TaskLog<'_>,
) -> Result<(SentPage, PageOutcome), TaskError> {
    let targets: Vec<_> = page.iter().map(|recipient| &recipient.target).collect();
    let attempts = work.delivery.transports.send(work.push, &targets).await?;
    let mut tally = Tally::default();
    for (recipient, attempt) in page.iter().zip(&attempts) {
        tally.add(&recipient.id, 0, attempt.result);
    }
    let mut result = tally.result(work.push, 0, Timestamp::now());
    result.counts.recipients = page.len() as u64;
    log.sent(&attempts, result.counts, result.pending.len());

    let sent = SentPage {
        last: page.last().map(|recipient| recipient.id.clone()),
        counts: result.counts,
        retries: result.pending,
        last_page,
        releases: !last_page && work.elapsed() > MAX_DURATION,
    };
    let outcome = record(work, cursor, &sent).await?;
    if outcome != PageOutcome::LeaseLost {
        if let (Some(last), false) = (&sent.last, sent.retries.is_empty()) {
            work.queue_retry(last, 1, &sent.retries).await?;
        }
        for (recipient, attempt) in page.iter().zip(&attempts) {
            if attempt.result == DeliveryResult::Gone {
                work.delete_gone(&recipient.id, &recipient.target, read_at).await;
            }
        }
    }
    Ok((sent, outcome))
}

/// Records a page after `cursor`.
async fn record(work: &Work<'_>, cursor: Option<&SubscriptionId>, page: &SentPage) -> Result<PageOutcome, TaskError> {
    let mut failures = RecordFailures::default();
    loop {
        match work.delivery.store.record_page(work.task, &work.owner, cursor, page, Timestamp::now()).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => failures.wait(error).await?,
        }
    }
}
