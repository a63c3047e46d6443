//! What other systems for API keys and pushes are compared by, each shown by a request: `docs/features.md` lists these tests
//! with their results. The first line of a test's description is the feature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::secret::Secret;
use shared::time::Timestamp;
use tests::{Answer, App, Key};

fn hello() -> Value {
    json!({ "title": "Hello" })
}

fn path(key: &Key<'_>) -> String {
    format!("/keys/{}", key.id)
}

async fn shown(app: &App, key: &Key<'_>) -> Value {
    app.admin().await.get(&path(key)).await.expect(200).json()
}

async fn patch(app: &App, key: &Key<'_>, change: Value) -> Answer {
    app.admin().await.patch(&path(key), &change).await.expect(200)
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.refusal(), (status, code.to_owned()));
}

/// shown once, hashed
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_kept_hashed() {
    let app = App::start().await;
    let key = app.key().create().await;
    let admin = app.admin().await;

    for answer in [admin.get("/keys").await, admin.get(&path(&key)).await] {
        assert!(!answer.expect(200).text.contains(&key.secret));
    }
    // The end of the test looks for it in all that was kept and logged.
    app.stop().await;
}

/// checksum in the key
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_key_has_another_checksum() {
    let app = App::start().await;
    let key = app.key().create().await;
    let (most, last) = key.secret.split_at(key.secret.len() - 1);
    let mistyped = key.with_secret(&format!("{most}{}", if last == "0" { "1" } else { "0" }));

    refused(&mistyped.push(&hello()).await, 401, "unauthenticated");
    assert!(Secret::parse(&key.secret).is_some() && Secret::parse(&mistyped.secret).is_none(), "nobody need be asked");
    app.stop().await;
}

/// edit name · scope
#[tokio::test(flavor = "multi_thread")]
async fn name_and_scope_of_a_key_are_edited() {
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
async fn a_key_is_disabled_and_enabled() {
    let app = App::start().await;
    let key = app.key().create().await;

    patch(&app, &key, json!({ "status": "inactive" })).await;
    refused(&key.push(&hello()).await, 403, "key_inactive");
    patch(&app, &key, json!({ "status": "active" })).await;
    let _ = key.push(&hello()).await.expect(202);
    app.stop().await;
}

/// revocation takes effect
#[tokio::test(flavor = "multi_thread")]
async fn revocation_takes_effect_at_the_next_request() {
    let app = App::start().await;
    let key = app.key().create().await;
    let _ = key.push(&hello()).await.expect(202);

    let _ = app.admin().await.delete(&path(&key)).await.expect(204);

    refused(&key.push(&hello()).await, 401, "unauthenticated");
    app.stop().await;
}

/// expiry
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_refused() {
    let app = App::start().await;
    let key = app.key().with("expires_at", json!(Timestamp::now().plus_seconds(3_600).to_string())).create().await;
    let _ = key.push(&hello()).await.expect(202);

    key.expire().await;

    refused(&key.push(&hello()).await, 403, "key_expired");
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
        let _ = key.push(&hello()).await.expect(202);
    }
    assert_eq!(rotated["key"]["id"], old.id.as_str());
    assert_eq!(shown(&app, &new).await["usage"]["total"], 2);
    let history = app.admin().await.get(&format!("{}/history", path(&old))).await.expect(200).json();
    assert_eq!(
        (&history["events"][0]["action"], &history["events"][1]["action"]),
        (&json!("rotated"), &json!("created"))
    );
    app.stop().await;
}

/// permissions
#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_permissions_say() {
    let app = App::start().await;
    let (sender, subscriber) = (app.key().create().await, app.subscriber().await);

    refused(&subscriber.push(&hello()).await, 403, "permission_denied");
    refused(&sender.get("/subscriptions/config").await, 403, "permission_denied");
    let _ = sender.push(&hello()).await.expect(202);
    let _ = subscriber.get("/subscriptions/config").await.expect(200);
    app.stop().await;
}

/// channel scope
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_scope_is_exact() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let _ = key.push_to("ops", &hello()).await.expect(202);
    refused(&key.push_to("news", &hello()).await, 403, "scope_violation");
    let audience = &key.push(&hello()).await.expect(202).json()["audience"];
    assert_eq!(*audience, json!({ "all": false, "channels": ["ops"] }));
    app.stop().await;
}

