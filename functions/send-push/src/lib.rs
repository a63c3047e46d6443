//! `POST /push` and `POST /channels/{channel}/push`: accepts a push for delivery, if the key's scope allows its audience.

mod accept;
mod idempotent;

use serde::Serialize;
use shared::aws::queue::Queue;
use shared::domain::id::PushId;
use shared::domain::idempotency::IdempotencyKey;
use shared::domain::push::{DeliveryCounts, Push, PushStatus};
use shared::domain::time::Timestamp;
use shared::http::preview::SendPreview;
use shared::http::send_request::{ResolvedSend, SendRequest};
use shared::http::{Extract as _, Problem, Request, Response, Routes, auth, response};
use shared::store::Store;

use accept::{accept, accepted};
use idempotent::accept_once;

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("POST", "/push"), ("POST", "/channels/{channel}/push")];

#[derive(Serialize)]
struct DryRun<'a> {
    dry_run: bool,
    #[serde(flatten)]
    preview: SendPreview<'a>,
}

/// Responds with 202 when the push is saved and queued; with 200 to a dry run, which does neither.
pub async fn handle(store: &Store, queue: &Queue, request: &Request) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let caller = auth::caller(request)?;
    let idempotency_key: Option<IdempotencyKey> = request.parse_header("Idempotency-Key")?;
    let send = SendRequest::parse(request)?;
    let id = PushId::generate(now);
    let resolved = ResolvedSend::resolve(store, &caller.account, &caller.scope, &send, &id).await?;
    if send.dry_run {
        let preview = SendPreview::allowed(store, &caller.account, &resolved).await?;
        return Ok(response::ok(&DryRun { dry_run: true, preview }));
    }

    let push = Push {
        id,
        key: caller.key.clone(),
        key_name: caller.key_name.clone(),
        notification: send.notification,
        audience: resolved.audience,
        ttl: send.ttl,
        urgency: send.urgency,
        topic: send.topic,
        request_id: request.request_id().to_owned(),
        created_at: now,
        finished_at: None,
        status: PushStatus::Queued,
        counts: DeliveryCounts::default(),
    };
    match idempotency_key {
        None => accept(store, queue, &caller, &push).await?,
        Some(key) => return accept_once(store, queue, &caller, &key, request.body_text(), push, now).await,
    }
    Ok(accepted(&push))
}
