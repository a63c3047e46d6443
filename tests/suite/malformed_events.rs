//! Events with names that an untrusted client chooses do not make a function fail. The tests run the real binaries.

use serde_json::{Value, json};
use tests::runtime_api;

/// A name that `serde_json` reserves for its own types.
const PRIVATE: &str = "$serde_json::private::RawValue";

fn event() -> Value {
    json!({
        "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push",
        "httpMethod": "POST",
        "headers": { PRIVATE: "x" },
        "multiValueHeaders": { PRIVATE: ["x"] },
        "queryStringParameters": { PRIVATE: "x" },
        "multiValueQueryStringParameters": { PRIVATE: ["x"] },
        "requestContext": { "requestId": "a-request", "identity": { PRIVATE: { "a": 1 } } },
    })
}

/// The binary's response to the event. The event has no key, so no service is called.
async fn response(binary: &str) -> Value {
    let environment = [
        ("KEYS_TABLE", "KeysTable"),
        ("CONSOLE_ORIGIN", "https://console.example.com"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
    ];
    runtime_api::run(binary, &environment, vec![event()]).await.responses[0].clone()
}

#[tokio::test]
async fn the_authorizer_evaluates_a_request_with_any_names() {
    assert_eq!(response("authorizer").await["errorMessage"], "Unauthorized");
}

#[tokio::test]
async fn a_handler_responds_to_a_request_with_any_names() {
    assert_eq!(response("preflight").await["statusCode"], 204);
}
