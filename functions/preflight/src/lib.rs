//! `OPTIONS` on every route: tells a browser what a page of another origin may request. It needs no authorizer.

use lambda_http::http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE};
use shared::http::{ANY_PATH, Problem, Request, Response, ResponseExt as _, Routes, response};

/// The routes of this function: the preflight of each path. It has no effect, so none is listed.
pub const ROUTES: Routes = &[("OPTIONS", ANY_PATH)];

/// Responds with 204; `http::serve` adds the allowed origin.
#[expect(clippy::unused_async, reason = "every handler has the same signature")]
pub async fn handle(_request: &Request) -> Result<Response, Problem> {
    Ok(response::no_content()
        .with_header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE, OPTIONS")
        .with_header(ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Idempotency-Key, If-Match, X-Api-Key")
        .with_header(ACCESS_CONTROL_MAX_AGE, "7200"))
}
