//! `POST /channels`: makes a channel.

use shared::domain::channel::{Channel, ChannelId};
use shared::domain::time::Timestamp;
use shared::http::json_body::text;
use shared::http::problem::Problem;
use shared::http::views;
use shared::http::{self, Reply, Request};
use shared::store::{Added, Store};

/// Answers 201 with the channel.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let admin = http::admin(&request)?;
    let mut fields = request.fields()?;
    let slug = fields.required("slug", text);
    fields.finish()?;
    let channel = Channel {
        slug: slug?,
        id: ChannelId::generate(),
        created_at: Timestamp::now(),
        created_by: admin.author.clone(),
        subscriptions: 0,
    };

    match store.add_channel(&admin.account, &channel).await? {
        Added::Done => Ok(Reply::created(&format!("/channels/{}", channel.slug), &views::channel(&channel))),
        Added::Exists => Err(Problem::ChannelExists),
    }
}
