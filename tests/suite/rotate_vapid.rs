//! Rotation of the VAPID secret under load: each subscription gets pushes signed with its own application server key,
//! and one that was stored with the wrong key is still reached.

use serde_json::{Value, json};
use shared::domain::audience::Audience;
use tests::direct_delivery::DirectDelivery;
use tests::{App, Browser};

async fn put(app: &App, value: &Value) {
    let put =
        app.local().secrets_manager().put_secret_value().secret_id("VapidSecret").secret_string(value.to_string());
    put.send().await.expect("a new version");
}

/// Makes a new secret the current one, and keeps the previous ones.
async fn rotate(app: &App, seed: &str) {
    let before = app.local().vapid_secret().await;
    let mut old = vec![before["current"].clone()];
    // The first secret has no `old` member.
    old.extend(before["old"].as_array().into_iter().flatten().cloned());
    put(app, &json!({ "current": seed.repeat(64), "old": old })).await;
}

/// A browser that subscribed with this application server key.
fn browser(app: &App, subscribed_with: &str) -> Browser {
    let browser = app.push_service.browser();
    browser.subscribed_with(subscribed_with);
    browser
}

async fn counts(app: &App, push: &Value) -> Value {
    let path = format!("/pushes/{}", push["id"].as_str().expect("an id"));
    app.admin().await.get(&path).await.expect(200).json()["counts"].clone()
}

fn signers(browser: &Browser) -> Vec<String> {
    browser.received().into_iter().map(|received| received.signed_by).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_gets_pushes_signed_with_its_own_key() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let hello = json!({ "title": "Hello" });
    let first = subscriber.application_server_key().await;
    let old = browser(&app, &first);
    subscriber.subscribe(&old, &[]).await;
    key.push(&hello).await.expect(202);
    app.delivered().await;

    rotate(&app, "b").await;
    let second = subscriber.application_server_key().await;
    let new = browser(&app, &second);
    subscriber.subscribe(&new, &[]).await;
    // The first browser puts the same subscription again, which has the old key.
    subscriber.subscribe(&old, &[]).await;
    let push = key.push(&hello).await.expect(202).json();
    app.delivered().await;

    assert_ne!(first, second);
    assert_eq!(signers(&old), [first.clone(), first]);
    assert_eq!(signers(&new), [second]);
    assert_eq!((old.attempts(), new.attempts()), (2, 1), "no request is repeated");
    let expected = json!({ "recipients": 2, "delivered": 2, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &push).await, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_was_stored_with_the_wrong_key_is_still_reached() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let first = subscriber.application_server_key().await;
    // The browser subscribed before the rotations, and its subscription is stored after them.
    rotate(&app, "b").await;
    rotate(&app, "c").await;
    let (late, unknown) = (browser(&app, &first), browser(&app, "a key that no longer exists"));
    for browser in [&late, &unknown] {
        subscriber.subscribe(browser, &[]).await;
    }

    let push = key.push(&json!({ "title": "Hello" })).await.expect(202).json();
    app.delivered().await;

    assert_eq!(signers(&late), std::slice::from_ref(&first));
    assert_eq!((late.attempts(), unknown.attempts()), (3, 3), "each key once");
    let expected = json!({ "recipients": 2, "delivered": 1, "gone": 0, "failed": 1 });
    assert_eq!(counts(&app, &push).await, expected);
    // Neither subscription is removed, and the next push tries every key again.
    unknown.subscribed_with(&first);
    let push = key.push(&json!({ "title": "Again" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 2, "delivered": 2, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &push).await, expected);
    app.stop().await;
}

/// A delivery that has just cached the secret, for five minutes.
async fn delivery_with_cached_secret(app: &App) -> DirectDelivery {
    let direct = DirectDelivery::new(app, app.local().dynamodb_url()).await;
    // A push without recipients reads the secret, too.
    deliver(app, &direct).await;
    direct
}

/// Delivers a push of its own with this delivery, which the running functions do not see.
async fn deliver(app: &App, direct: &DirectDelivery) -> Value {
    let push = direct.save_push(Audience::All).await;
    assert!(direct.deliver(&push).await);
    counts(app, &json!({ "id": push.id })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_delivery_refreshes_the_secret_for_an_unknown_key() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let running = delivery_with_cached_secret(&app).await;

    for seed in ["b", "c"] {
        rotate(&app, seed).await;
        let key = subscriber.application_server_key().await;
        let browser = browser(&app, &key);
        subscriber.subscribe(&browser, &[]).await;

        let counts = deliver(&app, &running).await;

        assert_eq!(counts["delivered"], counts["recipients"], "{counts}");
        assert_eq!((signers(&browser), browser.attempts()), (vec![key], 1), "each new key on the first attempt");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_delivery_refreshes_the_secret_if_every_signature_is_rejected() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let running = delivery_with_cached_secret(&app).await;
    // The subscription is stored with the old key, as by a function with a cached secret, and has the new one.
    let browser = app.push_service.browser();
    subscriber.subscribe(&browser, &[]).await;
    rotate(&app, "b").await;
    let second = subscriber.application_server_key().await;
    browser.subscribed_with(&second);

    let counts = deliver(&app, &running).await;

    assert_eq!(counts["delivered"], 1);
    assert_eq!(signers(&browser), [second]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_secret_leaves_the_cached_keys_in_use() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let key = app.key().create().await;
    let first = subscriber.application_server_key().await;
    let browser = browser(&app, &first);
    subscriber.subscribe(&browser, &[]).await;
    key.push(&json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;

    put(&app, &json!({ "current": "too short" })).await;

    assert_eq!(subscriber.application_server_key().await, first);
    key.push(&json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;
    assert_eq!(signers(&browser), [first.clone(), first]);
    app.stop().await;
}
