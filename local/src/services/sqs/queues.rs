//! The queues. A message that is received and not deleted becomes visible after its visibility timeout, and moves to
//! the dead-letter queue after its last receive.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use crate::services::sqs::journal::{Entry, Journal};
use crate::services::sqs::message::Message;
use crate::template::QueueSettings;

/// The number of messages of a queue, by state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

/// The queues of the template.
pub(crate) struct Queues {
    settings: BTreeMap<String, QueueSettings>,
    state: Mutex<State>,
    changed: Notify,
    clock: Clock,
}

struct State {
    /// In the order in which they were sent.
    messages: Vec<Message>,
    journal: Option<Journal>,
}

/// A wall clock that is read once, so that it is monotonic from then on.
struct Clock {
    started: Instant,
    started_at: u64,
}

impl Clock {
    fn now(&self) -> u64 {
        self.started_at + millis(self.started.elapsed())
    }

    fn instant(&self, at: u64) -> Instant {
        self.started + Duration::from_millis(at.saturating_sub(self.started_at))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    /// Writes an entry to the journal, if there is one.
    fn record(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(entry, &self.messages),
            None => Ok(()),
        }
    }
}

impl Queues {
    /// The queues with the messages of the journal.
    pub(crate) fn new(settings: Vec<QueueSettings>, journal: Option<(Journal, Vec<Message>)>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = Clock { started: Instant::now(), started_at: millis(now) };
        let (journal, mut messages) = journal.map_or((None, Vec::new()), |(journal, left)| (Some(journal), left));
        for message in &mut messages {
            // A message in flight is visible again, since its consumer ended with the process. That receive does not count, so
            // that restarts make no dead letter.
            if message.receipt_handle.take().is_some() {
                message.visible_at = message.visible_at.min(clock.now());
                message.receive_count = message.receive_count.saturating_sub(1);
            }
        }
        let settings = settings.into_iter().map(|queue| (queue.name.clone(), queue)).collect();
        Self { settings, state: Mutex::new(State { messages, journal }), changed: Notify::new(), clock }
    }

    /// The queue of this name.
    pub(crate) fn settings(&self, queue: &str) -> Option<&QueueSettings> {
        self.settings.get(queue)
    }

    /// Sends a message and returns its ID. The message is in the journal when this returns.
    pub(crate) fn send(
        &self,
        queue: &QueueSettings,
        body: String,
        group: Option<String>,
        delay: Option<Duration>,
    ) -> io::Result<String> {
        let now = self.clock.now();
        let message = Message {
            id: Uuid::new_v4().to_string(),
            queue: queue.name.clone(),
            body,
            group,
            sent_at: now,
            visible_at: now + millis(delay.unwrap_or(queue.delay)),
            receive_count: 0,
            first_received_at: None,
            receipt_handle: None,
        };
        let id = message.id.clone();
        let mut state = self.lock();
        state.record(&Entry::Message(std::borrow::Cow::Borrowed(&message)))?;
        state.messages.push(message);
        drop(state);
        self.changed.notify_waiters();
        Ok(id)
    }

