//! `POST /push` and `POST /channels/{channel}/push`: accepts a push for delivery, if the key reaches its audience.

mod wish;

use serde::Serialize;
use shared::caller::Caller;
use shared::http::{self, Reply, Request};
use shared::problem::Problem;
use shared::push::{self, Audience, Counts, MOST_BYTES, Progress, Push, PushId, ShownAudience};
use shared::queue::Queue;
use shared::scope::{self, Reach};
use shared::store::Store;
use shared::task::Task;
use shared::time::Timestamp;

use crate::wish::Wish;

/// A dry run counts so many recipients; beyond that it gives a lower bound.
const MOST_COUNTED: usize = 1_000;

#[derive(Serialize)]
struct Accepted<'a> {
    id: &'a PushId,
    status: Progress,
    audience: ShownAudience<'a>,
    bytes: usize,
    created_at: Timestamp,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the API's own word")]
struct DryRun<'a> {
    dry_run: bool,
    decision: Decision,
    audience: ShownAudience<'a>,
    recipients: Counted,
    bytes: usize,
}

#[derive(Serialize)]
struct Decision {
    allow: bool,
    rule: &'static str,
}

#[derive(Serialize)]
struct Counted {
    count: usize,
    exact: bool,
}

/// Answers 202 when the push is kept and queued; 200 to a dry run, which does neither.
pub async fn handle(store: &Store, queue: &Queue, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let caller = http::caller(&request)?;
    let Wish { content, requested, ttl, urgency, topic, dry_run } = Wish::read(&request)?;
    let reach = scope::decide(&caller.scope, requested.as_ref()).map_err(Problem::Scope)?;
    let rule = reach.rule();
    let audience = audience(store, &caller, reach).await?;
    let id = PushId::generate(now);
    let bytes = push::plaintext(&id, &content).len();
    if bytes > MOST_BYTES {
        return Err(Problem::PushTooLarge(bytes));
    }
    if dry_run {
        return answer_dry_run(store, &caller, &audience, rule, bytes).await;
    }

    let push = Push {
        id,
        key: caller.key,
        content,
        audience,
        ttl,
        urgency,
        topic,
        request_id: request.id,
        created_at: now,
        finished_at: None,
        progress: Progress::Queued,
        counts: Counts::default(),
    };
    store.add_push(&caller.account, &push).await?;
    queue.put(&Task::first(&caller.account, &push.id), 0).await?;

    let accepted =
        Accepted { id: &push.id, status: push.progress, audience: push.audience.shown(), bytes, created_at: now };
    Ok(Reply::accepted(&format!("/push/{}", push.id.as_str()), &accepted).of_push(&push.id))
}

/// The audience of a decision. Only a key that reaches everyone learns which channels do not exist.
async fn audience(store: &Store, caller: &Caller, reach: Reach) -> Result<Audience, Problem> {
    match reach {
        Reach::Everyone => Ok(Audience::All),
        Reach::Assigned { channels, .. } => Ok(Audience::Channels(channels)),
        Reach::Requested(slugs) => {
            let channels = store.resolve(&caller.account, &slugs).await?;
            channels.map(Audience::Channels).map_err(Problem::UnknownChannel)
        }
    }
}

async fn answer_dry_run(
    store: &Store,
    caller: &Caller,
    audience: &Audience,
    rule: &'static str,
    bytes: usize,
) -> Result<Reply, Problem> {
    let found = store.recipients(&caller.account, audience, None, MOST_COUNTED).await?;

    Ok(Reply::ok(&DryRun {
        dry_run: true,
        decision: Decision { allow: true, rule },
        audience: audience.shown(),
        recipients: Counted { count: found.ids.len(), exact: !found.more },
        bytes,
    }))
}
