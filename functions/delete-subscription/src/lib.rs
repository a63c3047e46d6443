//! `DELETE /subscriptions/{id}`: removes a subscription from the key's channels, and deletes it when it is in none.

use shared::domain::scope::Scope;
use shared::domain::subscription::SubscriptionId;
use shared::http::{EditAttempts, Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::{Memberships, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("DELETE", "/subscriptions/{id}")];

/// Responds with 204.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let caller = auth::caller(request)?;
    let id: SubscriptionId = request.path_param("id", "subscription")?;

    let mut attempts = EditAttempts::start();
    loop {
        let stored = store.subscription(&caller.account, &id).await?.ok_or(Problem::NotFound("subscription"))?;
        let remaining = match &caller.scope {
            Scope::All => Memberships::new(),
            Scope::Channels(own) => store.memberships_outside(&caller.account, &stored, own).await?,
        };
        let written = if remaining.is_empty() {
            store.delete_subscription(&caller.account, &stored).await?
        } else {
            store.put_subscription(&caller.account, Some(&stored), &stored.subscription, &remaining).await?
        };
        if written {
            return Ok(response::no_content());
        }
        attempts.retry()?;
    }
}
