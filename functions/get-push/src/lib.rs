//! `GET /push/{id}`: what became of a push, for the key that sent it.

use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::views;
use shared::http::{self, Reply, Request};
use shared::store::Store;

/// Answers 200 with the push. Another key's push is as good as none.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let caller = http::caller(&request)?;
    let id = request.path("id", "push")?;

    let push = store.push(&caller.account, &id, Timestamp::now()).await?;
    let push = push.filter(|push| push.key == caller.key).ok_or(Problem::NotFound("push"))?;

    Ok(Reply::ok(&views::push(&push)))
}
