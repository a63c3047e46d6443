//! One task: of a range, or of a retry. Each step can be repeated after any failure, so that no recipient is lost, and none is
//! sent to twice but for the page in flight when a function is killed.

use std::time::Instant;

use shared::domain::delivery_task::DeliveryTask;
use shared::domain::random;
use shared::domain::time::Timestamp;

use crate::delivery::Delivery;
use crate::error::TaskError;
use crate::task_log::TaskLog;
use crate::work::{LEASE, Work};
use crate::{range_task, retry_task};

/// Runs a task, or does nothing if it was completed before. Its message is hidden from other functions while this one holds
/// the lease.
pub(crate) async fn run(
    delivery: &Delivery,
    task: &DeliveryTask,
    receipt: Option<&str>,
    log: &mut TaskLog<'_>,
) -> Result<(), TaskError> {
    let Some(push) = delivery.store.push(&task.account, &task.push, Timestamp::now()).await? else {
        log.outcome = "no_push";
        return Ok(());
    };
    log.set_push(&push);
    let work = Work { delivery, task, push: &push, owner: random::base62(16), started: Instant::now() };
    let hide = async {
        if let Some(receipt) = receipt {
            delivery.queue.hide(receipt, LEASE + 1).await;
        }
    };
    let run = async {
        match &task.retry {
            None => Box::pin(range_task::run(&work, log)).await,
            Some(retry) => Box::pin(retry_task::run(&work, retry, log)).await,
        }
    };
    let (done, ()) = tokio::join!(run, hide);
    if let (Err(TaskError::HeldByOther(until)), Some(receipt)) = (&done, receipt) {
        delivery.queue.hide(receipt, Timestamp::now().seconds_until(*until) + 1).await;
    }
    done
}
