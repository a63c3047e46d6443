//! `POST /keys/{id}/explain`: the result that a push would have if this key sent it now. Nothing is sent or counted.

use shared::domain::access::{AccessRequest, RequestedTarget};
use shared::domain::id::{KeyId, PushId};
use shared::domain::key::Key;
use shared::domain::notification::plaintext;
use shared::domain::permission::Permission;
use shared::domain::time::Timestamp;
use shared::http::preview::SendPreview;
use shared::http::send_request::{ResolvedSend, SendRequest};
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/keys/{id}/explain")];

/// Responds with 200, whether the push would be accepted or denied.
pub async fn handle(store: &Store, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let admin = auth::admin(request)?;
    let id: KeyId = request.path_param("id", "key")?;
    let send = SendRequest::parse(request)?;
    let key = store.key(&admin.account, &id).await?.ok_or(Problem::NotFound("key"))?;
    let push = PushId::generate(now);

    match resolve(store, &key, &send, &push, now).await {
        Ok(resolved) => Ok(response::ok(&SendPreview::allowed(store, &key.account, &resolved).await?)),
        Err(problem) if problem.cause().is_some() => Err(problem),
        Err(problem) => {
            let bytes = plaintext(&push, &send.notification).len();
            Ok(response::ok(&SendPreview::denied(&problem, bytes)))
        }
    }
}

/// Evaluates the key as the authorizer would, then resolves the send as its handler would.
async fn resolve(
    store: &Store,
    key: &Key,
    send: &SendRequest,
    push: &PushId,
    now: Timestamp,
) -> Result<ResolvedSend, Problem> {
    let access = AccessRequest { permission: Permission::SendPush, target: RequestedTarget::InBody };
    if let Err(denial) = key.authorize(&key.hash, &access, now) {
        let problem = Problem::from_denial(denial);
        return Err(problem.unwrap_or_else(|| Problem::internal("a key does not match its own secret")));
    }
    ResolvedSend::resolve(store, &key.account, &key.scope, send, push).await
}
