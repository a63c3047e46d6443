//! `GET /channels`: the account's channels.

use serde::Serialize;
use shared::domain::channel::Slug;
use shared::http::pagination::PageRequest;
use shared::http::views::{self, ChannelView};
use shared::http::{Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/channels")];

#[derive(Serialize)]
struct Channels<'a> {
    channels: Vec<ChannelView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and a page of channels, by slug.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let member = auth::member(request)?;
    let asked: PageRequest<Slug> = PageRequest::parse(request, &member)?;

    let page = store.channels(&member.account, asked.after.as_ref(), asked.limit).await?;

    Ok(response::ok(&Channels {
        channels: page.items.iter().map(views::channel).collect(),
        next_cursor: asked.next_cursor(&page, |channel| channel.slug.as_str()),
    }))
}
