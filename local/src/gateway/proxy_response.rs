//! A function's response, as API Gateway's Lambda proxy integration reads it.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode},
};
use serde_json::Value;

/// Headers that API Gateway sends as `x-amzn-remapped-…`, since it sets their plain names itself.
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
/// Hop-by-hop headers.
const DROPPED: [&str; 4] = ["content-length", "transfer-encoding", "trailer", "upgrade"];

/// Parses a function's response; `None` if it is malformed.
pub(super) fn parse(function_response: &Value) -> Option<Response<Body>> {
    let status = function_response.get("statusCode")?.as_u64().and_then(|status| u16::try_from(status).ok())?;
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200)?;
    let body = match function_response.get("body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(body)) => body.clone(),
        Some(_) => return None,
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in object(function_response, "headers")? {
        let (name, value) = header(name, value)?;
        headers.insert(name, value);
    }
    for (name, values) in object(function_response, "multiValueHeaders")? {
        // A header in both fields has these values only.
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

/// The entries of a field, which must be an object, null or absent.
fn object<'a>(function_response: &'a Value, field: &str) -> Option<Vec<(&'a String, &'a Value)>> {
    match function_response.get(field) {
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
    fn a_function_response_is_parsed() {
        let function_response = json!({"statusCode": 401, "body": "x", "headers": {"WWW-Authenticate": "Bearer", "A": 1, "B": "old"},
            "multiValueHeaders": {"b": ["1", "2"]}});
        let response = parse(&function_response).expect("a response");
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["x-amzn-remapped-www-authenticate"], "Bearer");
        assert!(!response.headers().contains_key("www-authenticate"));
        assert_eq!(response.headers()["a"], "1");
        assert_eq!(response.headers().get_all("b").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(response.headers()["content-type"], "application/json");
    }

    #[test]
    fn a_malformed_function_response_is_none() {
        for function_response in [
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
            assert!(parse(&function_response).is_none(), "{function_response}");
        }
    }
}
