//! Queues as SQS has them: what is received and not deleted in time is handed out again, and what was handed out too
//! often is a dead letter.

pub(crate) mod journal;
pub(crate) mod server;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::Instant};

use crate::random;
use journal::{Entry, Journal};

/// A queue of the template.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueSettings {
    pub(crate) name: String,
    pub(crate) visibility_timeout: Duration,
    pub(crate) retention: Duration,
    pub(crate) delay: Duration,
    /// The queue that takes what was received too often.
    pub(crate) dead_letters: Option<String>,
    pub(crate) max_receives: Option<u32>,
}

/// A message and where it stands. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) queue: String,
    pub(crate) body: String,
    pub(crate) sent: u64,
    pub(crate) visible: u64,
    pub(crate) receives: u32,
    pub(crate) first_received: Option<u64>,
    /// Held by whoever received it last.
    pub(crate) receipt: Option<String>,
}

/// How many messages of a queue stand where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

/// The queues of this machine.
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

/// The time of day, running evenly from the start on.
struct Clock {
    started: Instant,
    at_start: u64,
}

impl Clock {
    fn now(&self) -> u64 {
        self.at_start + millis(self.started.elapsed())
    }

    fn instant(&self, at: u64) -> Instant {
        self.started + Duration::from_millis(at.saturating_sub(self.at_start))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    /// Writes an entry down before it is acted upon; without a journal there is nothing to write.
    fn note(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.append(entry, &self.messages),
            None => Ok(()),
        }
    }
}

impl Queues {
    /// The queues, with the messages that an earlier start left.
    pub(crate) fn new(settings: Vec<QueueSettings>, journal: Option<(Journal, Vec<Message>)>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let clock = Clock { started: Instant::now(), at_start: millis(now) };
        let (journal, mut messages) = journal.map_or((None, Vec::new()), |(journal, left)| (Some(journal), left));
        for message in &mut messages {
            // Whoever held it ended with the process.
            if message.receipt.take().is_some() {
                message.visible = message.visible.min(clock.now());
            }
        }
        let settings = settings.into_iter().map(|queue| (queue.name.clone(), queue)).collect();
        Self { settings, state: Mutex::new(State { messages, journal }), changed: Notify::new(), clock }
    }

    /// The queue of this name.
    pub(crate) fn settings(&self, queue: &str) -> Option<&QueueSettings> {
        self.settings.get(queue)
    }

    /// Accepts a message and gives its id; it is written down when this returns.
    pub(crate) fn send(&self, queue: &QueueSettings, body: String, delay: Option<Duration>) -> io::Result<String> {
        let now = self.clock.now();
        let message = Message {
            id: random::uuid(),
            queue: queue.name.clone(),
            body,
            sent: now,
            visible: now + millis(delay.unwrap_or(queue.delay)),
            receives: 0,
            first_received: None,
            receipt: None,
        };
        let id = message.id.clone();
        let mut state = self.lock();
        state.note(&Entry::Message(std::borrow::Cow::Borrowed(&message)))?;
        state.messages.push(message);
        drop(state);
        self.changed.notify_waiters();
        Ok(id)
    }

    /// Hands out up to so many messages that are visible, and hides them for a while.
    pub(crate) fn receive(&self, queue: &QueueSettings, at_most: usize, hidden: Option<Duration>) -> Vec<Message> {
        let now = self.clock.now();
        let mut state = self.lock();
        self.sweep(&mut state, now);
        let visible = now + millis(hidden.unwrap_or(queue.visibility_timeout));
        let mut received = Vec::new();
        for message in &mut state.messages {
            if received.len() < at_most && message.queue == queue.name && message.visible <= now {
                message.visible = visible;
                message.receives += 1;
                message.first_received.get_or_insert(now);
                message.receipt = Some(random::token());
                received.push(message.clone());
            }
        }
        for message in &received {
            if let Err(error) = state.note(&Entry::stand(message)) {
                tracing::error!(%error, "the queue's journal cannot be written");
            }
        }
        received
    }

