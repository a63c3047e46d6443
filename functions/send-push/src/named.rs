//! A send that its sender named by an `Idempotency-Key`: however often it comes, it is one push.

use shared::caller::Caller;
use shared::http::{self, Reply};
use shared::idempotency::{Fingerprint, IdempotencyKey};
use shared::problem::Problem;
use shared::push::Push;
use shared::queue::Queue;
use shared::store::{NamedSend, SendClaim, Store};
use shared::task::Task;
use shared::time::Timestamp;

/// Answers 202 with the push of this name, which is this one if there was none.
pub(crate) async fn send_named(
    store: &Store,
    queue: &Queue,
    caller: &Caller,
    name: &IdempotencyKey,
    body: &str,
    push: Push,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let fingerprint = Fingerprint::of(body, &push.audience);
    let send = NamedSend { account: &caller.account, key: &caller.key, name, fingerprint: &fingerprint };
    let push = match store.claim_send(send, &push.id, now).await? {
        SendClaim::Ours => push,
        // The one before may have kept it already, or not.
        SendClaim::TakenOver(id) => match store.push(&caller.account, &id, now).await? {
            Some(kept) => kept,
            None => Push { id, ..push },
        },
        SendClaim::Sent(id) => {
            let first = store.push(&caller.account, &id, now).await?;
            let first = first.ok_or_else(|| Problem::internal("a named send has no push"))?;
            return Ok(crate::accepted(&first).header("Idempotency-Replayed", "true"));
        }
        SendClaim::Another => return Err(Problem::SendMismatch),
        SendClaim::InFlight(retry_after) => return Err(Problem::SendInFlight { retry_after }),
    };

    if let Err(problem) = keep_and_queue(store, queue, caller, &push).await {
        // Whoever repeats it need not wait. If this fails too, he waits until the claim is over.
        if let Err(error) = store.release_send(send).await {
            tracing::warn!(push = push.id.as_str(), cause = http::chain(&error), "a named send stays claimed");
        }
        return Err(problem);
    }
    if let Err(error) = store.note_sent(send).await {
        // It is on its way. A repeat takes it over and queues it again, which a delivery notices.
        tracing::warn!(push = push.id.as_str(), cause = http::chain(&error), "a named send is not noted as sent");
    }
    Ok(crate::accepted(&push))
}

async fn keep_and_queue(store: &Store, queue: &Queue, caller: &Caller, push: &Push) -> Result<(), Problem> {
    store.add_push(&caller.account, push).await?;
    Ok(queue.put(&Task::first(&caller.account, &push.id), 0).await?)
}
