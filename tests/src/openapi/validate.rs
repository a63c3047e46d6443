//! An answer is one that the contract describes: its status, content type, headers, body and code. So is the body of a
//! request that was accepted.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Registry, Validator};
use reqwest::Method;
use serde_json::{Value, json};
use shared::json::Json;

use super::parts::{self, Parts};
use super::{DOCUMENT, Operation, Place, codes, elsewhere, find};
use crate::{Answer, Gap};

/// What the document is called by the schemas that refer to it.
const ADDRESS: &str = "urn:pushgate:api";

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let registry = Registry::new().add(ADDRESS, &*DOCUMENT).expect("an address");
    registry.prepare().expect("no reference leads out of the document")
});

/// Headers of the connection, and of whoever carries the answer: API Gateway, or an emulator of it.
const OF_THE_WAY: [&str; 9] = [
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

/// What was answered, as the coverage counts it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    /// `GET /keys/{id} 404 not_found`.
    pub(crate) answer: String,
    /// The headers and fields that it had.
    pub(crate) parts: Parts,
}

/// Judges an answer to this method at this path below the stage, or says what is wrong with it.
pub(crate) fn judge(method: &Method, path: &str, answer: &Answer) -> Result<Seen, String> {
    let (route, responses) = match &operation(method, path) {
        Some(operation) => (operation.name(), operation.place.child("responses").expect("responses")),
        None => ("elsewhere".to_owned(), elsewhere()),
    };
    let wrong = |what: &str| {
        let headers = &answer.headers;
        Err(format!("{method} {path} ({route}) {}: {what}\n{}\n{headers:?}", answer.status, answer.text))
    };
    let Some(response) = responses.child(&answer.status.to_string()) else {
        return wrong("the status is not documented");
    };
    let route = format!("{route} {}", answer.status);
    let headers = match judge_headers(&response, answer) {
        Err(what) => return wrong(&what),
        Ok(names) => names.into_iter().map(|name| parts::header(&response, &route, name)).collect(),
    };
    let seen = Seen { answer: route.clone(), parts: headers };
    if response.value["content"].is_null() {
        return if answer.text.is_empty() { Ok(seen) } else { wrong("a body, where none is documented") };
    }

    let kind = answer.header("Content-Type").unwrap_or_default().split(';').next().unwrap_or_default();
    let Some(schema) = response.child("content").and_then(|it| it.child(kind)).and_then(|it| it.child("schema")) else {
        return wrong(&format!("the content type {kind:?} is not documented"));
    };
    if kind == "text/html" {
        return if answer.text.is_empty() { wrong("an empty page") } else { Ok(seen) };
    }
    // The authorizer's words are not there to be judged where the gateway leaves their place as it was.
    if answer.text.contains("$context.authorizer.") && Gap::AuthorizerContext.is_there() {
        return Ok(seen);
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.text) else { return wrong("the body is not JSON") };
    let code = body["code"].as_str().filter(|_| answer.status >= 400);
    let codes = codes(&response);
    if let Some(code) = code
        && !codes.contains(&code)
    {
        return wrong(&format!("the code {code} is not documented there, but {codes:?}"));
    }
    match mistakes(&schema.pointer, &body) {
        None => {
            let answer = code.map_or(seen.answer, |code| format!("{route} {code}"));
            let fields = parts::present(&response, &route, &schema, &body);
            Ok(Seen { answer, parts: seen.parts.into_iter().chain(fields).collect() })
        }
        Some(mistakes) => wrong(&mistakes),
    }
}