/// last used
#[tokio::test(flavor = "multi_thread")]
async fn last_used_is_the_last_request() {
    let app = App::start().await;
    let key = app.key().create().await;
    assert_eq!(shown(&app, &key).await["last_used_at"], Value::Null);

    let used = async || {
        let _ = key.push(&hello()).await.expect(202);
        let used = shown(&app, &key).await["last_used_at"].as_str().expect("a moment").to_owned();
        Timestamp::try_from(used).expect("a moment")
    };
    let before = Timestamp::now();
    let (first, second) = (used().await, used().await);

    // The clock of a deployment may differ a little from this machine's.
    assert!((first.millis() - before.millis()).abs() < 60_000, "{first}");
    assert!(first < second, "{second}");
    refused(&key.get("/subscriptions/config").await, 403, "permission_denied");
    assert_eq!(shown(&app, &key).await["last_used_at"], second.to_string(), "what was refused is no use");
    app.stop().await;
}

/// usage count
#[tokio::test(flavor = "multi_thread")]
async fn a_usage_count_is_exact_in_all_and_per_day() {
    let app = App::start().await;
    let key = app.key().create().await;
    for _ in 0..3 {
        let _ = key.push(&hello()).await.expect(202);
    }
    refused(&key.get("/subscriptions/config").await, 403, "permission_denied");

    let usage = &shown(&app, &key).await["usage"];
    let days: u64 = usage["days"].as_array().expect("days").iter().filter_map(|day| day["count"].as_u64()).sum();
    assert_eq!((usage["total"].as_u64(), days), (Some(3), 3), "what was refused is not counted");
    app.stop().await;
}

/// limits per key
#[tokio::test(flavor = "multi_thread")]
async fn limits_per_key_are_exact() {
    let app = App::start().await;
    let limited = app.key().with("limits", json!({ "per_day": 2 })).create().await;
    let free = app.key().create().await;

    for _ in 0..2 {
        let _ = limited.push(&hello()).await.expect(202);
    }
    let over = limited.push(&hello()).await;
    refused(&over, 429, "rate_limited");
    assert!(over.header("Retry-After").is_some() && over.header("RateLimit").is_some());
    let _ = free.push(&hello()).await.expect(202);
    app.stop().await;
}

/// created by
#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_whom_it_was_created_by() {
    let app = App::start().await;
    let key = app.key().create().await;

    let token = app.admin().await.token;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(shown(&app, &key).await["created_by"], json!({ "id": claims["sub"], "name": "Ada" }));
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
    // Nor is one sent that may be.
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &["ops"]).await;
    let explained = app.admin().await.post(&format!("{}/explain", path(&key)), &hello()).await.expect(200).json();
    assert_eq!(explained["decision"], json!({ "allow": true, "rule": "key_channels" }));
    assert_eq!(explained["recipients"], json!({ "count": 1, "exact": true }));
    app.delivered().await;
    assert_eq!((key.uses().await, device.attempts()), (0, 0));
    assert_eq!(app.admin().await.get("/pushes").await.expect(200).json()["pushes"], json!([]));
    app.stop().await;
}

/// a 403 that names the channel and the allowed ones
#[tokio::test(flavor = "multi_thread")]
async fn a_403_names_the_channel_and_the_allowed_ones() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let answer = key.push(&json!({ "title": "Hello", "target": { "channels": ["news"] } })).await;

    refused(&answer, 403, "scope_violation");
    let body = answer.json();
    assert_eq!((&body["refused"], &body["allowed"]), (&json!("news"), &json!("ops")));
    app.stop().await;
}

/// send built in
#[tokio::test(flavor = "multi_thread")]
async fn a_send_is_built_in() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;

    let _ = app.key().create().await.push(&hello()).await.expect(202);
    app.delivered().await;

    assert_eq!(device.received().len(), 1);
    app.stop().await;
}

/// idempotent send
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_send_is_one_push() {
    let app = App::start().await;
    let key = app.key().create().await;
    let send = async || key.push_named("order-17", &hello()).await.expect(202).json()["id"].clone();

    assert_eq!(send().await, send().await);
    let pushes = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(pushes["pushes"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

/// status of a send
#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_send_is_told() {
    let app = App::start().await;
    let key = app.key().create().await;
    let id = key.push(&hello()).await.expect(202).json()["id"].as_str().expect("an id").to_owned();
    app.delivered().await;

    let status = key.get(&format!("/push/{id}")).await.expect(200).json();
    assert_eq!(status["status"], "done");
    assert_eq!(status["counts"], json!({ "recipients": 0, "delivered": 0, "gone": 0, "failed": 0 }));
    app.stop().await;
}
