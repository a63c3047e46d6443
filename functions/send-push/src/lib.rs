//! `POST /push` and `POST /channels/{channel}/push`: accepts a push for delivery, if the key reaches its audience.

mod idempotent;

use serde::Serialize;
use shared::aws::queue::Queue;
use shared::domain::caller::Caller;
use shared::domain::delivery_task::Task;
use shared::domain::idempotency::IdempotencyKey;
use shared::domain::push::{self, Counts, Progress, Push, PushId, ShownAudience};
use shared::domain::time::Timestamp;
use shared::http::preview::{Outlook, Plan};
use shared::http::problem::Problem;
use shared::http::send_request::Wish;
use shared::http::{self, Reply, Request};
use shared::store::{Begun, Store};

use crate::idempotent::send_named;

#[derive(Serialize)]
struct Accepted<'a> {
    id: &'a PushId,
    status: Progress,
    audience: ShownAudience<'a>,
    bytes: usize,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct DryRun<'a> {
    dry_run: bool,
    #[serde(flatten)]
    outlook: Outlook<'a>,
}

/// Answers 202 when the push is kept and queued; 200 to a dry run, which does neither.
pub async fn handle(store: &Store, queue: &Queue, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let caller = http::caller(&request)?;
    let name: Option<IdempotencyKey> = request.header_as("Idempotency-Key")?;
    let Wish { content, requested, ttl, urgency, topic, dry_run } = Wish::read(&request)?;
    let id = PushId::generate(now);
    let plan = Plan::make(store, &caller.account, &caller.scope, requested.as_ref(), &content, &id).await?;
    if dry_run {
        let outlook = plan.outlook(store, &caller.account).await?;
        return Ok(Reply::ok(&DryRun { dry_run, outlook }));
    }

    let push = Push {
        id,
        key: caller.key.clone(),
        content,
        audience: plan.audience,
        ttl,
        urgency,
        topic,
        request_id: request.id.clone(),
        created_at: now,
        finished_at: None,
        progress: Progress::Queued,
        counts: Counts::default(),
    };
    match name {
        None => accept(store, queue, &caller, &push).await?,
        Some(name) => return send_named(store, queue, &caller, &name, request.body(), push, now).await,
    }
    Ok(accepted(&push))
}

/// Keeps a push and brings it to the queue. If that fails, it is as if it had never been; unless the queue took it without
/// saying so, and its delivery has begun.
async fn accept(store: &Store, queue: &Queue, caller: &Caller, push: &Push) -> Result<(), Problem> {
    let Err(problem) = keep_and_queue(store, queue, caller, push).await else { return Ok(()) };
    match store.forget_push(&caller.account, &push.id).await {
        Ok(Begun::Yes) => return Ok(()),
        Ok(Begun::NotYet) => {}
        Err(also) => {
            tracing::warn!(push = push.id.as_str(), cause = http::chain(&also), "a push may stay queued for ever");
        }
    }
    Err(problem)
}

/// Keeps a push and brings it to the queue, if its delivery has not begun.
async fn keep_and_queue(store: &Store, queue: &Queue, caller: &Caller, push: &Push) -> Result<Begun, Problem> {
    let begun = store.keep_push(&caller.account, push).await?;
    if begun == Begun::NotYet {
        queue.put(&Task::first(&caller.account, &push.id), 0).await?;
    }
    Ok(begun)
}

/// The answer to a push that is kept and queued.
fn accepted(push: &Push) -> Reply {
    let Push { id, audience, created_at, .. } = push;
    let bytes = push::plaintext(id, &push.content).len();
    let body = Accepted { id, status: Progress::Queued, audience: audience.shown(), bytes, created_at: *created_at };
    Reply::accepted(&format!("/push/{}", id.as_str()), &body).of_push(id)
}
