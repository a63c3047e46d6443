//! What becomes of a task, in the log: one line of the task, and one for each answer that a push service gave, with how
//! many recipients it gave it. A page of a hundred is never a hundred lines.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::domain::delivery_task::Task;
use shared::domain::push::Push;
use shared::http::chain;
use shared::log::event::{Counts, Event, millis};
use shared::store::Outcome;

use crate::task::NotDone;
use crate::transport::web_push::{Answer, Answered};

/// What is known of a task so far.
pub(crate) struct Report<'a> {
    task: &'a Task,
    started: Instant,
    push: Option<Push>,
    /// How it ended, if it did not fail.
    pub(crate) outcome: &'static str,
    counts: Counts,
}

impl<'a> Report<'a> {
    /// Nothing is known yet.
    pub(crate) fn new(task: &'a Task) -> Self {
        Self { task, started: Instant::now(), push: None, outcome: "", counts: Counts::default() }
    }

    /// Which push it is.
    pub(crate) fn of(&mut self, push: &Push) {
        self.push = Some(push.clone());
    }

    /// What the push services said, and what follows from it: so many of them are tried again.
    pub(crate) fn sent(&mut self, answers: &[(usize, Answered)], outcome: &Outcome, retried: usize) {
        let mut same: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for (_, answered) in answers {
            let kind = (answered.host.as_deref(), answered.status, answered.outcome);
            let (times, longest) = same.entry(kind).or_default();
            (*times, *longest) = (*times + 1, answered.millis.max(*longest));
        }
        for ((host, status, outcome), (times, millis)) in same {
            let line = Event { host, status, outcome, times: Some(times), millis, ..self.event() };
            line.write("push service answered");
        }
        let refused = answers.iter().filter(|(_, answered)| answered.answer == Answer::SignatureRefused).count();
        self.counts = Counts {
            delivered: Some(outcome.counts.delivered),
            gone: Some(outcome.counts.gone),
            failed: Some(outcome.counts.failed),
            signature_refused: Some(refused as u64),
            retried: Some(retried as u64),
            ..Counts::default()
        };
    }

    /// Writes the task's line. What was sent is counted even if the task must come again.
    pub(crate) fn write(&self, done: &Result<(), NotDone>) {
        let (outcome, cause) = match done {
            Ok(()) => (self.outcome, None),
            Err(NotDone::Taken) => ("taken", None),
            Err(NotDone::Failed(problem)) => (problem.row().code, problem.cause().map(|cause| chain(cause))),
        };
        let line =
            Event { outcome, cause, counts: self.counts, millis: millis(self.started.elapsed()), ..self.event() };
        line.write("sent");
    }

    fn event(&self) -> Event<'_> {
        Event {
            request_id: self.push.as_ref().map(|push| push.request_id.as_str()),
            account: Some(self.task.account.as_str()),
            key_id: self.push.as_ref().map(|push| push.key.as_str()),
            push: Some(self.task.push.as_str()),
            page: Some(self.task.page),
            attempt: Some(self.task.attempt),
            ..Event::default()
        }
    }
}
