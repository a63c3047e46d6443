//! `POST /keys/{id}/rotate`: gives a key a new secret and returns it once. The previous secret works during the overlap.

use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::key::Overlap;
use shared::domain::secret::{Secret, TagKey};
use shared::domain::time::Timestamp;
use shared::http::json_body::{boolean, integer};
use shared::http::{
    EditAttempts, Extract as _, Problem, Request, Response, ResponseExt as _, Routes, auth, response, secret_request,
    views,
};
use shared::store::{EditOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/keys/{id}/rotate")];

/// Responds with 200, the new secret and the key.
pub async fn handle(store: &Store, tag_key: &TagKey, request: &Request) -> Result<Response, Problem> {
    let admin = auth::admin(request)?;
    let id: KeyId = request.path_param("id", "key")?;
    let precondition = request.precondition()?;
    let repeatable = secret_request::parse(request)?;
    let rotation = parse(request)?;
    let secret = Secret::generate(&admin.account, &id, tag_key);

    let mut attempts = EditAttempts::start();
    loop {
        // First: a repeat may have the entity tag that its first request replaced.
        secret_request::reject_repeat(store, &admin.account, repeatable.as_ref(), Timestamp::now()).await?;
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        // Read for each attempt: the overlap starts when the previous secret is replaced.
        let at = Timestamp::now().strictly_after(before.updated_at);
        let after = match rotation {
            Rotation::Overlap(overlap) => before.rotated(&secret, overlap, at),
            Rotation::KeepOld => before.with_replaced_secret(&secret, at),
        };
        let event = AuditEvent::new(Action::Rotated, &admin.actor, Some(&before), Some(&after), at);
        if store.rotate_key(&before, &after, &event, repeatable.as_ref()).await? == EditOutcome::Written {
            return Ok(response::ok(&views::with_secret(&secret, &after, at)).with_etag(&after.revision));
        }
        attempts.retry()?;
    }
}

/// What becomes of the secrets that the key has.
#[derive(Clone, Copy)]
enum Rotation {
    /// The current secret becomes the previous one, for this time.
    Overlap(Overlap),
    /// The current secret ends, as one that was lost. The previous one keeps its own end.
    KeepOld,
}

fn parse(request: &Request) -> Result<Rotation, Problem> {
    let mut body = request.json_body()?;
    let overlap: Result<Overlap, _> = body.required("overlap_seconds", integer);
    let keep_old = body.optional("keep_old", |value| match boolean(value)? {
        true if overlap.as_ref().is_ok_and(|overlap| overlap.seconds() > 0) => {
            Err("requires that overlap_seconds is 0".to_owned())
        }
        keep_old => Ok(keep_old),
    });
    body.finish()?;

    Ok(if keep_old? == Some(true) { Rotation::KeepOld } else { Rotation::Overlap(overlap?) })
}
