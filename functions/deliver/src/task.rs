//! One task: claim it, send, add up, and put what follows from it on the queue. Each step can be repeated after any
//! failure, so that nobody is sent to twice and nobody is forgotten.

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use shared::http::chain;
use shared::push::{self, Audience, Counts, Push};
use shared::queue::{self, LONGEST_DELAY};
use shared::random;
use shared::store::{self, Claim, Finished, Found, Outcome, Recipients, Store};
use shared::subscription::SubscriptionId;
use shared::task::Task;
use shared::time::Timestamp;
use shared::vapid_secret;
use tokio::time::sleep;

use crate::Delivery;
use crate::sender::Answer;

/// So many recipients are one task.
const PAGE: usize = 100;

/// So many are sent to at once.
const AT_ONCE: usize = 50;

/// A claim holds so many seconds: longer than the function may run, shorter than a message stays away.
const LEASE: i64 = 90;

/// Nobody is tried for longer, in seconds.
const LONGEST_TRY: i64 = 86_400;

/// So often the results are offered to a store that does not answer.
const TRIES_TO_FINISH: u32 = 5;

/// Why a task is not done. Its message comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    #[error("somebody else is at it")]
    Taken,
    #[error("{}", chain(.0))]
    Store(#[from] store::Error),
    #[error("{}", chain(.0))]
    Queue(#[from] queue::Error),
    #[error("{}", chain(.0))]
    Vapid(#[from] vapid_secret::Error),
}

/// Carries out a task, or does nothing if it is done.
pub(crate) async fn carry_out(delivery: &Delivery, task: &Task) -> Result<(), NotDone> {
    let (store, now) = (&delivery.store, Timestamp::now());
    let Some(push) = store.push(&task.account, &task.push, now).await? else {
        tracing::warn!(push = task.push.as_str(), "the push is no more");
        return Ok(());
    };
    let owner = random::base62(16);
    let outcome = match store.claim(task, &owner, now, now.plus_seconds(LEASE)).await? {
        Claim::Taken => return Err(NotDone::Taken),
        Claim::Done(outcome) => outcome,
        Claim::Ours(noted) => {
            let page = page(delivery, task, &push.audience, &owner, noted).await?;
            let Sent { outcome, gone } = Box::pin(send(delivery, task, &push, page)).await?;
            if finish(store, task, &owner, &outcome).await? == Finished::TakenOver {
                // Or it is our own, whose answer was lost: then the message comes again and finds it done.
                return Err(NotDone::Taken);
            }
            remove(store, task, &push, &gone).await;
            outcome
        }
    };

    // Also if the task was done before: whoever did it may have been killed right here.
    if !outcome.retry.is_empty() {
        let again = Task { attempt: task.attempt + 1, ..task.clone() };
        delivery.queue.put(&again, outcome.delay).await?;
    }
    Ok(store.complete_push(&task.account, &task.push, Timestamp::now()).await?)
}

/// Writes down what was sent, stubbornly: what is not written is sent again when the lease is over.
async fn finish(store: &Store, task: &Task, owner: &str, outcome: &Outcome) -> Result<Finished, NotDone> {
    let mut tries = 0;
    loop {
        tries += 1;
        match store.finish(task, owner, outcome, Timestamp::now()).await {
            Err(store::Error::Unavailable(_)) if tries < TRIES_TO_FINISH => sleep(Duration::from_secs(1)).await,
            other => return Ok(other?),
        }
    }
}

/// Whom the task is for: the page that the claim notes, or a new one that it notes from now on. If another follows, its task
/// is on the queue.
async fn page(
    delivery: &Delivery,
    task: &Task,
    audience: &Audience,
    owner: &str,
    noted: Option<Recipients>,
) -> Result<Recipients, NotDone> {
    let store = &delivery.store;
    if task.attempt > 0 {
        return Ok(Recipients { ids: store.left_by(task).await?, more: false });
    }
    let page = if let Some(page) = noted {
        page
    } else {
        let page = store.recipients(&task.account, audience, task.after.as_ref(), PAGE).await?;
        if !store.note_page(task, owner, &page).await? {
            return Err(NotDone::Taken);
        }
        page
    };
    if task.page == 0 {
        store.start_push(&task.account, &task.push).await?;
    }
    if page.more {
        let next = Task { page: task.page + 1, after: page.ids.last().cloned(), ..task.clone() };
        delivery.queue.put(&next, 0).await?;
    }
    Ok(page)
}

/// What was sent: the results, and the subscriptions that are no more.
struct Sent {
    outcome: Outcome,
    gone: Vec<Found>,
}

/// Sends to the recipients of a task.
async fn send(delivery: &Delivery, task: &Task, push: &Push, page: Recipients) -> Result<Sent, NotDone> {
    let keys = delivery.vapid.keys().await?;
    let found = delivery.store.subscriptions(&task.account, &page.ids).await?;
    let plaintext = push::plaintext(&push.id, &push.content);

    let mut sends = Vec::with_capacity(found.len());
    for (index, found) in found.iter().enumerate() {
        let sent = delivery.sender.send(push, &plaintext, &found.subscription, keys, Timestamp::now());
        sends.push(async move { (index, sent.await) });
    }
    let answers: Vec<(usize, Answer)> = stream::iter(sends).buffer_unordered(AT_ONCE).collect().await;

    let (mut tally, mut gone) = (Tally::default(), Vec::new());
    for (index, answer) in answers {
        tally.add(&found[index].subscription.id, answer);
        if answer == Answer::Gone {
            gone.push(found[index].clone());
        }
    }
    let first_attempt = task.attempt == 0;
    // Who unsubscribed between two attempts is gone; who did so before the first was no recipient.
    if !first_attempt {
        tally.counts.gone += (page.ids.len() - found.len()) as u64;
    }
    let mut outcome = tally.outcome(push, task.attempt, Timestamp::now());
    outcome.counts.recipients = if first_attempt { found.len() as u64 } else { 0 };
    outcome.last_page = first_attempt && !page.more;
    let Counts { delivered, gone: lost, failed, .. } = outcome.counts;
    let retry = outcome.retry.len();
    let (id, page, attempt) = (push.id.as_str(), task.page, task.attempt);
    tracing::info!(
        request_id = push.request_id,
        push = id,
        page,
        attempt,
        delivered,
        gone = lost,
        failed,
        retry,
        "sent"
    );

    Ok(Sent { outcome, gone })
}

/// Removes subscriptions that are no more, once the results are written. One that stays is found gone by the next push.
async fn remove(store: &Store, task: &Task, push: &Push, gone: &[Found]) {
    for found in gone {
        if let Err(error) = store.remove_subscription(&task.account, found).await {
            tracing::warn!(request_id = push.request_id, cause = chain(&error), "a subscription that is gone stays");
        }
    }
}

/// The answers of a task, added up.
#[derive(Default)]
struct Tally {
    counts: Counts,
    /// Who is to be tried again, each not before so many seconds.
    later: Vec<(SubscriptionId, u32)>,
}

impl Tally {
    fn add(&mut self, id: &SubscriptionId, answer: Answer) {
        match answer {
            Answer::Delivered => self.counts.delivered += 1,
            Answer::Gone => self.counts.gone += 1,
            Answer::Failed => self.counts.failed += 1,
            Answer::Later(after) => self.later.push((id.clone(), after.unwrap_or(0).min(LONGEST_DELAY))),
        }
    }

    /// Those who can be tried again before the push's time is over are; the first repeat is never too late.
    fn outcome(mut self, push: &Push, attempt: u32, now: Timestamp) -> Outcome {
        let backoff = backoff(attempt);
        let try_until = push.created_at.plus_seconds(i64::from(push.ttl.seconds()).min(LONGEST_TRY));
        let in_time = |after: u32| attempt == 0 || now.plus_seconds(i64::from(after.max(backoff))) <= try_until;
        let all = self.later.len();
        self.later.retain(|(_, after)| in_time(*after));
        self.counts.failed += (all - self.later.len()) as u64;
        let delay = self.later.iter().map(|(_, after)| *after).fold(backoff, u32::max).min(LONGEST_DELAY);
        let retry = self.later.into_iter().map(|(id, _)| id).collect();

        Outcome { counts: self.counts, last_page: false, retry, delay }
    }
}

/// Seconds before the next attempt: twice as many each time, and by chance up to half as many more.
fn backoff(attempt: u32) -> u32 {
    let seconds = 1u32 << attempt.min(9);
    let chance = u32::from(random::base62(1).as_bytes()[0]) % (seconds / 2 + 1);
    seconds + chance
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(ttl: u64) -> Push {
        let at = Timestamp::from_millis(0);
        serde_json::from_str::<push::Content>(r#"{"title": "Hi"}"#)
            .map(|content| Push {
                id: push::PushId::generate(at),
                key: shared::key::KeyId::generate(at),
                content,
                audience: Audience::All,
                ttl: ttl.try_into().expect("a ttl"),
                urgency: push::Urgency::Normal,
                topic: None,
                request_id: String::new(),
                created_at: at,
                finished_at: None,
                progress: push::Progress::Queued,
                counts: Counts::default(),
            })
            .expect("content")
    }

    fn after_one_later(ttl: u64, attempt: u32, now: i64, retry_after: Option<u32>) -> Outcome {
        let mut tally = Tally::default();
        let id = SubscriptionId::try_from("0".repeat(32)).expect("an id");
        tally.add(&id, Answer::Later(retry_after));
        tally.outcome(&push(ttl), attempt, Timestamp::from_millis(now * 1000))
    }

    #[test]
    fn even_a_push_without_time_is_tried_twice() {
        assert_eq!(after_one_later(0, 0, 5, None).retry.len(), 1);
        assert_eq!(after_one_later(0, 1, 5, None).counts.failed, 1);
    }

    #[test]
    fn nobody_is_tried_after_the_time_or_a_day() {
        assert_eq!(after_one_later(600, 3, 100, None).retry.len(), 1);
        assert_eq!(after_one_later(600, 3, 599, None).retry.len(), 0);
        assert_eq!(after_one_later(2_000_000, 9, 86_399, None).counts.failed, 1);
    }

    #[test]
    fn one_who_must_wait_too_long_does_not_cost_the_others_their_repeat() {
        let mut tally = Tally::default();
        for (digit, after) in [("0", Some(900)), ("1", None), ("2", Some(30))] {
            tally.add(&SubscriptionId::try_from(digit.repeat(32)).expect("an id"), Answer::Later(after));
        }

        let outcome = tally.outcome(&push(600), 1, Timestamp::from_millis(300_000));

        assert_eq!((outcome.retry.len(), outcome.counts.failed, outcome.delay), (2, 1, 30));
    }

    #[test]
    fn retry_after_is_heeded_up_to_what_the_queue_can_hold_back() {
        assert_eq!(after_one_later(86_400, 0, 0, Some(120)).delay, 120);
        assert_eq!(after_one_later(86_400, 0, 0, Some(100_000)).delay, LONGEST_DELAY);
    }
}
