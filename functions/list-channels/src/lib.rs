//! `GET /channels`: the account's channels.

use serde::Serialize;
use shared::domain::channel::Slug;
use shared::http::problem::Problem;
use shared::http::views::{self, ShownChannel};
use shared::http::{self, Page, Reply, Request};
use shared::store::Store;

#[derive(Serialize)]
struct Channels<'a> {
    channels: Vec<ShownChannel<'a>>,
    next_cursor: Option<String>,
}

/// Answers 200 with a page of channels, by slug.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let member = http::member(&request)?;
    let Page { after, most } = http::page::<Slug>(&request)?;

    let (channels, more) = store.channels(&member.account, after.as_ref(), most).await?;

    Ok(Reply::ok(&Channels {
        channels: channels.iter().map(views::channel).collect(),
        next_cursor: http::cursor(channels.last().map(|channel| channel.slug.as_str()), more),
    }))
}
