//! `OPTIONS` on every route: tells a browser what a page of another origin may ask. It needs no authorizer.

use shared::http::problem::Problem;
use shared::http::{Reply, Request};

/// Answers 204; `http::serve` adds which origin may ask.
#[expect(clippy::unused_async, reason = "every handler is called the same way")]
pub async fn handle(_request: Request) -> Result<Reply, Problem> {
    Ok(Reply::nothing()
        .header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
        .header("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-Match, X-Api-Key")
        .header("Access-Control-Max-Age", "7200"))
}
