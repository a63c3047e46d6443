//! The AWS JSON protocol: the operation is in `X-Amz-Target`, the parameters are in the body.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The largest request of any service: a `DynamoDB` batch.
pub(super) const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// The service and the operation, such as `AmazonSQS.SendMessage`.
pub(super) fn target(headers: &HeaderMap) -> &str {
    headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default()
}

/// A successful response.
pub(super) fn success(value: &Value) -> Response<Body> {
    response(StatusCode::OK, value.to_string())
}

/// A client error.
pub(super) fn client_error(error_type: &str, message: &str) -> Response<Body> {
    let body = json!({ "__type": error_type, "message": message, "Message": message });
    response(StatusCode::BAD_REQUEST, body.to_string())
}

/// A server error.
pub(super) fn server_error(message: &str) -> Response<Body> {
    let body = json!({ "__type": "InternalError", "message": message });
    response(StatusCode::INTERNAL_SERVER_ERROR, body.to_string())
}

/// A response with this JSON.
pub(super) fn response(status: StatusCode, json: String) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
