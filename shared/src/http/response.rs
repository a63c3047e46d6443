//! Responses: constructors for the status codes that handlers return, and the proxy response of each.

use lambda_http::Body;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::precondition;
use super::problem::Problem;
use crate::domain::id::PushId;

/// The stage, which every path begins with.
pub const STAGE: &str = "/v1";

/// A response.
pub type Response = lambda_http::Response<Body>;

/// 200 with a JSON body.
pub fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// 201 with a JSON body and the path of the created resource below the stage.
pub fn created(location: &str, body: &impl Serialize) -> Response {
    json(StatusCode::CREATED, body).with_location(location)
}

/// 202 with a JSON body and the path of the accepted resource below the stage.
pub fn accepted(location: &str, body: &impl Serialize) -> Response {
    json(StatusCode::ACCEPTED, body).with_location(location)
}

/// 204.
pub fn no_content() -> Response {
    with_body(StatusCode::NO_CONTENT, String::new())
}

/// A response with text of this type.
pub fn text(status: StatusCode, content_type: &str, body: &str) -> Response {
    with_body(status, body.to_owned()).with_header(CONTENT_TYPE, content_type)
}

/// 200 with an HTML page that loads nothing.
pub fn html(page: &str) -> Response {
    text(StatusCode::OK, "text/html; charset=utf-8", page)
        .with_header(CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")
}

/// The response of a problem.
pub(super) fn from_problem(problem: &Problem, request_id: &str) -> Response {
    let status = StatusCode::from_u16(problem.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response =
        with_body(status, problem.body(request_id)).with_header(CONTENT_TYPE, "application/problem+json");
    if let Some(path) = problem.location() {
        response = response.with_location(&path);
    }
    match problem.retry_after() {
        Some(seconds) => response.with_header(RETRY_AFTER, &seconds.to_string()),
        None => response,
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => with_body(status, body).with_header(CONTENT_TYPE, "application/json"),
        Err(_) => unreachable!("views serialize"),
    }
}

fn with_body(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response
}

/// The proxy response, as API Gateway expects it.
pub(super) fn into_event(response: Response) -> Value {
    let (parts, body) = response.into_parts();
    let value = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let headers: Map<String, Value> =
        parts.headers.iter().map(|(name, text)| (name.to_string(), value(text))).collect();
    let body = if let Body::Text(text) = body { text } else { String::new() };

    json!({ "statusCode": parts.status.as_u16(), "headers": headers, "body": body, "isBase64Encoded": false })
}

/// What handlers add to a response.
pub trait ResponseExt: Sized {
    /// Sets a header. A value that HTTP does not allow is left out.
    #[must_use]
    fn with_header(self, name: HeaderName, value: &str) -> Self;

    /// Sets `Location` to a path below the stage.
    #[must_use]
    fn with_location(self, path: &str) -> Self {
        self.with_header(LOCATION, &format!("{STAGE}{path}"))
    }

    /// Sets the entity tag of the key that the response shows.
    #[must_use]
    fn with_etag(self, revision: &str) -> Self {
        self.with_header(ETAG, &precondition::tag(revision))
    }

    /// Forbids caching. It is the default of every response.
    #[must_use]
    fn no_store(self) -> Self {
        self.with_header(CACHE_CONTROL, "no-store")
    }

    /// Records the push that the request created, for the log.
    #[must_use]
    fn with_push_id(self, push: &PushId) -> Self;

    /// The push that the request created.
    fn push_id(&self) -> Option<&PushId>;
}

impl ResponseExt for Response {
    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().insert(name, value);
        }
        self
    }

    fn with_push_id(mut self, push: &PushId) -> Self {
        self.extensions_mut().insert(push.clone());
        self
    }

    fn push_id(&self) -> Option<&PushId> {
        self.extensions().get()
    }
}
