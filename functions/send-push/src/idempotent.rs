//! A send that its sender named by an `Idempotency-Key`: however often it comes, it is one push.

use shared::aws::queue::Queue;
use shared::domain::caller::Caller;
use shared::domain::idempotency::{Fingerprint, IdempotencyKey};
use shared::domain::push::{Push, PushId};
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::{self, Reply};
use shared::store::{Begun, NamedSend, SendClaim, Store};

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
        // Its time begins now: whoever had it before did not get it accepted.
        SendClaim::TakenOver(id) => Push { id, ..push },
        SendClaim::Sent(id) => {
            let first = kept(store, caller, &id, now).await?;
            return Ok(crate::accepted(&first).header("Idempotency-Replayed", "true"));
        }
        SendClaim::Another => return Err(Problem::SendMismatch),
        SendClaim::InFlight(retry_after) => return Err(Problem::SendInFlight { retry_after }),
    };

    let begun = match crate::keep_and_queue(store, queue, caller, &push).await {
        Ok(begun) => begun,
        Err(problem) => {
            // Whoever repeats it need not wait. If this fails too, he waits until the claim is over.
            if let Err(error) = store.release_send(send).await {
                tracing::warn!(push = push.id.as_str(), cause = http::chain(&error), "a named send stays claimed");
            }
            return Err(problem);
        }
    };
    if let Err(error) = store.note_sent(send).await {
        // It is on its way. A repeat takes it over and queues it again, which a delivery notices.
        tracing::warn!(push = push.id.as_str(), cause = http::chain(&error), "a named send is not noted as sent");
    }
    Ok(crate::accepted(&match begun {
        Begun::NotYet => push,
        // Whoever had it before did get it to the queue, and was not told.
        Begun::Yes => kept(store, caller, &push.id, now).await?,
    }))
}

async fn kept(store: &Store, caller: &Caller, id: &PushId, now: Timestamp) -> Result<Push, Problem> {
    let kept = store.push(&caller.account, id, now).await?;
    kept.ok_or_else(|| Problem::internal("a named send has no push"))
}
