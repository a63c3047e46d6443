//! A send that its sender names by an `Idempotency-Key` is one push, however often it comes.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::App;
use tests::measure::idempotency;

fn hello() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_send_again_answers_the_same_push_and_sends_nothing() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;

    let first = key.push_named("order-17", &hello()).await.expect(202);
    app.delivered().await;
    let again = key.push_named("order-17", &hello()).await.expect(202);
    app.delivered().await;

    assert_eq!(again.text, first.text);
    assert_eq!(again.header("Location"), first.header("Location"));
    assert_eq!((first.header("Idempotency-Replayed"), again.header("Idempotency-Replayed")), (None, Some("true")));
    assert_eq!(device.received().len(), 1);
    assert_eq!(key.uses().await, 2, "each request is a use");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_body_of_the_same_name_is_refused() {
    let app = App::start().await;
    let key = app.key().create().await;

    let _ = key.push_named("order-17", &hello()).await.expect(202);
    let other = key.push_named("order-17", &json!({ "title": "Goodbye" })).await;

    assert_eq!(other.refusal(), (422, "idempotency_mismatch".to_owned()));
    let pushes = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(pushes["pushes"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_the_key_s_own() {
    let app = App::start().await;
    let mut ids = BTreeSet::new();
    for _ in 0..2 {
        let key = app.key().create().await;
        ids.insert(key.push_named("order-17", &hello()).await.expect(202).json()["id"].to_string());
    }
    assert_eq!(ids.len(), 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_changed_does_not_get_the_stored_answer() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["news", "ops"]).create().await;
    let path = format!("/keys/{}", key.id);
    let to_news = json!({ "title": "Hello", "target": { "channels": ["news"] } });
    let _ = key.push_named("everyone", &hello()).await.expect(202);
    let _ = key.push_named("news", &to_news).await.expect(202);

    let _ = admin.patch(&path, &json!({ "channels": ["ops"] })).await.expect(200);
    assert_eq!(key.push_named("news", &to_news).await.refusal(), (403, "scope_violation".to_owned()));
    assert_eq!(key.push_named("everyone", &hello()).await.refusal(), (422, "idempotency_mismatch".to_owned()));

    let _ = admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    assert_eq!(key.push_named("everyone", &hello()).await.refusal(), (403, "key_inactive".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_1_to_255_visible_characters_and_stands_once() {
    let app = App::start().await;
    let key = app.key().create().await;

    let _ = key.push_named(&"x".repeat(255), &hello()).await.expect(202);
    for wrong in ["", "a b", &"x".repeat(256)] {
        let answer = key.push_named(wrong, &hello()).await;
        assert_eq!(answer.refusal(), (400, "invalid_parameter".to_owned()), "{wrong:?}");
        let dry_run = key.push_named(wrong, &json!({ "title": "Hello", "dry_run": true })).await;
        assert_eq!(dry_run.refusal(), (400, "invalid_parameter".to_owned()), "{wrong:?}");
    }
    let twice = app.request(Method::POST, "/push").bearer_auth(&key.secret);
    let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b").body(hello().to_string());
    assert_eq!(app.send(twice).await.refusal(), (400, "invalid_parameter".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_or_a_refusal_does_not_use_up_a_name() {
    let app = App::start().await;
    let key = app.key().create().await;

    let _ = key.push_named("order-17", &json!({ "title": "Hello", "dry_run": true })).await.expect(200);
    let _ = key.push_named("order-17", &json!({ "title": 1 })).await.expect(400);
    let _ = key.push_named("order-17", &json!({ "title": "x", "target": { "channels": ["no"] } })).await.expect(422);

    let _ = key.push_named("order-17", &hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_s_route_takes_a_name_too() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().create().await;
    let send = async |channel: &str| {
        let request = app.request(Method::POST, &format!("/channels/{channel}/push")).bearer_auth(&key.secret);
        app.send(request.header("Idempotency-Key", "order-17").body(hello().to_string())).await
    };

    let first = send("ops").await.expect(202);
    assert_eq!(send("ops").await.expect(202).text, first.text);
    assert_eq!(send("news").await.refusal(), (422, "idempotency_mismatch".to_owned()), "another audience");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_at_once_one_is_a_push() {
    idempotency::run(5).await;
}
