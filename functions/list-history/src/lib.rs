//! `GET /history`: the audit events of all keys of the account, also of deleted ones.

use serde::Serialize;
use shared::domain::id::EventId;
use shared::domain::time::Timestamp;
use shared::http::pagination::PageRequest;
use shared::http::views::{self, AccountEventView};
use shared::http::{Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/history")];

#[derive(Serialize)]
struct History<'a> {
    events: Vec<AccountEventView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and a page of events, newest first.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let member = auth::member(request)?;
    let asked: PageRequest<EventId> = PageRequest::parse(request, &member)?;

    let page = store.account_history(&member.account, asked.after.as_ref(), asked.limit, Timestamp::now()).await?;

    Ok(response::ok(&History {
        events: page.items.iter().map(views::account_event).collect(),
        next_cursor: asked.next_cursor(&page, |one| one.event.id.as_str()),
    }))
}
