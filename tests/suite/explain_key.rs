//! An admin asks what would become of a push; nothing is sent, counted or stored.

use serde_json::{Value, json};
use tests::{App, Key};

async fn explain(app: &App, key: &Key<'_>, body: &Value) -> Value {
    app.admin().await.post(&format!("/keys/{}/explain", key.id), body).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_a_dry_run_says() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let subscriber = app.subscriber().await;
    for channels in [["news"].as_slice(), &["ops"], &["news", "ops"]] {
        subscriber.subscribe(&app.push_service.device(), channels).await;
    }
    let keys = [app.key().create().await, app.key().channels(&["ops"]).create().await];
    let targets =
        [json!({}), json!({ "target": { "channels": ["ops"] } }), json!({ "target": { "channels": ["ops", "ops"] } })];

    for key in &keys {
        for target in &targets {
            let mut body = target.clone();
            body["title"] = "Hello".into();
            let explained = explain(&app, key, &body).await;
            body["dry_run"] = true.into();
            let mut dry = key.push(&body).await.expect(200).json();
            assert_eq!(dry.as_object_mut().expect("an object").remove("dry_run"), Some(json!(true)));
            assert_eq!(explained, dry, "{target}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_names_the_code_that_a_send_would_be_refused_with() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let scoped = app.key().channels(&["ops"]).create().await;
    let free = app.key().create().await;
    let subscriber = app.subscriber().await;
    let inactive = app.key().create().await;
    let _ = admin.patch(&format!("/keys/{}", inactive.id), &json!({ "status": "inactive" })).await.expect(200);
    let expired = app.key().create().await;
    expired.expire().await;
    let used_up = app.key().with("limits", json!({ "per_day": 1 })).create().await;
    let _ = used_up.push(&json!({ "title": "Hello" })).await.expect(202);
    let to = |channel: &str| json!({ "title": "Hello", "target": { "channels": [channel] } });
    let large = json!({ "title": "Hello", "message": "x".repeat(5_000) });

    for (key, body, code) in [
        (&inactive, to("ops"), "key_inactive"),
        (&expired, to("ops"), "key_expired"),
        (&subscriber, to("ops"), "permission_denied"),
        (&used_up, to("ops"), "rate_limited"),
        (&scoped, to("news"), "scope_violation"),
        (&scoped, to("nowhere"), "scope_violation"),
        (&free, to("nowhere"), "unknown_channel"),
        (&free, large, "push_too_large"),
    ] {
        let explained = explain(&app, key, &body).await;
        assert_eq!(explained["decision"]["allow"], false, "{code}");
        assert_eq!(explained["decision"]["rule"], code);
        assert_eq!(explained["audience"], json!({ "all": false, "channels": [] }), "{code}");
        assert_eq!(explained["recipients"], json!({ "count": 0, "exact": true }), "{code}");
        assert_eq!(key.push(&body).await.refusal().code, code, "a send says the same");
    }
    let violation = explain(&app, &scoped, &to("news")).await;
    let decision = json!({ "allow": false, "rule": "scope_violation", "refused": "news", "allowed": "ops" });
    assert_eq!(violation["decision"], decision);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_sends_and_stores_nothing() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let before = app.laptop().dump().await;

    let explained = explain(&app, &key, &json!({ "title": "Hello" })).await;

    assert_eq!(explained["recipients"], json!({ "count": 1, "exact": true }));
    app.delivered().await;
    assert_eq!(app.laptop().dump().await, before);
    assert!(device.received().is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_of_the_account_asks_and_a_malformed_push_is_named() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/explain", key.id);
    let body = json!({ "title": "Hello" });

    let member = app.person("member@acme").await.post(&path, &body).await;
    assert_eq!(member.refusal(), (403, "admin_required".to_owned()));
    let stranger = app.person("admin@globex").await.post(&path, &body).await;
    assert_eq!(stranger.refusal(), (404, "not_found".to_owned()));
    let wrong = app.admin().await.post(&path, &json!({ "target": {} })).await;
    assert_eq!(wrong.places(), ["/title", "/target/channels"]);
    app.stop().await;
}
