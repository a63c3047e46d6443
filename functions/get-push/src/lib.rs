//! `GET /push/{id}`: the results of a push, for the key that sent it.

use shared::domain::time::Timestamp;
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response, views};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/push/{id}")];

/// Responds with 200 and the push. Another key's push is a 404.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let caller = auth::caller(request)?;
    let id = request.path_param("id", "push")?;

    let push = store.push(&caller.account, &id, Timestamp::now()).await?;
    let mut push = push.filter(|push| push.key == caller.key).ok_or(Problem::NotFound("push"))?;
    store.read_progress(&caller.account, &mut push).await?;

    Ok(response::ok(&views::push(&push)))
}