/// Judges the body of a request that was answered with this status: what is accepted is what the contract describes. What
/// is refused may be anything.
pub fn judge_request(method: &Method, path: &str, body: &[u8], status: u16) -> Result<(), String> {
    let Some(asked) = operation(method, path).filter(|_| (200..300).contains(&status)) else { return Ok(()) };
    let wrong =
        |what: &str| Err(format!("{method} {path}: {what}, and was accepted\n{}", String::from_utf8_lossy(body)));
    let content = asked.place.child("requestBody").and_then(|it| it.child("content"));
    let Some(schema) = content.and_then(|it| it.child("application/json")).and_then(|it| it.child("schema")) else {
        return Ok(());
    };
    match serde_json::from_slice(body).map(|Json(body)| mistakes(&schema.pointer, &body)) {
        Ok(None) => Ok(()),
        Ok(Some(mistakes)) => wrong(&mistakes),
        Err(_) => wrong("the body is not JSON"),
    }
}

fn operation(method: &Method, path: &str) -> Option<Operation> {
    if path.contains("//") && Gap::Slashes.is_there() {
        return find(method, &path.replace("//", "/"));
    }
    find(method, path)
}

/// What is required is there, what is there is documented, and each is as its schema says. Returns the names of those that
/// are there.
fn judge_headers(response: &Place, answer: &Answer) -> Result<Vec<&'static str>, String> {
    let headers = response.child("headers").ok_or("its headers are not documented")?;
    let mut there = Vec::new();
    for name in headers.names() {
        let header = headers.child(name).ok_or("a header leads nowhere")?;
        if answer.header(name).is_some() {
            there.push(name);
        } else if header.value["required"] == true {
            return Err(format!("the header {name} is missing"));
        }
        let schema = header.child("schema").ok_or("a header has no schema")?;
        let number = schema.value["type"] == "integer";
        for text in answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()) {
            let value =
                if number { text.parse().map_or(Value::Null, |number: i64| number.into()) } else { text.into() };
            if let Some(mistakes) = mistakes(&schema.pointer, &value) {
                return Err(format!("the header {name}: {mistakes}"));
            }
        }
    }
    for name in answer.headers.keys().map(reqwest::header::HeaderName::as_str) {
        let documented = headers.names().any(|known| known.eq_ignore_ascii_case(name));
        if !documented && !OF_THE_WAY.contains(&name) {
            return Err(format!("the header {name} is not documented"));
        }
    }
    Ok(there)
}

/// What is wrong with a value by the schema at this place, if anything.
pub(super) fn mistakes(pointer: &str, value: &Value) -> Option<String> {
    let validator = validator(pointer);
    let mistakes: Vec<String> = validator
        .iter_errors(value)
        .map(|mistake| format!("{} at {:?}", mistake, mistake.instance_path().as_str()))
        .collect();
    (!mistakes.is_empty()).then(|| mistakes.join("; "))
}

