//! Acceptance of a push: saved, queued, and answered with 202.

use serde::Serialize;
use shared::aws::queue::Queue;
use shared::domain::caller::Caller;
use shared::domain::delivery_task::DeliveryTask;
use shared::domain::id::PushId;
use shared::domain::notification::plaintext;
use shared::domain::push::{Push, PushStatus};
use shared::domain::time::Timestamp;
use shared::error::error_chain;
use shared::http::views::{self, AudienceView};
use shared::http::{Problem, Response, ResponseExt as _, response};
use shared::store::{DeliveryState, Store};

#[derive(Serialize)]
struct AcceptedPush<'a> {
    id: &'a PushId,
    status: PushStatus,
    audience: AudienceView<'a>,
    bytes: usize,
    created_at: Timestamp,
}

/// Saves and queues a push. On failure it is deleted again, unless its delivery has started: then the queue accepted it, but
/// the response was lost.
pub(crate) async fn accept(store: &Store, queue: &Queue, caller: &Caller, push: &Push) -> Result<(), Problem> {
    let Err(problem) = save_and_queue(store, queue, caller, push).await else { return Ok(()) };
    match store.delete_unqueued_push(&caller.account, &push.id).await {
        Ok(DeliveryState::Started) => return Ok(()),
        Ok(DeliveryState::NotStarted) => {}
        Err(error) => {
            tracing::warn!(push = push.id.as_str(), cause = error_chain(&error), "a push may stay queued for ever");
        }
    }
    Err(problem)
}

/// Saves and queues a push, unless its delivery has started.
pub(crate) async fn save_and_queue(
    store: &Store,
    queue: &Queue,
    caller: &Caller,
    push: &Push,
) -> Result<DeliveryState, Problem> {
    let state = store.save_push(&caller.account, push).await?;
    if state == DeliveryState::NotStarted {
        queue.send(&DeliveryTask::first(&caller.account, &push.id), 0).await?;
    }
    Ok(state)
}

/// The response of an accepted push.
pub(crate) fn accepted(push: &Push) -> Response {
    let Push { id, notification, audience, created_at, .. } = push;
    let body = AcceptedPush {
        id,
        status: PushStatus::Queued,
        audience: views::audience(audience),
        bytes: plaintext(id, notification).len(),
        created_at: *created_at,
    };
    response::accepted(&format!("/push/{}", id.as_str()), &body).with_push_id(id)
}
