//! `POST /keys/{id}/rotate`: gives a key a new secret, shown this once. The old one works beside it for a chosen time.

use shared::domain::history::{Action, Event};
use shared::domain::key::{KeyId, Overlap};
use shared::domain::random;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::http::json_body::whole;
use shared::http::problem::Problem;
use shared::http::views;
use shared::http::{self, Reply, Request};
use shared::store::{Edited, Store};

/// So often a rotation is made again on what somebody else left.
const TRIES: u32 = 10;

/// Answers 200 with the new secret and the key.
pub async fn handle(store: &Store, request: Request) -> Result<Reply, Problem> {
    let admin = http::admin(&request)?;
    let id: KeyId = request.path("id", "key")?;
    let precondition = request.precondition()?;
    let overlap = read(&request)?;
    let secret = Secret::generate(&admin.account, &id);

    for _ in 0..TRIES {
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        // Anew each time: the overlap begins when the old secret is replaced.
        let at = Timestamp::now().after(before.updated_at);
        let after = before.rotated(&secret, overlap, random::base62(8), at);
        let event = Event::new(Action::Rotated, &admin.author, Some(&before), Some(&after), at);
        if store.rotate_key(&before, &after, &event).await? == Edited::Done {
            return Ok(Reply::ok(&views::issued(&secret, &after, at)).no_store().tagged(&after.revision));
        }
    }
    Err(Problem::EditConflict)
}

fn read(request: &Request) -> Result<Overlap, Problem> {
    let mut fields = request.fields()?;
    let overlap = fields.required("overlap_seconds", whole);
    fields.finish()?;

    Ok(overlap?)
}
