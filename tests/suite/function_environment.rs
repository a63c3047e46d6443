//! The environment of a function: what it sets, no file of the machine changes.

use serde_json::{Value, json};
use tests::{App, runtime_api};

/// The result of the authorizer's binary for a request with this secret, with these variables besides its own.
async fn authorize(app: &App, secret: &str, variables: &[(&str, &str)]) -> Value {
    let mut environment = vec![
        ("KEYS_TABLE", "KeysTable"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_SESSION_TOKEN", app.local().session_token()),
        ("AWS_ENDPOINT_URL_DYNAMODB", app.local().dynamodb_url()),
        ("TAG_KEY", app.local().tag_key_text()),
    ];
    environment.extend_from_slice(variables);
    let event = json!({
        "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push",
        "httpMethod": "POST",
        "headers": { "Authorization": format!("Bearer {secret}") },
        "requestContext": { "requestId": "a-request" },
    });
    runtime_api::run("authorizer", &environment, vec![event]).await.responses[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_aws_profile_changes_the_endpoint_of_a_function() {
    let app = App::start().await;
    let key = app.key().create().await;
    let home = std::env::temp_dir().join(format!("pushgate-home-{}", std::process::id()));
    std::fs::create_dir_all(home.join(".aws")).expect("a folder");
    let profile = "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\nregion = us-east-1\n";
    std::fs::write(home.join(".aws/config"), profile).expect("a file");

    let variables = [("HOME", home.to_str().expect("a path")), ("AWS_USE_FIPS_ENDPOINT", "true")];
    let result = authorize(&app, &key.secret, &variables).await;

    std::fs::remove_dir_all(&home).expect("the folder");
    assert_eq!(result["policyDocument"]["Statement"][0]["Effect"], "Allow", "{result}");
    app.stop().await;
}
