//! `DELETE /subscriptions/{id}`: takes a subscription out of the key's channels, and away when it is in none.

use shared::domain::scope::Scope;
use shared::domain::subscription::SubscriptionId;
use shared::http::problem::Problem;
use shared::http::{self, Reply, Request};
use shared::store::{Memberships, Store};

/// So often the change is made again on what somebody else left.
const TRIES: u32 = 10;

/// Answers 204.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let caller = http::caller(&request)?;
    let id: SubscriptionId = request.path("id", "subscription")?;

    for _ in 0..TRIES {
        let found = store.subscription(&caller.account, &id).await?.ok_or(Problem::NotFound("subscription"))?;
        let left = match &caller.scope {
            Scope::All => Memberships::new(),
            Scope::Channels(own) => store.others(&caller.account, &found, own).await?,
        };
        let done = if left.is_empty() {
            store.remove_subscription(&caller.account, &found).await?
        } else {
            store.put_subscription(&caller.account, Some(&found), &found.subscription, &left).await?
        };
        if done {
            return Ok(Reply::nothing());
        }
    }
    Err(Problem::EditConflict)
}
