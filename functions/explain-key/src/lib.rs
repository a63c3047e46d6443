//! `POST /keys/{id}/explain`: what would become of a push, were it sent with this key now. Nothing is sent or counted.

use shared::domain::key::{Ask, AskedReach, Key, KeyId};
use shared::domain::permission::Permission;
use shared::domain::push::{self, PushId};
use shared::domain::time::Timestamp;
use shared::http::preview::{Outlook, Plan};
use shared::http::problem::Problem;
use shared::http::send_request::Wish;
use shared::http::{self, Reply, Request};
use shared::store::Store;

/// Answers 200, whether the push would be accepted or refused.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let admin = http::admin(&request)?;
    let id: KeyId = request.path("id", "key")?;
    let wish = Wish::read(&request)?;
    let key = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
    let push = PushId::generate(now);

    match plan(store, &key, &wish, &push, now).await {
        Ok(plan) => Ok(Reply::ok(&plan.outlook(store, &key.account).await?)),
        Err(problem) if problem.cause().is_some() => Err(problem),
        Err(problem) => Ok(Reply::ok(&Outlook::refused(&problem, push::plaintext(&push, &wish.content).len()))),
    }
}

/// What the authorizer would look at, and then what the send itself would.
async fn plan(store: &Store, key: &Key, wish: &Wish, push: &PushId, now: Timestamp) -> Result<Plan, Problem> {
    let ask = Ask { permission: Permission::Send, reach: AskedReach::InBody };
    if let Err(refusal) = key.judge(&key.hash, &ask, now) {
        return Err(
            Problem::refused(refusal).unwrap_or_else(|| Problem::internal("a key has another secret than its own"))
        );
    }
    Plan::make(store, &key.account, &key.scope, wish.requested.as_ref(), &wish.content, push).await
}
