//! `DELETE /keys/{id}`: deletes a key for ever, effective for the next request.

use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::time::Timestamp;
use shared::http::{BooleanParam, EditAttempts, Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::{EditOutcome, Store};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("DELETE", "/keys/{id}")];

/// Responds with 204.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let admin = auth::admin(request)?;
    let id: KeyId = request.path_param("id", "key")?;
    let precondition = request.precondition()?;
    request.reject_unknown_query(&["cancel_pushes"])?;
    let cancels: Option<BooleanParam> = request.parse_query("cancel_pushes")?;
    let cancels = cancels.is_some_and(|cancels| cancels.0);

    let mut attempts = EditAttempts::start();
    loop {
        let before = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
        precondition.check(&before.revision)?;
        let at = now.strictly_after(before.updated_at);
        let event = AuditEvent::new(Action::Deleted, &admin.actor, Some(&before), None, at);
        if store.delete_key(&before, &event, cancels).await? == EditOutcome::Written {
            return Ok(response::no_content());
        }
        attempts.retry()?;
    }
}
