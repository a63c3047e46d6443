//! Validation by `docs/openapi.yaml`: of each response (status, content type, headers, body and code), and of the body
//! of each accepted request.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Registry, Validator};
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::json::LenientJson;

use super::document::{DOCUMENT, Operation, Place, codes, elsewhere, find};
use super::parts::{self, Parts};
use crate::emulator_gap::EmulatorGap;
use crate::response::Response;

/// The URI by which schemas refer to the document.
const URI: &str = "urn:pushgate:api";

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let registry = Registry::new().add(URI, &*DOCUMENT).expect("a URI");
    registry.prepare().expect("no reference leads out of the document")
});

/// The headers of the connection, and those that API Gateway or an emulator of it adds.
const TRANSPORT_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
    "x-amz-apigw-id",
    "x-amz-request-id",
    "x-amzn-errortype",
    "x-amzn-trace-id",
];

/// A response as the coverage counts it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// The name, such as `GET /keys/{id} 404 not_found`.
    pub(crate) response: String,
    /// The headers and fields that were present.
    pub(crate) parts: Parts,
}

/// Validates the response to this method at this path below the stage.
///
/// # Errors
///
/// What does not match the document.
pub(crate) fn validate_response(method: &Method, path: &str, response: &Response) -> Result<Seen, String> {
    let (route, responses) = match &operation(method, path) {
        Some(operation) => (operation.name(), operation.place.child("responses").expect("responses")),
        None => ("elsewhere".to_owned(), elsewhere()),
    };
    let invalid = |what: &str| {
        let headers = &response.headers;
        Err(format!("{method} {path} ({route}) {}: {what}\n{}\n{headers:?}", response.status, response.text))
    };
    let Some(documented) = responses.child(&response.status.to_string()) else {
        return invalid("the status is not documented");
    };
    let route = format!("{route} {}", response.status);
    let headers = match validate_headers(&documented, response) {
        Err(what) => return invalid(&what),
        Ok(names) => names.into_iter().map(|name| parts::header(&documented, &route, name)).collect(),
    };
    let seen = Seen { response: route.clone(), parts: headers };
    if documented.value["content"].is_null() {
        return if response.text.is_empty() { Ok(seen) } else { invalid("a body, where none is documented") };
    }

    let kind = response.header("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default();
    let Some(schema) = documented.child("content").and_then(|it| it.child(kind)).and_then(|it| it.child("schema"))
    else {
        return invalid(&format!("the content type {kind:?} is not documented"));
    };
    if kind.starts_with("text/") {
        return if response.text.is_empty() { invalid("an empty page") } else { Ok(seen) };
    }
    // Without the authorizer's context there is no code to validate.
    if response.text.contains("$context.authorizer.") && EmulatorGap::AuthorizerContext.is_declared() {
        return Ok(seen);
    }
    let Ok(body) = serde_json::from_str::<Value>(&response.text) else { return invalid("the body is not JSON") };
    let code = body["code"].as_str().filter(|_| response.status >= 400);
    let codes = codes(&documented);
    if let Some(code) = code
        && !codes.contains(&code)
    {
        return invalid(&format!("the code {code} is not documented there, but {codes:?}"));
    }
    match schema_errors(&schema.pointer, &body) {
        None => {
            let response = code.map_or(seen.response, |code| format!("{route} {code}"));
            let fields = parts::present(&documented, &route, &schema, &body);
            Ok(Seen { response, parts: seen.parts.into_iter().chain(fields).collect() })
        }
        Some(schema_errors) => invalid(&schema_errors),
    }
}

/// Validates the body of a request that got this status: an accepted body must match the document, a rejected one may
/// be anything.
///
/// # Errors
///
/// What does not match the document.
pub fn validate_request(method: &Method, path: &str, body: &[u8], status: u16) -> Result<(), String> {
    let Some(operation) = operation(method, path).filter(|_| (200..300).contains(&status)) else { return Ok(()) };
    let invalid =
        |what: &str| Err(format!("{method} {path}: {what}, and was accepted\n{}", String::from_utf8_lossy(body)));
    let content = operation.place.child("requestBody").and_then(|it| it.child("content"));
    let Some(schema) = content.and_then(|it| it.child("application/json")).and_then(|it| it.child("schema")) else {
        return Ok(());
    };
    match serde_json::from_slice(body).map(|LenientJson(body)| schema_errors(&schema.pointer, &body)) {
        Ok(None) => Ok(()),
        Ok(Some(schema_errors)) => invalid(&schema_errors),
        Err(_) => invalid("the body is not JSON"),
    }
}

fn operation(method: &Method, path: &str) -> Option<Operation> {
    if path.contains("//") && EmulatorGap::Slashes.is_declared() {
        return find(method, &path.replace("//", "/"));
    }
    find(method, path)
}

/// Checks that every required header is present, every present header is documented, and each matches its schema.
/// Returns the names of the present headers.
fn validate_headers(documented: &Place, response: &Response) -> Result<Vec<&'static str>, String> {
    let headers = documented.child("headers").ok_or("its headers are not documented")?;
    let mut present = Vec::new();
    for name in headers.names() {
        let header = headers.child(name).ok_or("a header's reference is broken")?;
        if response.header(name).is_some() {
            present.push(name);
        } else if header.value["required"] == true {
            return Err(format!("the header {name} is missing"));
        }
        let schema = header.child("schema").ok_or("a header has no schema")?;
        let number = schema.value["type"] == "integer";
        for text in response.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()) {
            let value =
                if number { text.parse().map_or(Value::Null, |number: i64| number.into()) } else { text.into() };
            if let Some(schema_errors) = schema_errors(&schema.pointer, &value) {
                return Err(format!("the header {name}: {schema_errors}"));
            }
        }
    }
    for name in response.headers.keys().map(reqwest::header::HeaderName::as_str) {
        let documented = headers.names().any(|known| known.eq_ignore_ascii_case(name));
        if !documented && !TRANSPORT_HEADERS.contains(&name) {
            return Err(format!("the header {name} is not documented"));
        }
    }
    Ok(present)
}

