//! `POST /keys/{id}/rotate`: the key gets a new secret, and the previous one is valid during the overlap.

use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::account::Account;
use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::store::{EditOutcome, Store};
use tests::{App, Key, Response, User};

async fn rotate(admin: &User<'_>, key: &Key<'_>, overlap: u32) -> Response {
    admin.post(&format!("/keys/{}/rotate", key.id), &json!({ "overlap_seconds": overlap })).await
}

/// The same key, with the secret of a response.
fn with_secret<'a>(key: &Key<'a>, response: &Response) -> Key<'a> {
    key.with_secret(response.json()["secret"].as_str().expect("a secret"))
}

async fn get_key(admin: &User<'_>, key: &Key<'_>) -> Value {
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).json()
}

fn hello() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_keeps_everything_but_its_secret() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_day": 9 })).create().await;
    key.push(&hello()).await.expect(202);
    let before = get_key(&admin, &key).await;

    let response = rotate(&admin, &key, 3_600).await.expect(200);

    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    let mut after = response.json();
    let secret = after["secret"].as_str().expect("a secret").to_owned();
    assert!(Secret::is_well_formed(&secret) && secret.starts_with(&format!("pgk_{}_{}_", app.account("acme"), key.id)));
    assert_ne!(secret, key.secret);
    assert_eq!(after["key"]["hint"], secret[secret.len() - 10..secret.len() - 6]);
    let until = after["key"]["rotation"]["old_valid_until"].take();
    let until = Timestamp::try_from(until.as_str().expect("a timestamp").to_owned()).expect("a timestamp");
    let rotated_at = after["key"]["updated_at"].as_str().expect("a timestamp").to_owned();
    assert_eq!(until, Timestamp::try_from(rotated_at).expect("a timestamp").plus_seconds(3_600));
    let rotation = json!({ "old_hint": before["hint"], "old_valid_until": null, "old_last_used_at": null });
    assert_eq!(after["key"]["rotation"], rotation);
    for (field, value) in before.as_object().expect("a key") {
        if !["hint", "updated_at", "etag", "rotation"].contains(&field.as_str()) {
            assert_eq!(after["key"][field], *value, "{field}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_are_valid_during_the_overlap_and_use_of_the_previous_one_is_shown() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;
    let new = with_secret(&old, &rotate(&admin, &old, 604_800).await.expect(200));

    new.push(&hello()).await.expect(202);
    assert_eq!(
        get_key(&admin, &new).await["rotation"]["old_last_used_at"],
        Value::Null,
        "only the new secret was used"
    );
    old.push(&hello()).await.expect(202);

    let key = get_key(&admin, &new).await;
    assert_eq!(key["rotation"]["old_last_used_at"], key["last_used_at"]);
    assert_eq!(key["usage"]["total"], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_overlap_the_previous_secret_is_invalid_immediately() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;

    let response = rotate(&admin, &old, 0).await.expect(200);

    assert_eq!(response.json()["key"]["rotation"], Value::Null);
    old.push(&hello()).await.assert_problem(401, "unauthenticated");
    with_secret(&old, &response).push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_secret_is_invalid_after_the_overlap() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;
    let new = with_secret(&old, &rotate(&admin, &old, 60).await.expect(200));
    old.push(&hello()).await.expect(202);

    old.set("old_until", Timestamp::now().plus_seconds(-1)).await;

    old.push(&hello()).await.assert_problem(401, "unauthenticated");
    new.push(&hello()).await.expect(202);
    assert_eq!(get_key(&admin, &new).await["rotation"], Value::Null);
    assert_eq!(new.uses().await, 2, "a denied request is not counted");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rotation_invalidates_the_oldest_secret() {
    let app = App::start().await;
    let admin = app.admin().await;
    let first = app.key().create().await;
    let second = with_secret(&first, &rotate(&admin, &first, 600).await.expect(200));
    let third = with_secret(&first, &rotate(&admin, &first, 600).await.expect(200));

    first.push(&hello()).await.assert_problem(401, "unauthenticated");
    second.push(&hello()).await.expect(202);
    third.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keep_old_only_the_current_secret_is_replaced() {
    let app = App::start().await;
    let admin = app.admin().await;
    let first = app.key().create().await;
    let path = format!("/keys/{}/rotate", first.id);
    let replace = json!({ "overlap_seconds": 0, "keep_old": true });
    let lost = with_secret(&first, &rotate(&admin, &first, 600).await.expect(200));
    first.push(&hello()).await.expect(202);
    let before = get_key(&admin, &first).await["rotation"].clone();
    assert!(before["old_last_used_at"].is_string(), "{before}");

    let third = with_secret(&first, &admin.post(&path, &replace).await.expect(200));

    assert_eq!(get_key(&admin, &first).await["rotation"], before);
    lost.push(&hello()).await.assert_problem(401, "unauthenticated");
    first.push(&hello()).await.expect(202);
    third.push(&hello()).await.expect(202);
    // The use of the old secret is still recorded, and a key without an old secret gets none.
    assert_ne!(get_key(&admin, &first).await["rotation"]["old_last_used_at"], before["old_last_used_at"]);
    rotate(&admin, &first, 0).await.expect(200);
    let fourth = admin.post(&path, &replace).await.expect(200);
    assert_eq!(fourth.json()["key"]["rotation"], Value::Null);
    third.push(&hello()).await.assert_problem(401, "unauthenticated");
    with_secret(&first, &fourth).push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_old_does_not_overwrite_a_use_of_the_old_secret_that_it_did_not_read() {
    let app = App::start().await;
    let admin = app.admin().await;
    let old = app.key().create().await;
    rotate(&admin, &old, 600).await.expect(200);
    let store = Store::connect(&app.local().config(app.local().dynamodb_url())).await.expect("a store");
    let account = Account::try_from("acme".to_owned()).expect("an account");
    let before = store
        .key(&account, &KeyId::try_from(old.id.clone()).expect("an id"))
        .await
        .expect("a response")
        .expect("the key");

    old.push(&hello()).await.expect(202);
    let (secret, now) = (Secret::generate(&account, &before.id, &app.tag_key()), Timestamp::now());
    let after = before.with_replaced_secret(&secret, now);
    let event = AuditEvent::new(Action::Rotated, &before.created_by, Some(&before), Some(&after), now);
    let outcome = store.rotate_key(&before, &after, &event, None).await.expect("a response");

    assert_eq!(outcome, EditOutcome::Written);
    let key = get_key(&admin, &old).await;
    assert!(key["rotation"]["old_last_used_at"].is_string(), "{key}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_old_requires_an_overlap_of_0() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/rotate", key.id);

    let response = admin.post(&path, &json!({ "overlap_seconds": 1, "keep_old": true })).await;
    assert_eq!(response.field_errors(), ["/keep_old: requires that overlap_seconds is 0"]);
    for wrong in [json!(null), json!(1), json!("true")] {
        let response = admin.post(&path, &json!({ "overlap_seconds": 0, "keep_old": wrong })).await;
        assert_eq!(response.field_errors(), ["/keep_old: is not true or false"]);
    }
    assert_eq!(admin.post(&path, &json!({ "keep_old": true })).await.field_errors(), ["/overlap_seconds: is required"]);
    key.push(&hello()).await.expect(202);
    admin.post(&path, &json!({ "overlap_seconds": 600, "keep_old": false })).await.expect(200);
    key.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_changes_neither_status_nor_expiry() {
    let app = App::start().await;
    let admin = app.admin().await;
    let inactive = app.key().create().await;
    let path = format!("/keys/{}", inactive.id);
    admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    let expired = app.key().create().await;
    expired.expire().await;

    for (old, code) in [(&inactive, "key_inactive"), (&expired, "key_expired")] {
        let new = with_secret(old, &rotate(&admin, old, 600).await.expect(200));
        old.push(&hello()).await.assert_problem(403, code);
        new.push(&hello()).await.assert_problem(403, code);
    }
    admin.patch(&path, &json!({ "status": "active" })).await.expect(200);
    inactive.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_previous_secret_has_the_permissions_scope_and_limits_of_the_key() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let admin = app.admin().await;
    let old = app.key().channels(&["ops"]).with("limits", json!({ "per_minute": 2 })).create().await;
    rotate(&admin, &old, 600).await.expect(200);

    old.push_to("news", &hello()).await.assert_problem(403, "scope_violation");
    old.put(&json!({})).await.assert_problem(403, "permission_denied");
    // A minute may end between two requests; then the limit starts again.
    let mut limited = None;
    for _ in 0..5 {
        limited = limited.or(Some(old.push(&hello()).await).filter(|response| response.status != 202));
    }
    limited.expect("a rate-limited response").assert_problem(429, "rate_limited");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_is_0_to_604_800_whole_seconds() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/rotate", key.id);

    for wrong in [json!(null), json!(-1), json!(604_801), json!(1.5), json!("60"), json!([60])] {
        let response = admin.post(&path, &json!({ "overlap_seconds": wrong })).await;
        response.assert_problem_in(format_args!("{wrong}"), 400, "invalid_body");
        assert_eq!(response.pointers(), ["/overlap_seconds"], "{wrong}");
    }
    assert_eq!(admin.post(&path, &json!({})).await.field_errors(), ["/overlap_seconds: is required"]);
    assert_eq!(admin.post(&path, &json!({ "overlap_seconds": 0, "name": "x" })).await.pointers(), ["/name"]);
    key.push(&hello()).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_of_the_account_can_rotate_a_key() {
    let app = App::start().await;
    let key = app.key().create().await;

    let member = app.user("member@acme").await;
    rotate(&member, &key, 0).await.assert_problem(403, "admin_required");
    let other_admin = app.user("admin@globex").await;
    rotate(&other_admin, &key, 0).await.assert_problem(404, "not_found");
    let path = format!("/keys/{}/rotate", key.id);
    let with_key = key.send(Method::POST, &path, Some(&json!({ "overlap_seconds": 0 }))).await;
    with_key.assert_problem(401, "unauthenticated");
    key.push(&hello()).await.expect(202);
    app.stop().await;
}
