//! `DELETE /keys/{id}`: ends a key for ever, at once.

use shared::domain::history::{Action, Event};
use shared::domain::key::KeyId;
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::{self, Reply, Request};
use shared::store::{Edited, Store};

/// So often a deletion is made again on what somebody else left.
const TRIES: u32 = 10;

/// Answers 204.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let now = Timestamp::now();
    let admin = http::admin(&request)?;
    let id: KeyId = request.path("id", "key")?;
    let precondition = request.precondition()?;

    for _ in 0..TRIES {
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        let at = now.after(before.updated_at);
        let event = Event::new(Action::Deleted, &admin.author, Some(&before), None, at);
        if store.delete_key(&before, &event).await? == Edited::Done {
            return Ok(Reply::nothing());
        }
    }
    Err(Problem::EditConflict)
}
