//! `DELETE /channels/{channel}`: deletes a channel that no key has in its scope.

use shared::domain::account::Account;
use shared::domain::channel::Slug;
use shared::domain::key::{Key, KeyReference};
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::{self, DeleteOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("DELETE", "/channels/{channel}")];

/// The number of keys that one call reads.
const PAGE: usize = 100;

/// Responds with 204.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let admin = auth::admin(request)?;
    let slug = request.path_param("channel", "channel")?;

    match store.delete_channel(&admin.account, &slug).await? {
        DeleteOutcome::Deleted => Ok(response::no_content()),
        DeleteOutcome::Absent => Err(Problem::NotFound("channel")),
        DeleteOutcome::InUse => match in_use_by(store, &admin.account, &slug).await? {
            // The last key has left the channel since.
            keys if keys.is_empty() => Err(Problem::EditConflict),
            keys => Err(Problem::ChannelInUse(keys)),
        },
    }
}

/// The keys that have a channel in their scope, newest first.
async fn in_use_by(store: &Store, account: &Account, slug: &Slug) -> Result<Vec<KeyReference>, store::Error> {
    let (mut keys, mut before) = (Vec::new(), None);
    loop {
        let page = store.keys(account, before.as_ref(), PAGE).await?;
        let using = page.items.iter().filter(|key| key.scope.channels().contains_key(slug));
        keys.extend(using.map(Key::reference));
        before = page.items.last().map(|key| key.id.clone());
        if !page.more {
            return Ok(keys);
        }
    }
}
