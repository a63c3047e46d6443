//! One task: claim it, send, add up, and put what follows from it on the queue. Each step can be repeated after any
//! failure, so that nobody is sent to twice and nobody is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use shared::domain::delivery_task::Task;
use shared::domain::push::{self, Audience, Push};
use shared::domain::random;
use shared::domain::subscription::SubscriptionId;
use shared::domain::time::Timestamp;
use shared::domain::vapid::VapidKeys;
use shared::http::chain;
use shared::http::problem::Problem;
use shared::store::{self, Claim, Finished, Found, Outcome, Recipients, Store, Waiting};
use tokio::time::sleep;

use crate::Delivery;
use crate::retry::Tally;
use crate::task_log::Report;
use crate::transport::web_push::{Answer, Answered};

/// So many recipients are one task.
const PAGE: usize = 100;

/// So many are sent to at once.
const AT_ONCE: usize = 50;

/// A claim holds so many seconds: longer than the function may run, shorter than a message stays away.
const LEASE: i64 = 90;

/// So often the results are offered to a store that does not answer.
const TRIES_TO_FINISH: u32 = 5;

/// Why a task is not done. Its message comes again.
pub(crate) enum NotDone {
    /// Somebody else is at it.
    Taken,
    /// Something that it needs failed.
    Failed(Problem),
}

impl<E: Into<Problem>> From<E> for NotDone {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Carries out a task, or does nothing if it is done.
pub(crate) async fn carry_out(delivery: &Delivery, task: &Task, report: &mut Report<'_>) -> Result<(), NotDone> {
    let (store, now) = (&delivery.store, Timestamp::now());
    let Some(push) = store.push(&task.account, &task.push, now).await? else {
        report.outcome = "no_push";
        return Ok(());
    };
    report.of(&push);
    let owner = random::base62(16);
    let outcome = match store.claim(task, &owner, now, now.plus_seconds(LEASE)).await? {
        Claim::Taken => return Err(NotDone::Taken),
        Claim::Done(outcome) => {
            report.outcome = "done_before";
            outcome
        }
        Claim::Ours(noted) => {
            let turn = turn(delivery, task, &push.audience, &owner, noted, now).await?;
            let Sent { outcome, gone } = Box::pin(send(delivery, task, &push, turn, report)).await?;
            report.outcome = if outcome.retry.is_empty() { "done" } else { "retry" };
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

/// Whose turn it is with a task.
struct Turn {
    ids: Vec<SubscriptionId>,
    /// Those whom a push service wants to wait longer. They are left to the next attempt.
    waiting: Vec<Waiting>,
    last_page: bool,
}

/// Whose turn it is: at first the page that the claim notes, or a new one that it notes from now on; later those whom the
/// attempt before left. If another page follows, its task is on the queue.
async fn turn(
    delivery: &Delivery,
    task: &Task,
    audience: &Audience,
    owner: &str,
    noted: Option<Recipients>,
    now: Timestamp,
) -> Result<Turn, NotDone> {
    let store = &delivery.store;
    if task.attempt > 0 {
        let (due, waiting): (Vec<_>, _) = store.left_by(task).await?.into_iter().partition(|it| it.not_before <= now);
        return Ok(Turn { ids: due.into_iter().map(|it| it.id).collect(), waiting, last_page: false });
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
    // Forgotten since it was read, or ended by somebody else: the message comes again and finds which.
    if task.page == 0 && !store.start_push(&task.account, &task.push).await? {
        return Err(NotDone::Taken);
    }
    if page.more {
        let next = Task { page: task.page + 1, after: page.ids.last().cloned(), ..task.clone() };
        delivery.queue.put(&next, 0).await?;
    }
    Ok(Turn { ids: page.ids, waiting: Vec::new(), last_page: !page.more })
}

/// What was sent: the results, and the subscriptions that are no more.
struct Sent {
    outcome: Outcome,
    gone: Vec<Found>,
}

/// Sends to those whose turn it is.
async fn send(
    delivery: &Delivery,
    task: &Task,
    push: &Push,
    turn: Turn,
    report: &mut Report<'_>,
) -> Result<Sent, NotDone> {
    let mut found = delivery.store.subscriptions(&task.account, &turn.ids).await?;
    // It may have left the channels since it was found in them.
    found.retain(|found| push.audience.holds(found.memberships.keys()));
    let answers = answers(delivery, push, &found).await?;

    let already_waiting = turn.waiting.len();
    let (mut tally, mut gone) = (Tally::of(turn.waiting), Vec::new());
    for (index, Answered { answer, .. }) in &answers {
        tally.add(&found[*index].subscription.id, *answer);
        if *answer == Answer::Gone {
            gone.push(found[*index].clone());
        }
    }
    let first_attempt = task.attempt == 0;
    // Who unsubscribed between two attempts is gone; who did so before the first was no recipient.
    if !first_attempt {
        tally.counts.gone += (turn.ids.len() - found.len()) as u64;
    }
    let mut outcome = tally.outcome(push, task.attempt, Timestamp::now());
    outcome.counts.recipients = if first_attempt { found.len() as u64 } else { 0 };
    outcome.last_page = turn.last_page;
    report.sent(&answers, &outcome, outcome.retry.len() - already_waiting);

    Ok(Sent { outcome, gone })
}

/// What the push services say of each subscription, by its place. Signatures that none of our keys makes acceptable may be
/// those of a secret that has been rotated since it was read: then it is read again, and they are tried once more.
async fn answers(delivery: &Delivery, push: &Push, found: &[Found]) -> Result<Vec<(usize, Answered)>, NotDone> {
    let noted = found.iter().map(|found| found.subscription.vapid.as_str());
    let keys = delivery.vapid.keys_with(noted, Timestamp::now()).await?;
    let everybody = (0..found.len()).collect();
    let mut answers = offer(delivery, push, found, everybody, &keys).await;

    let refused = |(index, answered): &(usize, Answered)| {
        (answered.answer == Answer::SignatureRefused).then_some((*index, found[*index].subscription.vapid.as_str()))
    };
    let (places, noted): (Vec<usize>, BTreeSet<&str>) = answers.iter().filter_map(refused).unzip();
    let mut newer = Arc::clone(&keys);
    for id in noted {
        newer = delivery.vapid.keys_doubting(id, Timestamp::now()).await?;
    }
    if newer.exceed(&keys) {
        answers.retain(|(_, answered)| answered.answer != Answer::SignatureRefused);
        answers.extend(offer(delivery, push, found, places, &newer).await);
    }
    Ok(answers)
}

/// Sends to the subscriptions at these places, many at a time.
async fn offer(
    delivery: &Delivery,
    push: &Push,
    found: &[Found],
    places: Vec<usize>,
    keys: &VapidKeys,
) -> Vec<(usize, Answered)> {
    let plaintext = &push::plaintext(&push.id, &push.content);
    // Collected first: the compiler cannot name the lifetimes of a closure that lends to a future.
    let mut sends = Vec::with_capacity(places.len());
    for index in places {
        let sent = delivery.sender.send(push, plaintext, &found[index].subscription, keys, Timestamp::now());
        sends.push(async move { (index, sent.await) });
    }
    stream::iter(sends).buffer_unordered(AT_ONCE).collect().await
}

/// Removes subscriptions that are no more, once the results are written. One that stays is found gone by the next push.
async fn remove(store: &Store, task: &Task, push: &Push, gone: &[Found]) {
    for found in gone {
        if let Err(error) = store.remove_subscription(&task.account, found).await {
            tracing::warn!(request_id = push.request_id, cause = chain(&error), "a subscription that is gone stays");
        }
    }
}
