//! The addresses of this machine's own, under `/_local/`. They answer only under this machine's names, so that a web
//! page elsewhere cannot point a name of its own here and sign in.

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

use crate::{api_page, oidc, oidc::users::People, services::sqs::Queues};

/// All addresses under `/_local/`.
pub(crate) fn router(people: Arc<People>, queues: Arc<Queues>, dead_letters: Vec<String>) -> Router {
    let state = (queues, Arc::new(dead_letters));
    Router::new()
        .route("/_local/dead-letters", get(list_dead_letters))
        .with_state(state)
        .route("/_local/api", get(async || api()))
        .route("/_local/health", get(async || answer(StatusCode::OK, &json!({ "status": "ok" }))))
        .route("/_local/{*rest}", any(async || nothing()))
        .route("/_local", any(async || nothing()))
        .merge(oidc::router(people))
        .layer(from_fn(only_by_our_names))
}

/// The contract to read. It needs nothing but its own style.
fn api() -> Response<Body> {
    let page = match api_page::page() {
        Ok(page) => page,
        Err(error) => return answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error })),
    };
    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

type Letters = (Arc<Queues>, Arc<Vec<String>>);

async fn list_dead_letters(State((queues, names)): State<Letters>) -> Response<Body> {
    let bodies: Vec<String> = names.iter().flat_map(|name| queues.bodies(name)).collect();
    answer(StatusCode::OK, &json!({ "dead_letters": bodies }))
}

async fn only_by_our_names(request: Request, next: Next) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if ["localhost", "127.0.0.1"].contains(&name) {
        return next.run(request).await;
    }
    answer(StatusCode::MISDIRECTED_REQUEST, &json!({ "error": "use 127.0.0.1 or localhost" }))
}

fn nothing() -> Response<Body> {
    answer(StatusCode::NOT_FOUND, &json!({ "error": "there is nothing at this address" }))
}

fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