/// The errors of a value by the schema at this pointer, if any.
pub(super) fn schema_errors(pointer: &str, value: &Value) -> Option<String> {
    let validator = validator(pointer);
    let schema_errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {:?}", error, error.instance_path().as_str()))
        .collect();
    (!schema_errors.is_empty()).then(|| schema_errors.join("; "))
}

fn validator(pointer: &str) -> Arc<Validator> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = compiled.get(pointer) {
        return Arc::clone(validator);
    }
    // A pointer in a reference is percent-encoded.
    let reference = format!("{URI}#{}", pointer.replace('{', "%7B").replace('}', "%7D"));
    let options = jsonschema::options().with_registry(&REGISTRY).should_validate_formats(true).offline();
    let validator = options.build(&json!({ "$ref": reference }));
    let validator = Arc::new(validator.unwrap_or_else(|e| panic!("{pointer}: {e}")));
    compiled.insert(pointer.to_owned(), Arc::clone(&validator));
    validator
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn response(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Response {
        let common = [
            ("x-amzn-requestid", "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"),
            ("access-control-allow-origin", "http://localhost:3000"),
            (
                "access-control-expose-headers",
                "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate",
            ),
            ("vary", "Origin"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=63072000"),
            ("content-type", "application/json"),
        ];
        let mut all = HeaderMap::new();
        for (name, value) in common.iter().chain(headers) {
            all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Response { status, headers: all, text: body.to_owned() }
    }

    /// The name of the validated response.
    fn validated(method: &Method, path: &str, response: &Response) -> Result<String, String> {
        validate_response(method, path, response).map(|seen| seen.response)
    }

    fn channels(body: &str) -> Result<String, String> {
        validated(&Method::GET, "/channels", &response(200, &[], body))
    }

    #[test]
    fn a_documented_response_is_counted_by_route_status_and_code() {
        assert_eq!(channels(r#"{"channels": [], "next_cursor": null}"#), Ok("GET /channels 200".to_owned()));
        let body = r#"{
            "type": "/v1/problems/not_found", "title": "Not found", "status": 404, "code": "not_found",
            "detail": "No such key", "request_id": "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"
        }"#;
        let problem = response(404, &[("content-type", "application/problem+json")], body);
        let seen = validated(&Method::GET, "/keys/x", &problem);
        assert_eq!(seen, Ok("GET /keys/{id} 404 not_found".to_owned()));
        let nowhere =
            validated(&Method::PUT, "/subscriptions/config", &problem).expect_err("an error for a function's response");
        assert!(nowhere.contains("(elsewhere) 404: the header Access-Control-Allow-Origin: "), "{nowhere}");
    }

    #[test]
    fn an_undocumented_response_is_reported() {
        let page = r#"{"channels": [], "next_cursor": null}"#;
        for (result, expected) in [
            (validated(&Method::GET, "/channels", &response(418, &[], page)), "the status is not documented"),
            (
                validated(&Method::GET, "/channels", &response(200, &[("x-more", "1")], page)),
                "the header x-more is not",
            ),
            (
                validated(&Method::GET, "/channels", &response(200, &[("x-amz-x", "1")], page)),
                "the header x-amz-x is not",
            ),
            (validated(&Method::GET, "/channels", &response(200, &[("vary", "Cookie")], page)), "the header Vary: "),
            (
                validated(&Method::GET, "/channels", &response(200, &[("content-type", "text/csv")], page)),
                "\"text/csv\"",
            ),
            (validated(&Method::DELETE, "/channels/ops", &response(204, &[], "{}")), "where none is documented"),
            (channels(r#"{"channels": []}"#), "\"next_cursor\" is a required property"),
            (channels(r#"{"channels": [], "next_cursor": null, "more": 1}"#), "'more' was unexpected"),
            (channels(r#"{"channels": [{"slug": "OPS"}], "next_cursor": null}"#), "\"/channels/0/slug\""),
            (channels("[]"), "is not of type \"object\""),
            (channels("hello"), "the body is not JSON"),
        ] {
            let invalid = result.expect_err("an error");
            assert!(invalid.contains(expected), "{expected}: {invalid}");
        }
        let mut twice = response(200, &[], page);
        twice.headers.append("vary", HeaderValue::from_static("Cookie"));
        let invalid = validated(&Method::GET, "/channels", &twice).expect_err("an error for the second value");
        assert!(invalid.contains("the header Vary: "), "{invalid}");
    }

    #[test]
    fn an_undocumented_body_must_not_be_accepted() {
        let asked = |body: &str, status| validate_request(&Method::POST, "/channels", body.as_bytes(), status);
        assert_eq!(asked(r#"{"slug": "ops"}"#, 201), Ok(()));
        assert_eq!(asked(r#"{"slug": "OPS"}"#, 400), Ok(()));
        for (body, expected) in [(r#"{"slug": "OPS"}"#, "\"/slug\""), ("{}", "required"), ("", "is not JSON")] {
            let invalid = asked(body, 201).expect_err("an error");
            assert!(invalid.contains(expected), "{expected}: {invalid}");
        }
        assert_eq!(validate_request(&Method::GET, "/channels", b"", 200), Ok(()));
    }

    #[test]
    fn a_code_is_documented_for_its_route() {
        let body = r#"{
            "type": "/v1/problems/channel_exists", "title": "The channel exists", "status": 409,
            "code": "channel_exists", "detail": "It exists", "request_id": "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"
        }"#;
        let problem = response(409, &[("content-type", "application/problem+json")], body);

        assert_eq!(validated(&Method::POST, "/channels", &problem), Ok("POST /channels 409 channel_exists".to_owned()));
        let invalid = validated(&Method::DELETE, "/channels/ops", &problem).expect_err("an error for the other route");
        assert!(invalid.contains("the code channel_exists is not documented there"), "{invalid}");
    }
}
