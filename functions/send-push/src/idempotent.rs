//! Sends with an `Idempotency-Key`: repeated requests with the same key are one push.

use lambda_http::http::HeaderName;
use shared::aws::queue::Queue;
use shared::domain::caller::Caller;
use shared::domain::id::PushId;
use shared::domain::idempotency::{Fingerprint, IdempotencyKey};
use shared::domain::push::Push;
use shared::domain::time::Timestamp;
use shared::error::error_chain;
use shared::http::{Problem, Response, ResponseExt as _};
use shared::store::{DeliveryState, IdempotencyState, IdempotentSend, Store};

use crate::accept::{accepted, save_and_queue};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Responds with 202 and the push of this idempotency key: the given one, if the key is new.
pub(crate) async fn accept_once(
    store: &Store,
    queue: &Queue,
    caller: &Caller,
    idempotency_key: &IdempotencyKey,
    body: &str,
    push: Push,
    now: Timestamp,
) -> Result<Response, Problem> {
    let fingerprint = &Fingerprint::of(body, &push.audience);
    let send = IdempotentSend { account: &caller.account, key: &caller.key, idempotency_key, fingerprint };
    let push = match store.claim_idempotency_key(send, &push.id, now).await? {
        IdempotencyState::New => push,
        // Its time to live begins now: the earlier request did not get it accepted.
        IdempotencyState::TakenOver(id) => Push { id, ..push },
        IdempotencyState::Completed(id) => {
            let first = saved(store, caller, &id, now).await?;
            return Ok(accepted(&first).with_header(REPLAYED, "true"));
        }
        IdempotencyState::Mismatch => return Err(Problem::IdempotencyMismatch),
        IdempotencyState::InProgress(retry_after) => return Err(Problem::IdempotencyInProgress { retry_after }),
    };

    let state = match save_and_queue(store, queue, caller, &push).await {
        Ok(state) => state,
        Err(problem) => {
            // A repeat need not wait. If the release fails too, it waits until the claim ends.
            if let Err(error) = store.release_idempotency_key(send).await {
                let cause = error_chain(&error);
                tracing::warn!(push = push.id.as_str(), cause, "an idempotency key stays claimed");
            }
            return Err(problem);
        }
    };
    if let Err(error) = store.mark_queued(send).await {
        // The push is queued. A repeat takes it over and queues it again, which the delivery's lease detects.
        tracing::warn!(push = push.id.as_str(), cause = error_chain(&error), "a push is not marked as queued");
    }
    Ok(accepted(&match state {
        DeliveryState::NotStarted => push,
        // The earlier request did enqueue it, but its response was lost.
        DeliveryState::Started => saved(store, caller, &push.id, now).await?,
    }))
}

async fn saved(store: &Store, caller: &Caller, id: &PushId, now: Timestamp) -> Result<Push, Problem> {
    let push = store.push(&caller.account, id, now).await?;
    push.ok_or_else(|| Problem::internal("an idempotency key has no push"))
}
