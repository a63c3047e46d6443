//! The AWS JSON protocol, as the queue and the secrets speak it: the operation stands in `X-Amz-Target`.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode},
};
use serde_json::{Value, json};

use crate::random;

/// The operation that is asked for.
pub(crate) fn target(headers: &HeaderMap) -> &str {
    headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default()
}

/// A success.
pub(crate) fn reply(value: &Value) -> Response<Body> {
    answer(StatusCode::OK, value)
}

/// An error that the caller made.
pub(crate) fn error(kind: &str, message: &str) -> Response<Body> {
    answer(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": message, "Message": message }))
}

/// An error that is ours.
pub(crate) fn fault(message: &str) -> Response<Body> {
    answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "__type": "InternalError", "message": message }))
}

fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&random::uuid()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
