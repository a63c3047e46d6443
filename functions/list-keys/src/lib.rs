//! `GET /keys` and `GET /keys/{id}`: the account's keys, without their secrets.

use serde::Serialize;
use shared::domain::id::KeyId;
use shared::domain::time::Timestamp;
use shared::http::auth::Member;
use shared::http::pagination::PageRequest;
use shared::http::views::{self, KeyView};
use shared::http::{Extract as _, Problem, Request, Response, ResponseExt as _, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/keys"), ("GET", "/keys/{id}")];

#[derive(Serialize)]
struct Keys<'a> {
    keys: Vec<KeyView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and one key, or with a page of keys, newest first.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let member = auth::member(request)?;
    if request.raw_path_param("id").is_some() {
        return one(store, request, &member, now).await;
    }
    let asked: PageRequest<KeyId> = PageRequest::parse_beside(&["usage"], request, &member)?;
    let in_total = match request.query_param("usage") {
        None => false,
        Some("total") => true,
        Some(_) => return Err(Problem::InvalidParameter("usage must be total".to_owned())),
    };

    let page = store.keys(&member.account, asked.after.as_ref(), asked.limit).await?;

    let view = |key| if in_total { views::key(key, now).without_days() } else { views::key(key, now) };
    Ok(response::ok(&Keys {
        keys: page.items.iter().map(view).collect(),
        next_cursor: asked.next_cursor(&page, |key| key.id.as_str()),
    }))
}

async fn one(store: &Store, request: &Request, member: &Member, now: Timestamp) -> Result<Response, Problem> {
    let id = request.path_param("id", "key")?;

    let key = store.key(&member.account, &id).await?.ok_or(Problem::NotFound("key"))?;

    Ok(response::ok(&views::key(&key, now)).with_etag(&key.revision))
}
