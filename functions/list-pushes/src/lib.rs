//! `GET /pushes` and `GET /pushes/{id}`: the account's recent sends, for its people.

use serde::Serialize;
use shared::domain::push::PushId;
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::views::{self, ShownPush};
use shared::http::{self, Member, Page, Reply, Request};
use shared::store::Store;

#[derive(Serialize)]
struct Pushes<'a> {
    pushes: Vec<ShownPush<'a>>,
    next_cursor: Option<String>,
}

/// Answers 200 with one push, or with a page of them, newest first.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let member = http::member(&request)?;
    if request.path_text("id").is_some() {
        return one(store, &request, &member, now).await;
    }
    let Page { after, most } = http::page::<PushId>(&request)?;

    let (pushes, more) = store.pushes(&member.account, after.as_ref(), most, now).await?;

    Ok(Reply::ok(&Pushes {
        pushes: pushes.iter().map(views::push).collect(),
        next_cursor: http::cursor(pushes.last().map(|push| push.id.as_str()), more),
    }))
}

async fn one(store: &Store, request: &Request, member: &Member, now: Timestamp) -> Result<Reply, Problem> {
    let id = request.path("id", "push")?;

    let push = store.push(&member.account, &id, now).await?.ok_or(Problem::NotFound("push"))?;

    Ok(Reply::ok(&views::push(&push)))
}
