//! `POST /keys/{id}/explain`: an admin previews a push; nothing is sent, counted or stored.

use serde_json::{Value, json};
use tests::{App, Key};

async fn explain(app: &App, key: &Key<'_>, body: &Value) -> Value {
    app.admin().await.post(&format!("/keys/{}/explain", key.id), body).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_equals_a_dry_run() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let subscriber = app.subscriber().await;
    for channels in [["news"].as_slice(), &["ops"], &["news", "ops"]] {
        subscriber.subscribe(&app.push_service.browser(), channels).await;
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
async fn an_explanation_has_the_code_that_a_send_would_get() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let scoped = app.key().channels(&["ops"]).create().await;
    let free = app.key().create().await;
    let subscriber = app.subscriber().await;
    let inactive = app.key().create().await;
    admin.patch(&format!("/keys/{}", inactive.id), &json!({ "status": "inactive" })).await.expect(200);
    let expired = app.key().create().await;
    expired.expire().await;
    let used_up = app.key().with("limits", json!({ "per_day": 1 })).create().await;
    used_up.push(&json!({ "title": "Hello" })).await.expect(202);
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
        key.push(&body).await.assert_text_in("a send has the same code", "code", code);
    }
    let violation = explain(&app, &scoped, &to("news")).await;
    let decision = json!({ "allow": false, "rule": "scope_violation", "refused": "news", "allowed": "ops" });
    assert_eq!(violation["decision"], decision);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_sends_counts_and_stores_nothing() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let before = app.local().dump().await;

    let explained = explain(&app, &key, &json!({ "title": "Hello" })).await;

    assert_eq!(explained["recipients"], json!({ "count": 1, "exact": true }));
    app.delivered().await;
    assert_eq!(app.local().dump().await, before);
    assert!(browser.received().is_empty());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_of_the_account_can_explain_and_a_body_is_validated() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/explain", key.id);
    let body = json!({ "title": "Hello" });

    let member = app.user("member@acme").await.post(&path, &body).await;
    member.assert_problem(403, "admin_required");
    let other_admin = app.user("admin@globex").await.post(&path, &body).await;
    other_admin.assert_problem(404, "not_found");
    let wrong = app.admin().await.post(&path, &json!({ "target": {} })).await;
    assert_eq!(wrong.pointers(), ["/title", "/target/channels"]);
    app.stop().await;
}