    /// Receives up to `max` visible messages, and hides them for the visibility timeout. The group with the fewest messages in
    /// flight comes first, as in a fair queue of SQS; within a group, the oldest message.
    pub(crate) fn receive(&self, queue: &QueueSettings, max: usize, timeout: Option<Duration>) -> Vec<Message> {
        let now = self.clock.now();
        let mut state = self.lock();
        self.sweep(&mut state, now);
        let visible_at = now + millis(timeout.unwrap_or(queue.visibility_timeout));
        let mut in_flight: HashMap<Option<String>, usize> = HashMap::new();
        let mut visible: HashMap<Option<String>, VecDeque<usize>> = HashMap::new();
        for (index, message) in state.messages.iter().enumerate().filter(|(_, it)| it.queue == queue.name) {
            if message.visible_at <= now {
                visible.entry(message.group.clone()).or_default().push_back(index);
            } else if message.receipt_handle.is_some() {
                *in_flight.entry(message.group.clone()).or_default() += 1;
            }
        }
        let mut received = Vec::new();
        while received.len() < max {
            let next = |(group, waiting): (&Option<String>, &VecDeque<usize>)| {
                waiting.front().map(|first| (in_flight.get(group).copied().unwrap_or_default(), *first, group.clone()))
            };
            let Some((_, index, group)) = visible.iter().filter_map(next).min() else { break };
            visible.entry(group.clone()).or_default().pop_front();
            *in_flight.entry(group).or_default() += 1;
            let message = &mut state.messages[index];
            message.visible_at = visible_at;
            message.receive_count += 1;
            message.first_received_at.get_or_insert(now);
            message.receipt_handle = Some(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
            received.push(message.clone());
        }
        for message in &received {
            if let Err(error) = state.record(&Entry::state(message)) {
                tracing::error!(%error, "the queue's journal cannot be written");
            }
        }
        received
    }

    /// Like `receive`, but waits until there is a message. It is cancel safe: dropping it while it waits loses nothing.
    pub(crate) async fn next(&self, queue: &QueueSettings, max: usize, timeout: Option<Duration>) -> Vec<Message> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Enabled before the receive, so that no change between the two is missed.
            changed.as_mut().enable();
            let received = self.receive(queue, max, timeout);
            if !received.is_empty() {
                return received;
            }
            match self.next_visible_at(queue) {
                Some(at) => {
                    let _ = tokio::time::timeout_at(self.clock.instant(at), changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Deletes the message with this receipt handle. A handle of an earlier receive deletes nothing.
    pub(crate) fn delete(&self, queue: &QueueSettings, receipt_handle: &str) -> io::Result<()> {
        let mut state = self.lock();
        let has_handle = |it: &Message| it.queue == queue.name && it.receipt_handle.as_deref() == Some(receipt_handle);
        if let Some(index) = state.messages.iter().position(has_handle) {
            let id = state.messages[index].id.clone();
            state.record(&Entry::Deleted { id: id.into() })?;
            state.messages.remove(index);
            drop(state);
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Makes a message in flight visible after this time; false if no message is in flight with this handle.
    pub(crate) fn change_visibility(
        &self,
        queue: &QueueSettings,
        receipt_handle: &str,
        timeout: Duration,
    ) -> io::Result<bool> {
        let now = self.clock.now();
        let mut state = self.lock();
        let in_flight = |it: &&mut Message| {
            it.queue == queue.name && it.receipt_handle.as_deref() == Some(receipt_handle) && it.visible_at > now
        };
        let Some(message) = state.messages.iter_mut().find(in_flight) else { return Ok(false) };
        message.visible_at = now + millis(timeout);
        let message = message.clone();
        state.record(&Entry::state(&message))?;
        drop(state);
        self.changed.notify_waiters();
        Ok(true)
    }

    /// The number of messages by state.
    pub(crate) fn counts(&self, queue: &QueueSettings) -> Counts {
        let now = self.clock.now();
        let mut state = self.lock();
        self.sweep(&mut state, now);
        let mut counts = Counts { visible: 0, in_flight: 0, delayed: 0 };
        for message in state.messages.iter().filter(|it| it.queue == queue.name) {
            match (message.visible_at <= now, &message.receipt_handle) {
                (true, _) => counts.visible += 1,
                (false, Some(_)) => counts.in_flight += 1,
                (false, None) => counts.delayed += 1,
            }
        }
        counts
    }

    /// Moves the messages of every dead-letter queue back to the queue that they came from, as `StartMessageMoveTask` does.
    pub(crate) fn redrive(&self) -> io::Result<()> {
        let mut state = self.lock();
        let now = self.clock.now();
        let mut moved = Vec::new();
        for queue in self.settings.values() {
            let Some(dead_letters) = &queue.dead_letter_queue else { continue };
            for message in state.messages.iter_mut().filter(|message| message.queue == *dead_letters) {
                message.queue.clone_from(&queue.name);
                (message.receive_count, message.receipt_handle, message.visible_at) = (0, None, now);
                moved.push(message.clone());
            }
        }
        for message in &moved {
            state.record(&Entry::state(message))?;
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// The bodies of a queue's messages, oldest first.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let mut state = self.lock();
        self.sweep(&mut state, self.clock.now());
        state.messages.iter().filter(|it| it.queue == queue).map(|it| it.body.clone()).collect()
    }

    fn next_visible_at(&self, queue: &QueueSettings) -> Option<u64> {
        self.lock().messages.iter().filter(|it| it.queue == queue.name).map(|it| it.visible_at).min()
    }

    /// Moves messages to their dead-letter queue, and drops those older than the retention period.
    fn sweep(&self, state: &mut State, now: u64) {
        let mut entries = Vec::new();
        for message in &mut state.messages {
            let Some(queue) = self.settings.get(&message.queue) else { continue };
            let (Some(target), Some(limit)) = (&queue.dead_letter_queue, queue.max_receive_count) else { continue };
            if message.visible_at <= now && message.receive_count >= limit {
                let (message_id, receives) = (&message.id, message.receive_count);
                tracing::warn!(queue = queue.name, message = message_id, receives, "moved to the dead-letter queue");
                message.queue.clone_from(target);
                message.receive_count = 0;
                message.receipt_handle = None;
                entries.push(Entry::state(message));
            }
        }
        state.messages.retain(|message| {
            let retention = self.settings.get(&message.queue).map(|queue| millis(queue.retention));
            let expired = retention.is_some_and(|retention| message.sent_at.saturating_add(retention) < now);
            if expired {
                entries.push(Entry::Deleted { id: message.id.clone().into() });
            }
            !expired
        });
        for entry in entries {
            if let Err(error) = state.record(&entry) {
                tracing::error!(%error, "the queue's journal cannot be written");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
