//! `GET /channels`: the account's channels.

use serde::Serialize;
use shared::domain::channel::Slug;
use shared::http::pagination::{self, PageRequest};
use shared::http::views::{self, ChannelView};
use shared::http::{Problem, Request, Response, auth, response};
use shared::store::Store;

#[derive(Serialize)]
struct Channels<'a> {
    channels: Vec<ChannelView<'a>>,
    next_cursor: Option<String>,
}

/// Responds with 200 and a page of channels, by slug.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let member = auth::member(request)?;
    let PageRequest { after, limit } = pagination::parse::<Slug>(request)?;

    let page = store.channels(&member.account, after.as_ref(), limit).await?;

    Ok(response::ok(&Channels {
        channels: page.items.iter().map(views::channel).collect(),
        next_cursor: pagination::next_cursor(&page, |channel| channel.slug.as_str()),
    }))
}
