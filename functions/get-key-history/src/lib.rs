//! `GET /keys/{id}/history`: who did what to a key, and when; also after its deletion.

use serde::Serialize;
use shared::domain::history::EventId;
use shared::domain::key::KeyId;
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::views::{self, ShownEvent};
use shared::http::{self, Page, Reply, Request};
use shared::store::Store;

#[derive(Serialize)]
struct History<'a> {
    events: Vec<ShownEvent<'a>>,
    next_cursor: Option<String>,
}

/// Answers 200 with a page of events, newest first. A key without any was never made, or more than a year ago.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let member = http::member(&request)?;
    let id: KeyId = request.path("id", "key")?;
    let Page { after, most } = http::page::<EventId>(&request)?;

    let (events, more) = store.history(&member.account, &id, after.as_ref(), most, now).await?;
    if events.is_empty() && after.is_none() && store.key(&member.account, &id).await?.is_none() {
        return Err(Problem::NotFound("key"));
    }

    Ok(Reply::ok(&History {
        events: events.iter().map(views::event).collect(),
        next_cursor: http::cursor(events.last().map(|event| event.id.as_str()), more),
    }))
}
