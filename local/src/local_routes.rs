//! The routes under `/_local/`, which exist only on this machine.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode, header},
    response::Redirect,
    routing::{any, get},
};
use serde_json::{Value, json};

use crate::{services::sqs::Queues, swagger_ui};

/// Health, dead letters of the queues with these names, the API reference, and these pages. Everything else below `/_local`
/// is a 404.
pub(crate) fn router(pages: Router, queues: Arc<Queues>, dead_letter_queues: Vec<String>) -> Router {
    Router::new()
        .route("/_local/dead-letters", get(list_dead_letters))
        .with_state((queues, Arc::new(dead_letter_queues)))
        .route("/_local/health", get(async || response(StatusCode::OK, &json!({ "status": "ok" }))))
        .route("/", get(async || Redirect::to("/v1/console")))
        .route("/_local/{*rest}", any(async || not_found()))
        .route("/_local", any(async || not_found()))
        .merge(swagger_ui::router())
        .merge(pages)
}

async fn list_dead_letters(State((queues, names)): State<(Arc<Queues>, Arc<Vec<String>>)>) -> Response<Body> {
    let bodies: Vec<String> = names.iter().flat_map(|name| queues.bodies(name)).collect();
    response(StatusCode::OK, &json!({ "dead_letters": bodies }))
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
