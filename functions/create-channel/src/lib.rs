//! `POST /channels`: makes a channel.

use shared::answers;
use shared::channel::{Channel, ChannelId};
use shared::fields::text;
use shared::http::{self, Reply, Request};
use shared::problem::Problem;
use shared::store::{Added, Store};
use shared::time::Timestamp;

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
        Added::Done => Ok(Reply::created(&format!("/channels/{}", channel.slug), &answers::channel(&channel))),
        Added::Exists => Err(Problem::ChannelExists),
    }
}
