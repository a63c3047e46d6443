//! The log of a task: one line for the task, and one for each distinct response of a push service, with the number of
//! recipients that got it. A page of a hundred is never a hundred lines.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::domain::delivery_task::DeliveryTask;
use shared::domain::push::Push;
use shared::error::error_chain;
use shared::log::event::{LogEvent, MetricCounts, millis};
use shared::store::TaskResult;

use crate::error::TaskError;
use crate::transport::{Attempt, DeliveryResult};

/// What is known of a task so far.
pub(crate) struct TaskLog<'a> {
    task: &'a DeliveryTask,
    started: Instant,
    push: Option<Push>,
    /// The outcome, unless the task fails.
    pub(crate) outcome: &'static str,
    counts: MetricCounts,
}

impl<'a> TaskLog<'a> {
    /// The log of a task that starts now.
    pub(crate) fn new(task: &'a DeliveryTask) -> Self {
        Self { task, started: Instant::now(), push: None, outcome: "", counts: MetricCounts::default() }
    }

    /// Records the push of the task.
    pub(crate) fn set_push(&mut self, push: &Push) {
        self.push = Some(push.clone());
    }

    /// Records the attempts and their result, of which `retried` recipients are retried.
    pub(crate) fn sent(&mut self, attempts: &[Attempt], result: &TaskResult, retried: usize) {
        let mut distinct: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for attempt in attempts {
            let response = (attempt.host.as_deref(), attempt.status, attempt.outcome);
            let (times, slowest) = distinct.entry(response).or_default();
            (*times, *slowest) = (*times + 1, attempt.millis.max(*slowest));
        }
        for ((host, status, outcome), (times, millis)) in distinct {
            let line = LogEvent { host, status, outcome, times: Some(times), millis, ..self.event() };
            line.write("push service answered");
        }
        let rejected = attempts.iter().filter(|attempt| attempt.result == DeliveryResult::SignatureRejected).count();
        self.counts = MetricCounts {
            delivered: Some(result.counts.delivered),
            gone: Some(result.counts.gone),
            failed: Some(result.counts.failed),
            signature_rejected: Some(rejected as u64),
            retried: Some(retried as u64),
            ..MetricCounts::default()
        };
    }

    /// Writes the task's line. What was sent is counted even if the task must come again.
    pub(crate) fn write(&self, result: &Result<(), TaskError>) {
        let (outcome, cause) = match result {
            Ok(()) => (self.outcome, None),
            Err(TaskError::HeldByOther) => ("taken", None),
            Err(TaskError::Failed(problem)) => (problem.row().code, problem.cause().map(|cause| error_chain(cause))),
        };
        let millis = millis(self.started.elapsed());
        LogEvent { outcome, cause, counts: self.counts, millis, ..self.event() }.write("sent");
    }

    fn event(&self) -> LogEvent<'_> {
        LogEvent {
            request_id: self.push.as_ref().map(|push| push.request_id.as_str()),
            account: Some(self.task.account.as_str()),
            key_id: self.push.as_ref().map(|push| push.key.as_str()),
            push: Some(self.task.push.as_str()),
            page: Some(self.task.page),
            attempt: Some(self.task.attempt),
            ..LogEvent::default()
        }
    }
}
