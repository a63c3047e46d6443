//! `GET /keys/{id}/history`: the audit events of a key, also after its deletion.

use serde::Serialize;
use shared::domain::id::{EventId, KeyId};
use shared::domain::time::Timestamp;
use shared::http::pagination::PageRequest;
use shared::http::views::{self, AuditEventView};
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/keys/{id}/history")];

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
    let asked: PageRequest<EventId> = PageRequest::parse(request, &member)?;

    let page = store.history(&member.account, &id, asked.after.as_ref(), asked.limit, now).await?;
    if page.items.is_empty() && asked.after.is_none() && store.key(&member.account, &id).await?.is_none() {
        return Err(Problem::NotFound("key"));
    }

    Ok(response::ok(&History {
        events: page.items.iter().map(views::event).collect(),
        next_cursor: asked.next_cursor(&page, |event| event.id.as_str()),
    }))
}
