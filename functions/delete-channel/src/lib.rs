//! `DELETE /channels/{channel}`: ends a channel that no key names.

use shared::domain::account::Account;
use shared::domain::channel::Slug;
use shared::domain::key::KeyName;
use shared::http::problem::Problem;
use shared::http::{self, Reply, Request};
use shared::store::{self, Removed, Store};

/// So many keys are looked at with one call.
const PAGE: usize = 100;

/// Answers 204.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let admin = http::admin(&request)?;
    let slug = request.path("channel", "channel")?;

    match store.delete_channel(&admin.account, &slug).await? {
        Removed::Done => Ok(Reply::nothing()),
        Removed::Absent => Err(Problem::NotFound("channel")),
        Removed::InUse => match in_use_by(store, &admin.account, &slug).await? {
            // The last one has let go of it meanwhile.
            names if names.is_empty() => Err(Problem::EditConflict),
            names => Err(Problem::ChannelInUse(names)),
        },
    }
}

/// The names of the keys whose scope names a channel, newest first.
async fn in_use_by(store: &Store, account: &Account, slug: &Slug) -> Result<Vec<KeyName>, store::Error> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let (keys, more) = store.keys(account, after.as_ref(), PAGE).await?;
        let naming = keys.iter().filter(|key| key.scope.channels().contains_key(slug));
        names.extend(naming.map(|key| key.name.clone()));
        after = keys.last().map(|key| key.id.clone());
        if !more {
            return Ok(names);
        }
    }
}
