//! No secret is logged, not even by the real authorizer binary at the most verbose level.

use serde_json::{Value, json};
use tests::{App, leaks, runtime_api};

fn event(headers: &Value) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push",
        "path": "/push",
        "httpMethod": "POST",
        "headers": headers,
        "pathParameters": null,
        "requestContext": { "requestId": "a-request" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_binary_at_trace_writes_no_secret() {
    let app = App::start().await;
    let key = app.key().create().await;
    let inactive = app.key().create().await;
    let path = format!("/keys/{}", inactive.id);
    app.admin().await.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    // Well-formed, but not the secret of the key.
    let account = shared::domain::account::Account::try_from("acme".to_owned()).expect("an account");
    let id = shared::domain::id::KeyId::try_from(key.id.clone()).expect("an id");
    let wrong = shared::domain::secret::Secret::generate(&account, &id, &app.tag_key()).expose().to_owned();
    let environment = [
        ("KEYS_TABLE", "KeysTable"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"),
        ("AWS_ENDPOINT_URL_DYNAMODB", app.local().dynamodb_url()),
        ("TAG_KEY", app.local().tag_key_text()),
        ("AWS_SESSION_TOKEN", app.local().session_token()),
        ("LOG_LEVEL", "trace"),
        ("RUST_LOG", "trace"),
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ];
    let bearer = |secret: &str| json!({ "Authorization": format!("Bearer {secret}") });
    let events = vec![
        event(&bearer(&key.secret)),
        event(&json!({ "x-api-key": key.secret })),
        event(&bearer(&inactive.secret)),
        event(&bearer(&wrong)),
        // Malformed, but nearly the whole secret.
        event(&bearer(&key.secret[..key.secret.len() - 1])),
        event(&json!({ "Authorization": format!("Bearer {}", key.secret), "x-api-key": wrong })),
    ];

    let run = runtime_api::run("authorizer", &environment, events).await;

    let effects: Vec<_> = run.responses.iter().map(|a| a["policyDocument"]["Statement"][0]["Effect"].clone()).collect();
    assert_eq!(effects[..3], [json!("Allow"), json!("Allow"), json!("Deny")], "{:?}", run.responses);
    for response in &run.responses[3..] {
        assert_eq!(response["errorMessage"], "Unauthorized");
    }
    let text = String::from_utf8_lossy(&run.output);
    assert_eq!(text.matches(r#""message":"evaluated""#).count(), 6, "it logs each request: {text}");
    let secrets = [&key.secret, &inactive.secret, &wrong, environment[3].1, app.local().tag_key_text()];
    let almost = &key.secret[..key.secret.len() - 1];
    assert_eq!(leaks::count(&secrets, &run.output), 0, "{text}");
    assert_eq!(leaks::count(&[almost], &run.output), 0, "{text}");
    app.stop().await;
}
