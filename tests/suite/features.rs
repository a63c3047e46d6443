//! The features by which systems for API keys and pushes are compared, each with a test. `tools/feature-matrix` writes
//! `docs/features.md` from these tests; the doc comment of a test is the feature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use tests::{App, Key, Response};

fn hello() -> Value {
    json!({ "title": "Hello" })
}

fn path(key: &Key<'_>) -> String {
    format!("/keys/{}", key.id)
}

async fn get_key(app: &App, key: &Key<'_>) -> Value {
    app.admin().await.get(&path(key)).await.expect(200).json()
}

async fn patch(app: &App, key: &Key<'_>, change: Value) -> Response {
    app.admin().await.patch(&path(key), &change).await.expect(200)
}

/// shown once, hashed
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_stored_hashed() {
    let app = App::start().await;
    let key = app.key().create().await;
    let admin = app.admin().await;

    for response in [admin.get("/keys").await, admin.get(&path(&key)).await] {
        assert!(!response.expect(200).text.contains(&key.secret));
    }
    // `stop` searches the tables and the log for the secret.
    app.stop().await;
}

/// checksum in the key
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_key_fails_its_checksum() {
    let app = App::start().await;
    let key = app.key().create().await;
    let (most, last) = key.secret.split_at(key.secret.len() - 1);
    let mistyped = key.with_secret(&format!("{most}{}", if last == "0" { "1" } else { "0" }));

    mistyped.push(&hello()).await.assert_problem(401, "unauthenticated");
    assert!(Secret::is_well_formed(&key.secret) && !Secret::is_well_formed(&mistyped.secret), "no call is needed");
    app.stop().await;
}

/// edit name · scope
#[tokio::test(flavor = "multi_thread")]
async fn the_name_and_scope_of_a_key_can_be_edited() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().create().await;

    let edited = patch(&app, &key, json!({ "name": "Shop", "scope": "channels", "channels": ["ops"] })).await.json();

    assert_eq!(
        (&edited["name"], &edited["scope"], &edited["channels"]),
        (&json!("Shop"), &json!("channels"), &json!(["ops"]))
    );
    app.stop().await;
}

/// enable, disable
#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_be_disabled_and_enabled() {
    let app = App::start().await;
    let key = app.key().create().await;

    patch(&app, &key, json!({ "status": "inactive" })).await;
    key.push(&hello()).await.assert_problem(403, "key_inactive");
    patch(&app, &key, json!({ "status": "active" })).await;
    key.push(&hello()).await.expect(202);
    app.stop().await;
}

/// revocation takes effect
#[tokio::test(flavor = "multi_thread")]
async fn revocation_takes_effect_at_the_next_request() {
    let app = App::start().await;
    let key = app.key().create().await;
    key.push(&hello()).await.expect(202);

    app.admin().await.delete(&path(&key)).await.expect(204);

    key.push(&hello()).await.assert_problem(401, "unauthenticated");
    app.stop().await;
}

/// expiry
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_denied() {
    let app = App::start().await;
    let key = app.key().with("expires_at", json!(Timestamp::now().plus_seconds(3_600).to_string())).create().await;
    key.push(&hello()).await.expect(202);

    key.expire().await;

    key.push(&hello()).await.assert_problem(403, "key_expired");
    app.stop().await;
}

/// rotation with overlap
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_with_overlap_keeps_id_and_history() {
    let app = App::start().await;
    let old = app.key().create().await;
    let rotation = json!({ "overlap_seconds": 600 });
    let rotated = app.admin().await.post(&format!("{}/rotate", path(&old)), &rotation).await.expect(200).json();
    let new = old.with_secret(rotated["secret"].as_str().expect("a secret"));

    for key in [&old, &new] {
        key.push(&hello()).await.expect(202);
    }
    assert_eq!(rotated["key"]["id"], old.id.as_str());
    assert_eq!(get_key(&app, &new).await["usage"]["total"], 2);
    let history = app.admin().await.get(&format!("{}/history", path(&old))).await.expect(200).json();
    assert_eq!(
        (&history["events"][0]["action"], &history["events"][1]["action"]),
        (&json!("rotated"), &json!("created"))
    );
    app.stop().await;
}

/// permissions
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_limited_to_its_permissions() {
    let app = App::start().await;
    let (sender, subscriber) = (app.key().create().await, app.subscriber().await);

    subscriber.push(&hello()).await.assert_problem(403, "permission_denied");
    sender.get("/subscriptions/config").await.assert_problem(403, "permission_denied");
    sender.push(&hello()).await.expect(202);
    subscriber.get("/subscriptions/config").await.expect(200);
    app.stop().await;
}

/// channel scope
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_scope_is_exact() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    key.push_to("ops", &hello()).await.expect(202);
    key.push_to("news", &hello()).await.assert_problem(403, "scope_violation");
    let audience = &key.push(&hello()).await.expect(202).json()["audience"];
    assert_eq!(*audience, json!({ "all": false, "channels": ["ops"] }));
    app.stop().await;
}