fn validator(pointer: &str) -> Arc<Validator> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = compiled.get(pointer) {
        return Arc::clone(validator);
    }
    // In a reference a pointer is part of an address.
    let reference = format!("{ADDRESS}#{}", pointer.replace('{', "%7B").replace('}', "%7D"));
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

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let common = [
            ("x-amzn-requestid", "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"),
            ("access-control-allow-origin", "http://localhost:3000"),
            (
                "access-control-expose-headers",
                "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate",
            ),
            ("vary", "Origin"),
            ("content-type", "application/json"),
        ];
        let mut all = HeaderMap::new();
        for (name, value) in common.iter().chain(headers) {
            all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Answer { status, headers: all, text: body.to_owned() }
    }

    /// What is counted.
    fn judged(method: &Method, path: &str, answer: &Answer) -> Result<String, String> {
        judge(method, path, answer).map(|seen| seen.answer)
    }

    fn channels(body: &str) -> Result<String, String> {
        judged(&Method::GET, "/channels", &answer(200, &[], body))
    }

    #[test]
    fn an_answer_as_documented_is_counted_by_its_route_status_and_code() {
        assert_eq!(channels(r#"{"channels": [], "next_cursor": null}"#), Ok("GET /channels 200".to_owned()));
        let body = r#"{
            "type": "/v1/problems/not_found", "title": "Not found", "status": 404, "code": "not_found",
            "detail": "There is no such key", "request_id": "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"
        }"#;
        let refusal = answer(404, &[("content-type", "application/problem+json")], body);
        let seen = judged(&Method::GET, "/keys/x", &refusal);
        assert_eq!(seen, Ok("GET /keys/{id} 404 not_found".to_owned()));
        let nowhere = judged(&Method::PUT, "/subscriptions/config", &refusal).expect_err("a function's words");
        assert!(nowhere.contains("(elsewhere) 404: the header Access-Control-Allow-Origin: "), "{nowhere}");
    }

    #[test]
    fn what_the_contract_does_not_say_is_found() {
        let page = r#"{"channels": [], "next_cursor": null}"#;
        for (result, expected) in [
            (judged(&Method::GET, "/channels", &answer(418, &[], page)), "the status is not documented"),
            (judged(&Method::GET, "/channels", &answer(200, &[("x-more", "1")], page)), "the header x-more is not"),
            (judged(&Method::GET, "/channels", &answer(200, &[("x-amz-x", "1")], page)), "the header x-amz-x is not"),
            (judged(&Method::GET, "/channels", &answer(200, &[("vary", "Cookie")], page)), "the header Vary: "),
            (judged(&Method::GET, "/channels", &answer(200, &[("content-type", "text/csv")], page)), "\"text/csv\""),
            (judged(&Method::DELETE, "/channels/ops", &answer(204, &[], "{}")), "where none is documented"),
            (channels(r#"{"channels": []}"#), "\"next_cursor\" is a required property"),
            (channels(r#"{"channels": [], "next_cursor": null, "more": 1}"#), "'more' was unexpected"),
            (channels(r#"{"channels": [{"slug": "OPS"}], "next_cursor": null}"#), "\"/channels/0/slug\""),
            (channels("[]"), "is not of type \"object\""),
            (channels("hello"), "the body is not JSON"),
        ] {
            let wrong = result.expect_err("a mistake");
            assert!(wrong.contains(expected), "{expected}: {wrong}");
        }
        let mut twice = answer(200, &[], page);
        twice.headers.append("vary", HeaderValue::from_static("Cookie"));
        let wrong = judged(&Method::GET, "/channels", &twice).expect_err("a second value");
        assert!(wrong.contains("the header Vary: "), "{wrong}");
    }

    #[test]
    fn a_body_that_the_contract_does_not_describe_must_not_be_accepted() {
        let asked = |body: &str, status| judge_request(&Method::POST, "/channels", body.as_bytes(), status);
        assert_eq!(asked(r#"{"slug": "ops"}"#, 201), Ok(()));
        assert_eq!(asked(r#"{"slug": "OPS"}"#, 400), Ok(()));
        for (body, expected) in [(r#"{"slug": "OPS"}"#, "\"/slug\""), ("{}", "required"), ("", "is not JSON")] {
            let wrong = asked(body, 201).expect_err("a mistake");
            assert!(wrong.contains(expected), "{expected}: {wrong}");
        }
        assert_eq!(judge_request(&Method::GET, "/channels", b"", 200), Ok(()));
    }

    #[test]
    fn a_code_is_documented_for_its_route() {
        let body = r#"{
            "type": "/v1/problems/channel_exists", "title": "The channel exists", "status": 409,
            "code": "channel_exists", "detail": "It exists", "request_id": "0f8e2c1a-6f0b-4b6c-9f1e-2d7c5a3b9e10"
        }"#;
        let refusal = answer(409, &[("content-type", "application/problem+json")], body);

        assert_eq!(judged(&Method::POST, "/channels", &refusal), Ok("POST /channels 409 channel_exists".to_owned()));
        let wrong = judged(&Method::DELETE, "/channels/ops", &refusal).expect_err("it is not that route's");
        assert!(wrong.contains("the code channel_exists is not documented there"), "{wrong}");
    }
}