    /// Like `receive`, but waits until there is something. Nothing is lost if this is dropped while it waits.
    pub(crate) async fn next(&self, queue: &QueueSettings, at_most: usize, hidden: Option<Duration>) -> Vec<Message> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on a change is not missed.
            changed.as_mut().enable();
            let received = self.receive(queue, at_most, hidden);
            if !received.is_empty() {
                return received;
            }
            match self.next_visible(queue) {
                Some(at) => {
                    let _ = tokio::time::timeout_at(self.clock.instant(at), changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Deletes the message that this receipt was the last for. An old receipt deletes nothing.
    pub(crate) fn delete(&self, queue: &QueueSettings, receipt: &str) -> io::Result<()> {
        let mut state = self.lock();
        let found =
            state.messages.iter().position(|it| it.queue == queue.name && it.receipt.as_deref() == Some(receipt));
        if let Some(index) = found {
            let id = state.messages[index].id.clone();
            state.note(&Entry::Deleted { id: id.into() })?;
            state.messages.remove(index);
            drop(state);
            self.changed.notify_waiters();
        }
        Ok(())
    }

    /// Makes a message in flight visible after this time; false if it is not in flight with this receipt.
    pub(crate) fn change_visibility(&self, queue: &QueueSettings, receipt: &str, hidden: Duration) -> io::Result<bool> {
        let now = self.clock.now();
        let mut state = self.lock();
        let found = state
            .messages
            .iter_mut()
            .find(|it| it.queue == queue.name && it.receipt.as_deref() == Some(receipt) && it.visible > now);
        let Some(message) = found else { return Ok(false) };
        message.visible = now + millis(hidden);
        let message = message.clone();
        state.note(&Entry::stand(&message))?;
        drop(state);
        self.changed.notify_waiters();
        Ok(true)
    }

    /// How many messages stand where.
    pub(crate) fn counts(&self, queue: &QueueSettings) -> Counts {
        let now = self.clock.now();
        let mut state = self.lock();
        self.sweep(&mut state, now);
        let mut counts = Counts { visible: 0, in_flight: 0, delayed: 0 };
        for message in state.messages.iter().filter(|it| it.queue == queue.name) {
            match (message.visible <= now, &message.receipt) {
                (true, _) => counts.visible += 1,
                (false, Some(_)) => counts.in_flight += 1,
                (false, None) => counts.delayed += 1,
            }
        }
        counts
    }

    /// The bodies of a queue's messages, oldest first.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let mut state = self.lock();
        self.sweep(&mut state, self.clock.now());
        state.messages.iter().filter(|it| it.queue == queue).map(|it| it.body.clone()).collect()
    }

    fn next_visible(&self, queue: &QueueSettings) -> Option<u64> {
        self.lock().messages.iter().filter(|it| it.queue == queue.name).map(|it| it.visible).min()
    }

    /// Moves dead letters to their queue, and drops what is older than its queue keeps.
    fn sweep(&self, state: &mut State, now: u64) {
        let mut entries = Vec::new();
        for message in &mut state.messages {
            let Some(queue) = self.settings.get(&message.queue) else { continue };
            let (Some(target), Some(limit)) = (&queue.dead_letters, queue.max_receives) else { continue };
            if message.visible <= now && message.receives >= limit {
                tracing::warn!(queue = queue.name, message = message.id, receives = message.receives, "a dead letter");
                message.queue.clone_from(target);
                message.receives = 0;
                message.receipt = None;
                entries.push(Entry::stand(message));
            }
        }
        state.messages.retain(|message| {
            let kept = self.settings.get(&message.queue).map(|queue| millis(queue.retention));
            let old = kept.is_some_and(|kept| message.sent.saturating_add(kept) < now);
            if old {
                entries.push(Entry::Deleted { id: message.id.clone().into() });
            }
            !old
        });
        for entry in entries {
            if let Err(error) = state.note(&entry) {
                tracing::error!(%error, "the queue's journal cannot be written");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
