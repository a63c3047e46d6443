//! `GET /keys/{id}/history`: the audit events of a key, also after its deletion.

use serde::Serialize;
use shared::domain::id::{EventId, KeyId};
use shared::domain::time::Timestamp;
use shared::http::pagination::{self, PageRequest};
use shared::http::views::{self, AuditEventView};
use shared::http::{Extract as _, Problem, Request, Response, auth, response};
use shared::store::Store;

#[derive(Serialize)]
struct History<'a> {
    events: Vec<AuditEventView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and a page of events, newest first. A key without events never existed, or was created more than a
/// year ago.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let member = auth::member(request)?;
    let id: KeyId = request.path_param("id", "key")?;
    let PageRequest { after, limit } = pagination::parse::<EventId>(request)?;

    let page = store.history(&member.account, &id, after.as_ref(), limit, now).await?;
    if page.items.is_empty() && after.is_none() && store.key(&member.account, &id).await?.is_none() {
        return Err(Problem::NotFound("key"));
    }

    Ok(response::ok(&History {
        events: page.items.iter().map(views::event).collect(),
        next_cursor: pagination::next_cursor(&page, |event| event.id.as_str()),
    }))
}
