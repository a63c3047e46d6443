//! The routes under `/_local/`, which exist only on this machine.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    middleware::{Next, from_fn},
    routing::{any, get},
};
use serde_json::{Value, json};

use crate::{
    oidc::{self, IdentityProvider},
    services::sqs::Queues,
    swagger_ui,
};

/// Health, dead letters, the API reference and sign-in; `dead_letter_queues` are names of queues.
pub(crate) fn router(provider: Arc<IdentityProvider>, queues: Arc<Queues>, dead_letter_queues: Vec<String>) -> Router {
    Router::new()
        .route("/_local/dead-letters", get(list_dead_letters))
        .with_state((queues, Arc::new(dead_letter_queues)))
        .route("/_local/health", get(async || response(StatusCode::OK, &json!({ "status": "ok" }))))
        .route("/_local/{*rest}", any(async || not_found()))
        .route("/_local", any(async || not_found()))
        .merge(swagger_ui::router())
        .merge(oidc::router(provider))
        .layer(from_fn(require_local_host))
}

async fn list_dead_letters(State((queues, names)): State<(Arc<Queues>, Arc<Vec<String>>)>) -> Response<Body> {
    let bodies: Vec<String> = names.iter().flat_map(|name| queues.bodies(name)).collect();
    response(StatusCode::OK, &json!({ "dead_letters": bodies }))
}

/// Rejects a request with another host. Otherwise a website could resolve its own domain to 127.0.0.1 and read tokens
/// (DNS rebinding).
async fn require_local_host(request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if ["localhost", "127.0.0.1"].contains(&name) {
        return next.run(request).await;
    }
    response(StatusCode::MISDIRECTED_REQUEST, &json!({ "error": "use 127.0.0.1 or localhost" }))
}

fn not_found() -> Response<Body> {
    response(StatusCode::NOT_FOUND, &json!({ "error": "there is nothing at this address" }))
}

fn response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
