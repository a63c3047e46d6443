//! The log of a task: one line for the task, and one for each distinct response of a push service, with the number of
//! recipients that got it. A thousand recipients are never a thousand lines.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::domain::delivery_task::DeliveryTask;
use shared::domain::push::{DeliveryCounts, Push};
use shared::error::error_chain;
use shared::log::event::{LogEvent, MetricCounts, millis};

use crate::error::TaskError;
use crate::transport::{Attempt, DeliveryResult};

/// What is known of a task so far.
pub(crate) struct TaskLog<'a> {
    task: &'a DeliveryTask,
    /// The path of the task: `/` for the first one of a push.
    path: String,
    started: Instant,
    push: Option<Push>,
    /// The outcome, unless the task fails.
    pub(crate) outcome: &'static str,
    counts: MetricCounts,
    responses: BTreeMap<Response, Seen>,
}

/// A response of a push service.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Response {
    host: Option<String>,
    status: Option<u16>,
    outcome: &'static str,
}

/// How often a response came, and the longest time it took.
#[derive(Default)]
struct Seen {
    times: u64,
    millis: u64,
}

impl<'a> TaskLog<'a> {
    /// The log of a task that starts now.
    pub(crate) fn new(task: &'a DeliveryTask) -> Self {
        let (path, started) = (format!("/{}", task.path.as_str()), Instant::now());
        Self {
            task,
            path,
            started,
            push: None,
            outcome: "",
            counts: MetricCounts::default(),
            responses: BTreeMap::new(),
        }
    }

    /// Records the push of the task.
    pub(crate) fn set_push(&mut self, push: &Push) {
        self.push = Some(push.clone());
    }

    /// Records the attempts and their results; `retried` recipients are retried.
    pub(crate) fn sent(&mut self, attempts: &[Attempt], counts: DeliveryCounts, retried: usize) {
        for attempt in attempts {
            let Attempt { host, status, outcome, millis, .. } = attempt;
            let response = Response { host: host.clone(), status: *status, outcome };
            let seen = self.responses.entry(response).or_default();
            (seen.times, seen.millis) = (seen.times + 1, seen.millis.max(*millis));
        }
        let rejected = attempts.iter().filter(|attempt| attempt.result == DeliveryResult::SignatureRejected).count();
        let add = |count: &mut Option<u64>, more: u64| *count = Some(count.unwrap_or(0) + more);
        add(&mut self.counts.delivered, counts.delivered);
        add(&mut self.counts.gone, counts.gone);
        add(&mut self.counts.failed, counts.failed);
        add(&mut self.counts.signature_rejected, rejected as u64);
        add(&mut self.counts.retried, retried as u64);
        self.outcome = if self.counts.retried == Some(0) { "done" } else { "retry" };
    }

    /// Writes the lines. What was sent is counted even if the task must come again.
    pub(crate) fn write(&self, result: &Result<(), TaskError>) {
        let (outcome, cause) = match result {
            Ok(()) => (self.outcome, None),
            Err(TaskError::HeldByOther(_)) => ("taken", None),
            Err(TaskError::Failed(problem)) => (problem.row().code, problem.cause().map(|cause| error_chain(cause))),
        };
        for (Response { host, status, outcome }, Seen { times, millis }) in &self.responses {
            let (host, times) = (host.as_deref(), Some(*times));
            let line = LogEvent { host, status: *status, outcome, times, millis: *millis, ..self.event() };
            line.write("push service answered");
        }
        let millis = millis(self.started.elapsed());
        LogEvent { outcome, cause, counts: self.counts, millis, ..self.event() }.write("sent");
    }

    fn event(&self) -> LogEvent<'_> {
        LogEvent {
            request_id: self.push.as_ref().map(|push| push.request_id.as_str()),
            account: Some(self.task.account.as_str()),
            key_id: self.push.as_ref().map(|push| push.key.as_str()),
            push: Some(self.task.push.as_str()),
            task: Some(&self.path),
            attempt: Some(self.task.retry.as_ref().map_or(0, |retry| retry.attempt)),
            ..LogEvent::default()
        }
    }
}
