//! `POST /pushes/{id}/cancel`: sends nothing more of a push.

use shared::domain::id::PushId;
use shared::domain::time::Timestamp;
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response, views};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/pushes/{id}/cancel")];

/// Responds with 200 and the push. One that is done stays done.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let admin = auth::admin(request)?;
    let id: PushId = request.path_param("id", "push")?;

    // One that does not exist, or is finished, stays so.
    store.cancel_push(&admin.account, &id).await?;
    let push = store.push(&admin.account, &id, Timestamp::now()).await?;
    let mut push = push.ok_or(Problem::NotFound("push"))?;
    store.read_progress(&admin.account, &mut push).await?;

    Ok(response::ok(&views::push(&push)))
}
