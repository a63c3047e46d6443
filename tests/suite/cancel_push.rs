//! `POST /pushes/{id}/cancel`, and the cancellation together with a key: nothing more is sent.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::domain::audience::Audience;
use shared::domain::id::KeyId;
use shared::domain::push::PushStatus;
use tests::direct_delivery::DirectDelivery;
use tests::{App, Browser, User, many_subscriptions};

/// The push, once it is as expected.
async fn push_when(admin: &User<'_>, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let push = admin.get(&format!("/pushes/{id}")).await.expect(200).json();
        if expected(&push) {
            return push;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{push}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The push, when no task is left.
async fn stopped(admin: &User<'_>, id: &str) -> Value {
    push_when(admin, id, |push| !push["finished_at"].is_null()).await
}

/// Sends a push to a browser whose push service is busy; the id, when the push waits for its retry.
async fn send_and_wait(admin: &User<'_>, key: &tests::Key<'_>, browser: &Browser) -> String {
    browser.respond_with_retry_after(429, "2");
    let push = key.push(&json!({ "title": "Stop" })).await.expect(202).json();
    let id = push["id"].as_str().expect("an id").to_owned();
    push_when(admin, &id, |push| push["counts"]["recipients"] == 1).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_push_is_not_retried() {
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let id = send_and_wait(&admin, &key, &browser).await;

    let canceled = admin.post(&format!("/pushes/{id}/cancel"), &json!({})).await.expect(200).json();
    assert_eq!((&canceled["status"], &canceled["finished_at"]), (&json!("canceled"), &Value::Null));
    assert_eq!(canceled["counts"], json!({ "recipients": 1, "delivered": 0, "gone": 0, "failed": 0 }));
    let seen = key.get(&format!("/push/{id}")).await.expect(200).json();
    assert_eq!(seen["status"], "canceled");

    let stopped = stopped(&admin, &id).await;
    assert_eq!(browser.attempts(), 1, "the retry is not sent");
    assert_eq!(stopped["counts"], json!({ "recipients": 1, "delivered": 0, "gone": 0, "failed": 1 }));
    let again = admin.post(&format!("/pushes/{id}/cancel"), &json!({})).await.expect(200).json();
    assert_eq!(again, stopped, "canceling again changes nothing");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_audience_gets_nothing_of_a_canceled_push() {
    let app = App::start().await;
    let (admin, subscriber) = (app.admin().await, app.subscriber().await);
    let browsers: Vec<Browser> = (0..130).map(|_| app.push_service.browser()).collect();
    for browser in &browsers {
        subscriber.subscribe(browser, &[]).await;
    }
    // The requests of the first page wait.
    let holds: Vec<_> = browsers.iter().map(Browser::hold).collect();
    let key = app.key().create().await;
    let id = key.push(&json!({ "title": "Stop" })).await.expect(202).json()["id"].as_str().expect("an id").to_owned();
    push_when(&admin, &id, |push| push["status"] == "sending").await;
    // The first page is on its way.
    tokio::time::sleep(Duration::from_millis(300)).await;

    admin.post(&format!("/pushes/{id}/cancel"), &json!({})).await.expect(200);
    // Longer than a delivery goes without a look.
    tokio::time::sleep(Duration::from_millis(600)).await;
    drop(holds);

    let stopped = stopped(&admin, &id).await;
    let sent = browsers.iter().filter(|browser| browser.attempts() > 0).count();
    assert_eq!((sent, &stopped["status"]), (100, &json!("canceled")), "the page in flight is sent to its end");
    assert_eq!(stopped["counts"], json!({ "recipients": 100, "delivered": 100, "gone": 0, "failed": 0 }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_is_canceled_in_all_its_parts() {
    const OTHERS: usize = 2_000;
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    // At a host that is not allowed, so that each has failed at once.
    many_subscriptions::seed(&app, OTHERS, OTHERS, &[], "127.0.0.1:9".parse().expect("an address")).await;
    let hold = browser.hold();
    let push = app.key().create().await.push(&json!({ "title": "Stop" })).await.expect(202).json();
    let id = push["id"].as_str().expect("an id");
    push_when(&admin, id, |push| push["counts"]["failed"].as_u64() >= Some(900)).await;

    let canceled = admin.post(&format!("/pushes/{id}/cancel"), &json!({})).await.expect(200).json();
    drop(hold);

    assert!(canceled["counts"]["failed"].as_u64() >= Some(900), "{canceled}");
    let stopped = stopped(&admin, id).await;
    assert_eq!(stopped["status"], "canceled");
    let sum: u64 = ["delivered", "gone", "failed"].iter().filter_map(|count| stopped["counts"][count].as_u64()).sum();
    assert_eq!(stopped["counts"]["recipients"], sum, "{stopped}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_done_stays_done() {
    let app = App::start().await;
    let admin = app.admin().await;
    let push = app.key().create().await.push(&json!({ "title": "Done" })).await.expect(202).json();
    app.delivered().await;
    let id = push["id"].as_str().expect("an id");

    let answered = admin.post(&format!("/pushes/{id}/cancel"), &json!({})).await.expect(200).json();

    assert_eq!(answered["status"], "done");
    admin.post("/pushes/01M83XVD704T1XW8C6J3Q0R5YD/cancel", &json!({})).await.assert_problem(404, "not_found");
    app.user("member@acme")
        .await
        .post(&format!("/pushes/{id}/cancel"), &json!({}))
        .await
        .assert_problem(403, "admin_required");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_deleted_together_with_what_it_has_sent() {
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    let (leaked, other) = (app.key().create().await, app.key().create().await);
    let canceled = send_and_wait(&admin, &leaked, &browser).await;
    let kept = send_and_wait(&admin, &other, &browser).await;

    let path = format!("/keys/{}", leaked.id);
    admin.delete(&format!("{path}?cancel_pushes=maybe")).await.assert_problem(400, "invalid_parameter");
    admin.delete(&format!("{path}?cancel_push=true")).await.assert_problem(400, "invalid_parameter");
    admin.delete(&format!("{path}?cancel_pushes=true")).await.expect(204);

    let listed = admin.get("/pushes").await.expect(200).json();
    let status = |id: &str| {
        let pushes = listed["pushes"].as_array().expect("pushes");
        pushes.iter().find(|push| push["id"] == id).expect("the push")["status"].clone()
    };
    assert_eq!((status(&canceled), status(&kept)), (json!("canceled"), json!("sending")));
    assert_eq!(stopped(&admin, &canceled).await["status"], "canceled");
    assert_eq!(stopped(&admin, &kept).await["status"], "done");
    assert_eq!((browser.attempts(), browser.received().len()), (3, 1), "only the other key's push is retried");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_accepted_while_its_key_is_deleted_is_canceled_too() {
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    admin.delete(&format!("/keys/{}?cancel_pushes=true", key.id)).await.expect(204);
    let direct = DirectDelivery::new(&app, app.local().dynamodb_url()).await;

    // Of a request that the authorizer allowed before.
    let push = direct.save_push_of(KeyId::try_from(key.id.clone()).expect("an id"), Audience::All).await;
    assert!(direct.deliver(&push).await);

    assert_eq!(direct.find(&push).await.expect("the push").status, PushStatus::Canceled);
    assert_eq!(browser.attempts(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_disabled_together_with_what_it_has_sent() {
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let with = |status: Value| json!({ "status": status, "cancel_pushes": true });
    let first = send_and_wait(&admin, &key, &browser).await;

    admin.patch(&path, &with(json!("active"))).await.assert_problem(400, "invalid_body");
    admin.patch(&path, &json!({ "name": "Shop", "cancel_pushes": true })).await.assert_problem(400, "invalid_body");
    admin.patch(&path, &with(json!("inactive"))).await.expect(200);
    assert_eq!(stopped(&admin, &first).await["status"], "canceled");
    assert_eq!(browser.attempts(), 1);

    // What it sends after that is sent, until it is canceled too: also of a key that is inactive already.
    admin.patch(&path, &json!({ "status": "active" })).await.expect(200);
    let second = send_and_wait(&admin, &key, &browser).await;
    admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    let seen = admin.get(&format!("/pushes/{second}")).await.expect(200).json();
    assert_eq!(seen["status"], "sending");
    admin.patch(&path, &with(json!("inactive"))).await.expect(200);
    assert_eq!(stopped(&admin, &second).await["status"], "canceled");
    app.stop().await;
}
