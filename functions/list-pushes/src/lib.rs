//! `GET /pushes` and `GET /pushes/{id}`: the recent pushes of the account, or of one of its keys.

use futures::future::try_join_all;
use serde::Serialize;
use shared::domain::id::{KeyId, PushId};
use shared::domain::time::Timestamp;
use shared::http::auth::Member;
use shared::http::pagination::PageRequest;
use shared::http::views::{self, PushView};
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/pushes"), ("GET", "/pushes/{id}")];

#[derive(Serialize)]
struct Pushes<'a> {
    pushes: Vec<PushView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and one push, or with a page of pushes, newest first.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let member = auth::member(request)?;
    if request.raw_path_param("id").is_some() {
        return one(store, request, &member, now).await;
    }
    let key: Option<KeyId> = request.parse_query("key_id")?;
    let asked: PageRequest<PushId> = PageRequest::parse_beside(&["key_id"], request, &member)?;

    let (account, after) = (&member.account, asked.after.as_ref());
    let mut page = match &key {
        None => store.pushes(account, after, asked.limit, now).await?,
        Some(key) => store.pushes_of_key(account, key, after, asked.limit, now).await?,
    };
    try_join_all(page.items.iter_mut().map(|push| store.read_state(account, push))).await?;

    Ok(response::ok(&Pushes {
        pushes: page.items.iter().map(views::push).collect(),
        next_cursor: asked.next_cursor(&page, |push| push.id.as_str()),
    }))
}

async fn one(store: &Store, request: &Request, member: &Member, now: Timestamp) -> Result<Response, Problem> {
    let id = request.path_param("id", "push")?;

    let mut push = store.push(&member.account, &id, now).await?.ok_or(Problem::NotFound("push"))?;
    store.read_progress(&member.account, &mut push).await?;

    Ok(response::ok(&views::push(&push)))
}
