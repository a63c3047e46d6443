//! `OPTIONS` on every route: tells a browser what a page of another origin may request. It needs no authorizer.

use lambda_http::http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE};
use shared::http::{Problem, Request, Response, ResponseExt as _, Routes, response};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[
    ("OPTIONS", "/keys"),
    ("OPTIONS", "/keys/{id}"),
    ("OPTIONS", "/keys/{id}/rotate"),
    ("OPTIONS", "/keys/{id}/explain"),
    ("OPTIONS", "/keys/{id}/history"),
    ("OPTIONS", "/channels"),
    ("OPTIONS", "/channels/{channel}"),
    ("OPTIONS", "/channels/{channel}/push"),
    ("OPTIONS", "/push"),
    ("OPTIONS", "/push/{id}"),
    ("OPTIONS", "/pushes"),
    ("OPTIONS", "/pushes/{id}"),
    ("OPTIONS", "/subscriptions"),
    ("OPTIONS", "/subscriptions/{id}"),
    ("OPTIONS", "/subscriptions/config"),
    ("OPTIONS", "/problems/{code}"),
];

/// Responds with 204; `http::serve` adds the allowed origin.
#[expect(clippy::unused_async, reason = "every handler has the same signature")]
pub async fn handle(_request: &Request) -> Result<Response, Problem> {
    Ok(response::no_content()
        .with_header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE, OPTIONS")
        .with_header(ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Idempotency-Key, If-Match, X-Api-Key")
        .with_header(ACCESS_CONTROL_MAX_AGE, "7200"))
}
