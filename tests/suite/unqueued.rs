//! A push that the queue does not take was never accepted: it is forgotten, or taken over by whoever repeats its name.

use std::collections::HashMap;

use local::functions::{Handler, in_process};
use serde_json::{Value, json};
use tests::{App, Key};

/// `send-push` with its own role, and this queue.
fn send_push(app: &App, queue: &str) -> Handler {
    let mut functions: HashMap<String, Handler> = in_process(|function| {
        let mut environment = app.laptop().environment(app.laptop().dynamodb_url());
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
        environment.insert("QUEUE_URL".to_owned(), format!("{}/000000000000/{queue}", app.laptop().queue_url()));
        environment
    });
    functions.remove("SendPush").expect("the function")
}

/// Sends to everybody, as the authorizer lets this key; answers the status and the body.
async fn send(function: &Handler, key: &Key<'_>, name: Option<&str>) -> (Value, Value) {
    let event = json!({
        "resource": "/push",
        "body": json!({ "title": "Hello" }).to_string(),
        "multiValueHeaders": name.map_or(json!({}), |name| json!({ "idempotency-key": [name] })),
        "requestContext": {
            "requestId": "a-request",
            "authorizer": { "account": "acme", "key_id": key.id, "scope": "all", "channels": "{}" },
        },
    });
    let answer = function(event).await.expect("an answer");
    let body = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
    (answer["statusCode"].clone(), body)
}

async fn pushes(app: &App) -> Vec<Value> {
    app.admin().await.get("/pushes").await.expect(200).json()["pushes"].as_array().expect("pushes").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_without_a_name_is_as_if_it_had_never_been() {
    let app = App::start().await;
    let key = app.key().create().await;

    let (status, body) = send(&send_push(&app, "NoSuchQueue"), &key, None).await;

    assert_eq!((status, &body["code"]), (json!(503), &json!("unavailable")));
    assert_eq!(pushes(&app).await, Vec::<Value>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_push_is_taken_over_at_once_by_whoever_repeats_it() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let (broken, sound) = (send_push(&app, "NoSuchQueue"), send_push(&app, "PushQueue"));

    let (status, _) = send(&broken, &key, Some("order-17")).await;
    assert_eq!(status, 503);
    let kept = pushes(&app).await;
    let (status, taken_over) = send(&sound, &key, Some("order-17")).await;
    assert_eq!(status, 202);
    let (status, repeated) = send(&sound, &key, Some("order-17")).await;
    app.delivered().await;

    assert_eq!((status, &repeated), (json!(202), &taken_over));
    assert_eq!((kept.len(), &kept[0]["id"]), (1, &taken_over["id"]), "the push that was kept goes on");
    assert_eq!(device.received().len(), 1);
    app.stop().await;
}
