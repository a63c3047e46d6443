//! A function's answer as API Gateway's proxy integration reads it.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode},
};
use serde_json::Value;

/// Headers that the gateway sends under another name, since it has its own.
const REMAPPED: [&str; 9] = [
    "authorization",
    "connection",
    "content-md5",
    "date",
    "expect",
    "host",
    "server",
    "user-agent",
    "www-authenticate",
];
/// Headers that belong to the connection.
const DROPPED: [&str; 4] = ["content-length", "transfer-encoding", "trailer", "upgrade"];

/// The response, or nothing if the answer is malformed.
pub(crate) fn response(answer: &Value) -> Option<Response<Body>> {
    let status = answer.get("statusCode")?.as_u64().and_then(|status| u16::try_from(status).ok())?;
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200)?;
    let body = match answer.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(body)) => body.clone(),
        Some(_) => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in object(answer, "headers")? {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    for (name, values) in object(answer, "multiValueHeaders")? {
        // Of a header that both name, these are the ones.
        for (index, value) in values.as_array()?.iter().enumerate() {
            let (name, value) = header(name, value)?;
            if index == 0 {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
    for name in DROPPED {
        headers.remove(name);
    }
    for name in REMAPPED {
        if let Some(value) = headers.remove(name) {
            headers.insert(HeaderName::try_from(format!("x-amzn-remapped-{name}")).ok()?, value);
        }
    }
    headers.entry("content-type").or_insert(HeaderValue::from_static("application/json"));
    Some(response)
}

/// The entries of a field that may be absent or null, but otherwise must be an object.
fn object<'a>(answer: &'a Value, field: &str) -> Option<Vec<(&'a String, &'a Value)>> {
    match answer.get(field) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Object(entries)) => Some(entries.iter().collect()),
        Some(_) => None,
    }
}

fn header(name: &str, value: &Value) -> Option<(HeaderName, HeaderValue)> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(text).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_becomes_a_response() {
        let answer = json!({"statusCode": 401, "body": "x", "headers": {"WWW-Authenticate": "Bearer", "A": 1, "B": "old"},
            "multiValueHeaders": {"b": ["1", "2"]}});
        let response = response(&answer).expect("well-formed");
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["x-amzn-remapped-www-authenticate"], "Bearer");
        assert!(!response.headers().contains_key("www-authenticate"));
        assert_eq!(response.headers()["a"], "1");
        assert_eq!(response.headers().get_all("b").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(response.headers()["content-type"], "application/json");
    }

    #[test]
    fn a_malformed_answer_is_none() {
        for answer in [
            json!(null),
            json!("text"),
            json!({}),
            json!({"statusCode": "x"}),
            json!({"statusCode": 20}),
            json!({"statusCode": 200, "body": {}}),
            json!({"statusCode": 200, "headers": []}),
            json!({"statusCode": 200, "headers": {"a": []}}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"a": "\n"}}),
            json!({"statusCode": 200, "multiValueHeaders": {"a": "b"}}),
        ] {
            assert!(response(&answer).is_none(), "{answer}");
        }
    }
}
