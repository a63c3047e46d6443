//! `Idempotency-Key`: repeated sends with one key are one push.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::App;
use tests::measure::idempotency;

fn hello() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_send_returns_the_first_response_and_sends_nothing() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;

    let first = key.push_with_idempotency_key("order-17", &hello()).await.expect(202);
    app.delivered().await;
    let again = key.push_with_idempotency_key("order-17", &hello()).await.expect(202);
    app.delivered().await;

    assert_eq!(again.text, first.text);
    assert_eq!(again.header("Location"), first.header("Location"));
    assert_eq!((first.header("Idempotency-Replayed"), again.header("Idempotency-Replayed")), (None, Some("true")));
    assert_eq!(browser.received().len(), 1);
    assert_eq!(key.uses().await, 2, "each request is a use");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_with_the_same_idempotency_key_is_rejected() {
    let app = App::start().await;
    let key = app.key().create().await;

    key.push_with_idempotency_key("order-17", &hello()).await.expect(202);
    let other = key.push_with_idempotency_key("order-17", &json!({ "title": "Goodbye" })).await;

    other.assert_problem(422, "idempotency_mismatch");
    let pushes = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(pushes["pushes"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_scoped_to_the_api_key() {
    let app = App::start().await;
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let key = app.key().create().await;
        ids.insert(key.push_with_idempotency_key("order-17", &hello()).await.expect(202).json()["id"].to_string());
    }
    assert_eq!(ids.len(), 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_does_not_get_the_stored_response() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["news", "ops"]).create().await;
    let path = format!("/keys/{}", key.id);
    let to_news = json!({ "title": "Hello", "target": { "channels": ["news"] } });
    key.push_with_idempotency_key("everyone", &hello()).await.expect(202);
    key.push_with_idempotency_key("news", &to_news).await.expect(202);

    admin.patch(&path, &json!({ "channels": ["ops"] })).await.expect(200);
    key.push_with_idempotency_key("news", &to_news).await.assert_problem(403, "scope_violation");
    key.push_with_idempotency_key("everyone", &hello()).await.assert_problem(422, "idempotency_mismatch");

    admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    key.push_with_idempotency_key("everyone", &hello()).await.assert_problem(403, "key_inactive");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_has_1_to_255_visible_characters_and_occurs_once() {
    let app = App::start().await;
    let key = app.key().create().await;

    key.push_with_idempotency_key(&"x".repeat(255), &hello()).await.expect(202);
    for wrong in ["", "a b", &"x".repeat(256)] {
        let response = key.push_with_idempotency_key(wrong, &hello()).await;
        response.assert_problem_in(format_args!("{wrong:?}"), 400, "invalid_parameter");
        let dry_run = key.push_with_idempotency_key(wrong, &json!({ "title": "Hello", "dry_run": true })).await;
        dry_run.assert_problem_in(format_args!("{wrong:?}"), 400, "invalid_parameter");
    }
    let twice = app.request(Method::POST, "/push").bearer_auth(&key.secret);
    let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b").body(hello().to_string());
    app.send(twice).await.assert_problem(400, "invalid_parameter");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_or_an_error_does_not_consume_an_idempotency_key() {
    let app = App::start().await;
    let key = app.key().create().await;

    key.push_with_idempotency_key("order-17", &json!({ "title": "Hello", "dry_run": true })).await.expect(200);
    key.push_with_idempotency_key("order-17", &json!({ "title": 1 })).await.expect(400);
    key.push_with_idempotency_key("order-17", &json!({ "title": "x", "target": { "channels": ["no"] } }))
        .await
        .expect(422);

    key.push_with_idempotency_key("order-17", &hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_route_takes_an_idempotency_key() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().create().await;
    let send = async |channel: &str| {
        let request = app.request(Method::POST, &format!("/channels/{channel}/push")).bearer_auth(&key.secret);
        app.send(request.header("Idempotency-Key", "order-17").body(hello().to_string())).await
    };

    let first = send("ops").await.expect(202);
    assert_eq!(send("ops").await.expect(202).text, first.text);
    send("news").await.assert_problem_in("another audience", 422, "idempotency_mismatch");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sends_with_one_idempotency_key_are_one_push() {
    idempotency::run(5).await;
}
