//! `GET /keys` and `GET /keys/{id}`: the account's keys, without their secrets.

use serde::Serialize;
use shared::domain::key::KeyId;
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::views::{self, ShownKey};
use shared::http::{self, Member, Page, Reply, Request};
use shared::store::Store;

#[derive(Serialize)]
struct Keys<'a> {
    keys: Vec<ShownKey<'a>>,
    next_cursor: Option<String>,
}

/// Answers 200 with one key, or with a page of them, newest first.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let member = http::member(&request)?;
    if request.path_text("id").is_some() {
        return one(store, &request, &member, now).await;
    }
    let Page { after, most } = http::page::<KeyId>(&request)?;

    let (keys, more) = store.keys(&member.account, after.as_ref(), most).await?;

    Ok(Reply::ok(&Keys {
        keys: keys.iter().map(|key| views::key(key, now)).collect(),
        next_cursor: http::cursor(keys.last().map(|key| key.id.as_str()), more),
    }))
}

async fn one(store: &Store, request: &Request, member: &Member, now: Timestamp) -> Result<Reply, Problem> {
    let id = request.path("id", "key")?;

    let key = store.key(&member.account, &id).await?.ok_or(Problem::NotFound("key"))?;

    Ok(Reply::ok(&views::key(&key, now)).tagged(&key.revision))
}
