//! `DELETE /channels/{channel}`: ends a channel that no key names.

use shared::http::{self, Reply, Request};
use shared::problem::Problem;
use shared::store::{Removed, Store};

/// Answers 204.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let admin = http::admin(&request)?;
    let slug = request.path("channel", "channel")?;

    match store.delete_channel(&admin.account, &slug).await? {
        Removed::Done => Ok(Reply::nothing()),
        Removed::Absent => Err(Problem::NotFound("channel")),
        Removed::InUse(keys) => Err(Problem::ChannelInUse(keys)),
    }
}
