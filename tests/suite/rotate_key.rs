//! An admin rotates a key: a new secret, the same key. The old secret works as long as the overlap lasts.

use reqwest::Method;
use serde_json::{Value, json};
use shared::secret::Secret;
use shared::time::Timestamp;
use tests::{Answer, App, Key, Person};

async fn rotate(admin: &Person<'_>, key: &Key<'_>, overlap: u32) -> Answer {
    admin.post(&format!("/keys/{}/rotate", key.id), &json!({ "overlap_seconds": overlap })).await
}

/// The same key, with the secret that an answer shows.
fn with_secret<'a>(key: &Key<'a>, answer: &Answer) -> Key<'a> {
    key.with_secret(answer.json()["secret"].as_str().expect("a secret"))
}

async fn shown(admin: &Person<'_>, key: &Key<'_>) -> Value {
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).json()
}

fn hello() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_keeps_all_but_its_secret() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_day": 9 })).create().await;
    let _ = key.push(&hello()).await.expect(202);
    let before = shown(&admin, &key).await;

    let answer = rotate(&admin, &key, 3_600).await.expect(200);

    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let mut after = answer.json();
    let secret = Secret::parse(after["secret"].as_str().expect("a secret")).expect("a secret");
    assert_eq!(secret.key().to_string(), key.id);
    assert_ne!(secret.expose(), key.secret);
    assert_eq!(after["key"]["hint"], secret.hint());
    let until = after["key"]["rotation"]["old_valid_until"].take();
    let until = Timestamp::try_from(until.as_str().expect("a moment").to_owned()).expect("a moment");
    let rotated_at = after["key"]["updated_at"].as_str().expect("a moment").to_owned();
    assert_eq!(until, Timestamp::try_from(rotated_at).expect("a moment").plus_seconds(3_600));
    let rotation = json!({ "old_hint": before["hint"], "old_valid_until": null, "old_last_used_at": null });
    assert_eq!(after["key"]["rotation"], rotation);
    for (field, value) in before.as_object().expect("a key") {
        if !["hint", "updated_at", "rotation"].contains(&field.as_str()) {
            assert_eq!(after["key"][field], *value, "{field}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_work_during_the_overlap_and_the_use_of_the_old_one_is_shown() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;
    let new = with_secret(&old, &rotate(&admin, &old, 604_800).await.expect(200));

    let _ = new.push(&hello()).await.expect(202);
    assert_eq!(shown(&admin, &new).await["rotation"]["old_last_used_at"], Value::Null, "the new one was used");
    let _ = old.push(&hello()).await.expect(202);

    let key = shown(&admin, &new).await;
    assert_eq!(key["rotation"]["old_last_used_at"], key["last_used_at"]);
    assert_eq!(key["usage"]["total"], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_overlap_the_old_secret_is_unknown_at_once() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;

    let answer = rotate(&admin, &old, 0).await.expect(200);

    assert_eq!(answer.json()["key"]["rotation"], Value::Null);
    assert_eq!(old.push(&hello()).await.refusal(), (401, "unauthenticated".to_owned()));
    let _ = with_secret(&old, &answer).push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_is_unknown_when_its_time_is_over() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;
    let new = with_secret(&old, &rotate(&admin, &old, 60).await.expect(200));
    let _ = old.push(&hello()).await.expect(202);

    old.set("old_until", Timestamp::now().plus_seconds(-1)).await;

    assert_eq!(old.push(&hello()).await.refusal(), (401, "unauthenticated".to_owned()));
    let _ = new.push(&hello()).await.expect(202);
    assert_eq!(shown(&admin, &new).await["rotation"], Value::Null);
    assert_eq!(new.uses().await, 2, "what was refused is not counted");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rotation_ends_the_oldest_secret() {
    let app = App::start().await;
    let admin = app.admin().await;
    let first = app.key().create().await;
    let second = with_secret(&first, &rotate(&admin, &first, 600).await.expect(200));
    let third = with_secret(&first, &rotate(&admin, &first, 600).await.expect(200));

    assert_eq!(first.push(&hello()).await.refusal(), (401, "unauthenticated".to_owned()));
    let _ = second.push(&hello()).await.expect(202);
    let _ = third.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_changes_neither_status_nor_expiry() {
    let app = App::start().await;
    let admin = app.admin().await;
    let inactive = app.key().create().await;
    let path = format!("/keys/{}", inactive.id);
    let _ = admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    let expired = app.key().create().await;
    expired.expire().await;

    for (old, code) in [(&inactive, "key_inactive"), (&expired, "key_expired")] {
        let new = with_secret(old, &rotate(&admin, old, 600).await.expect(200));
        assert_eq!(old.push(&hello()).await.refusal(), (403, code.to_owned()));
        assert_eq!(new.push(&hello()).await.refusal(), (403, code.to_owned()));
    }
    let _ = admin.patch(&path, &json!({ "status": "active" })).await.expect(200);
    let _ = inactive.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_has_the_key_s_permissions_scope_and_limits() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let old = app.key().channels(&["ops"]).with("limits", json!({ "per_minute": 2 })).create().await;
    let _ = rotate(&admin, &old, 600).await.expect(200);

    assert_eq!(old.push_to("news", &hello()).await.refusal(), (403, "scope_violation".to_owned()));
    assert_eq!(old.put(&json!({})).await.refusal(), (403, "permission_denied".to_owned()));
    // A minute may end between two of these; then the next one is full again.
    let mut refused = None;
    for _ in 0..5 {
        refused = refused.or(Some(old.push(&hello()).await).filter(|answer| answer.status != 202));
    }
    assert_eq!(refused.expect("a refusal").refusal(), (429, "rate_limited".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_is_0_to_604_800_whole_seconds() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/rotate", key.id);

    for wrong in [json!(null), json!(-1), json!(604_801), json!(1.5), json!("60"), json!([60])] {
        let answer = admin.post(&path, &json!({ "overlap_seconds": wrong })).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".to_owned()), "{wrong}");
        assert_eq!(answer.places(), ["/overlap_seconds"], "{wrong}");
    }
    assert_eq!(admin.post(&path, &json!({})).await.mistakes(), ["/overlap_seconds: is required"]);
    assert_eq!(admin.post(&path, &json!({ "overlap_seconds": 0, "name": "x" })).await.places(), ["/name"]);
    let _ = key.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_of_the_account_rotates() {
    let app = App::start().await;
    let key = app.key().create().await;

    let member = app.person("member@acme").await;
    assert_eq!(rotate(&member, &key, 0).await.refusal(), (403, "admin_required".to_owned()));
    let stranger = app.person("admin@globex").await;
    assert_eq!(rotate(&stranger, &key, 0).await.refusal(), (404, "not_found".to_owned()));
    let path = format!("/keys/{}/rotate", key.id);
    let with_key = key.send(Method::POST, &path, Some(&json!({ "overlap_seconds": 0 }))).await;
    assert_eq!(with_key.refusal(), (401, "unauthenticated".to_owned()));
    let _ = key.push(&hello()).await.expect(202);
    app.stop().await;
}
