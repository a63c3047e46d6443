//! `POST /channels`: creates a channel.

use shared::domain::channel::{Channel, ChannelId};
use shared::domain::time::Timestamp;
use shared::http::json_body::parsed;
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response, views};
use shared::store::{CreateOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/channels")];

/// Responds with 201 and the channel.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let admin = auth::admin(request)?;
    let mut body = request.json_body()?;
    let slug = body.required("slug", parsed);
    body.finish()?;
    let channel = Channel {
        slug: slug?,
        id: ChannelId::generate(),
        created_at: Timestamp::now(),
        created_by: admin.actor.clone(),
        keys: 0,
        subscriptions: 0,
    };

    match store.add_channel(&admin.account, &channel).await? {
        CreateOutcome::Created => {
            Ok(response::created(&format!("/channels/{}", channel.slug), &views::channel(&channel)))
        }
        CreateOutcome::Exists => Err(Problem::ChannelExists),
        CreateOutcome::LimitReached { max } => Err(Problem::ChannelLimitReached(max)),
    }
}