/// last used
#[tokio::test(flavor = "multi_thread")]
async fn last_used_is_the_last_request() {
    let app = App::start().await;
    let key = app.key().create().await;
    assert_eq!(get_key(&app, &key).await["last_used_at"], Value::Null);

    let used = async || {
        key.push(&hello()).await.expect(202);
        let used = get_key(&app, &key).await["last_used_at"].as_str().expect("a timestamp").to_owned();
        Timestamp::try_from(used).expect("a timestamp")
    };
    let before = Timestamp::now();
    let (first, second) = (used().await, used().await);

    // The clocks of a deployment and of this machine may differ.
    assert!((first.millis() - before.millis()).abs() < 60_000, "{first}");
    assert!(first < second, "{second}");
    key.get("/subscriptions/config").await.assert_problem(403, "permission_denied");
    assert_eq!(get_key(&app, &key).await["last_used_at"], second.to_string(), "a denied request is no use");
    app.stop().await;
}

/// usage count
#[tokio::test(flavor = "multi_thread")]
async fn the_usage_count_is_exact_in_total_and_per_day() {
    let app = App::start().await;
    let key = app.key().create().await;
    for _ in 0..3 {
        key.push(&hello()).await.expect(202);
    }
    key.get("/subscriptions/config").await.assert_problem(403, "permission_denied");

    let usage = &get_key(&app, &key).await["usage"];
    let days: u64 = usage["days"].as_array().expect("days").iter().filter_map(|day| day["count"].as_u64()).sum();
    assert_eq!((usage["total"].as_u64(), days), (Some(3), 3), "a denied request is not counted");
    app.stop().await;
}

/// limits per key
#[tokio::test(flavor = "multi_thread")]
async fn limits_per_key_are_exact() {
    let app = App::start().await;
    let limited = app.key().with("limits", json!({ "per_day": 2 })).create().await;
    let free = app.key().create().await;

    for _ in 0..2 {
        limited.push(&hello()).await.expect(202);
    }
    let denied = limited.push(&hello()).await;
    denied.assert_problem(429, "rate_limited");
    assert!(denied.header("Retry-After").is_some() && denied.header("RateLimit").is_some());
    free.push(&hello()).await.expect(202);
    app.stop().await;
}

/// created by
#[tokio::test(flavor = "multi_thread")]
async fn a_key_shows_who_created_it() {
    let app = App::start().await;
    let key = app.key().create().await;

    let token = app.admin().await.token;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(get_key(&app, &key).await["created_by"], json!({ "id": claims["sub"], "name": "Ada" }));
    app.stop().await;
}

/// explain a scope decision without sending or counting
#[tokio::test(flavor = "multi_thread")]
async fn a_scope_decision_is_explained_without_sending_or_counting() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;
    let body = json!({ "title": "Hello", "target": { "channels": ["news"] } });

    let explained = app.admin().await.post(&format!("{}/explain", path(&key)), &body).await.expect(200).json();

    let decision = json!({ "allow": false, "rule": "scope_violation", "refused": "news", "allowed": "ops" });
    assert_eq!(explained["decision"], decision);
    // An allowed send is explained without sending, too.
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &["ops"]).await;
    let explained = app.admin().await.post(&format!("{}/explain", path(&key)), &hello()).await.expect(200).json();
    assert_eq!(explained["decision"], json!({ "allow": true, "rule": "key_channels" }));
    assert_eq!(explained["recipients"], json!({ "count": 1, "exact": true }));
    app.delivered().await;
    assert_eq!((key.uses().await, browser.attempts()), (0, 0));
    assert_eq!(app.admin().await.get("/pushes").await.expect(200).json()["pushes"], json!([]));
    app.stop().await;
}

/// a 403 that names the channel and the allowed ones
#[tokio::test(flavor = "multi_thread")]
async fn a_403_names_the_channel_and_the_allowed_channels() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let response = key.push(&json!({ "title": "Hello", "target": { "channels": ["news"] } })).await;

    response.assert_problem(403, "scope_violation");
    let body = response.json();
    assert_eq!((&body["refused"], &body["allowed"]), (&json!("news"), &json!("ops")));
    app.stop().await;
}

/// send built in
#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_delivered() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;

    app.key().create().await.push(&hello()).await.expect(202);
    app.delivered().await;

    assert_eq!(browser.received().len(), 1);
    app.stop().await;
}

/// idempotent send
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_send_is_one_push() {
    let app = App::start().await;
    let key = app.key().create().await;
    let send = async || key.push_with_idempotency_key("order-17", &hello()).await.expect(202).json()["id"].clone();

    assert_eq!(send().await, send().await);
    let pushes = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(pushes["pushes"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

/// status of a send
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_send_can_be_read() {
    let app = App::start().await;
    let key = app.key().create().await;
    let id = key.push(&hello()).await.expect(202).json()["id"].as_str().expect("an id").to_owned();
    app.delivered().await;

    let status = key.get(&format!("/push/{id}")).await.expect(200).json();
    assert_eq!(status["status"], "done");
    assert_eq!(status["counts"], json!({ "recipients": 0, "delivered": 0, "gone": 0, "failed": 0 }));
    app.stop().await;
}
