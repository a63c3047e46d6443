//! No name that a stranger chooses makes a function fail on its event: the real binaries, told by a Lambda Runtime API.

use serde_json::{Value, json};
use tests::runtime_api;

/// A name that a JSON library of ours uses among its own types.
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

/// What the binary answers to it. No key is sent, so no service is asked.
async fn answer(binary: &str) -> Value {
    let environment = [
        ("KEYS_TABLE", "KeysTable"),
        ("CONSOLE_ORIGIN", "https://console.example.com"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
    ];
    runtime_api::run(binary, &environment, vec![event()]).await.answers[0].clone()
}

#[tokio::test]
async fn the_authorizer_judges_a_request_with_any_names() {
    assert_eq!(answer("authorizer").await["errorMessage"], "Unauthorized");
}

#[tokio::test]
async fn a_handler_answers_a_request_with_any_names() {
    assert_eq!(answer("preflight").await["statusCode"], 204);
}
