//! What holds on every route: the contract names the routes, and each is asked.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tests::openapi::{Operation, Security, operations};
use tests::{Answer, App, Key};

/// A request of an operation, with its own example for a body.
fn ask(app: &App, operation: &Operation) -> RequestBuilder {
    let request = app.request(operation.method.clone(), &operation.example_path());
    match operation.example_body() {
        Some(body) => request.body(body.to_string()),
        None => request,
    }
}

fn that_refuse(status: u16, code: &str) -> Vec<Operation> {
    let chosen: Vec<_> = operations().into_iter().filter(|operation| operation.refuses(status, code)).collect();
    assert!(!chosen.is_empty(), "no route refuses with {code}");
    chosen
}

fn expect(answer: &Answer, status: u16, code: &str, operation: &Operation) {
    assert_eq!(answer.refusal(), (status, code.to_owned()), "{}: {}", operation.name(), answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_with_an_authorizer_refuses_who_shows_nothing_and_no_other_does() {
    let app = App::start().await;
    for operation in operations() {
        let answer = app.send(ask(&app, &operation)).await;
        match operation.security {
            Security::Nobody => assert!(answer.status < 300, "{}: {}", operation.name(), answer.text),
            _ => expect(&answer, 401, "unauthenticated", &operation),
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_an_account_do_nothing_and_members_change_nothing() {
    let app = App::start().await;
    let (nobody, member) = (app.person("nobody@nowhere").await, app.person("member@acme").await);
    for (person, code) in [(nobody, "no_account"), (member, "admin_required")] {
        for operation in that_refuse(403, code) {
            let answer = app.send(ask(&app, &operation).bearer_auth(&person.token)).await;
            expect(&answer, 403, code, &operation);
        }
    }
    app.stop().await;
}

/// One key for everything that keys can do.
async fn able(app: &App) -> Key<'_> {
    app.key().permissions(&["PushNotifications/Send", "Subscriptions/Write"]).create().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_off_over_or_without_the_permission_does_nothing() {
    let app = App::start().await;
    let (inactive, expired) = (able(&app).await, able(&app).await);
    let path = format!("/keys/{}", inactive.id);
    let _ = app.admin().await.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    expired.expire().await;
    for (key, code) in [(inactive, "key_inactive"), (expired, "key_expired")] {
        for operation in that_refuse(403, code) {
            let answer = app.send(ask(&app, &operation).bearer_auth(&key.secret)).await;
            expect(&answer, 403, code, &operation);
        }
    }
    let (sending, subscribing) = (app.key().create().await, app.subscriber().await);
    for operation in that_refuse(403, "permission_denied") {
        let other = if operation.path.starts_with("/subscriptions") { &sending } else { &subscribing };
        let answer = app.send(ask(&app, &operation).bearer_auth(&other.secret)).await;
        expect(&answer, 403, "permission_denied", &operation);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_limit_is_told_when_to_come_again() {
    let app = App::start().await;
    for operation in that_refuse(429, "rate_limited") {
        let both = ["PushNotifications/Send", "Subscriptions/Write"];
        let key = app.key().permissions(&both).with("limits", json!({ "per_day": 1 })).create().await;
        // A day may end once meanwhile.
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(app.send(ask(&app, &operation).bearer_auth(&key.secret)).await);
        }
        let over = answers.iter().find(|answer| answer.status == 429).expect("a refusal");
        expect(over, 429, "rate_limited", &operation);
        assert!(answers[0].status != 429, "{}", operation.name());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_over_10240_bytes_is_refused_on_every_route_and_elsewhere() {
    let app = App::start().await;
    let long = "x".repeat(10_300);
    for operation in that_refuse(413, "request_too_large") {
        let answer = app.send(ask(&app, &operation).header("x-long", &long)).await;
        expect(&answer, 413, "request_too_large", &operation);
    }
    let elsewhere = app.send(app.request(Method::GET, "/nothing").header("x-long", &long)).await;
    assert_eq!(elsewhere.refusal(), (413, "request_too_large".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_too_many_bytes_is_refused_on_both_routes() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = able(&app).await;
    for operation in that_refuse(413, "push_too_large") {
        let request = app.request(operation.method.clone(), &operation.example_path()).bearer_auth(&key.secret);
        let answer = app.send(request.body(json!({ "title": "x".repeat(4_000) }).to_string())).await;
        expect(&answer, 413, "push_too_large", &operation);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_precondition_that_is_no_tag_is_refused_wherever_one_is_taken() {
    let app = App::start().await;
    let key = app.key().create().await;
    let admin = app.admin().await;
    for (method, route, body) in [
        (Method::PATCH, "", Some(json!({ "name": "Shop" }))),
        (Method::DELETE, "", None),
        (Method::POST, "/rotate", Some(json!({ "overlap_seconds": 0 }))),
    ] {
        let request = app.request(method, &format!("/keys/{}{route}", key.id)).bearer_auth(&admin.token);
        let request = request.header("If-Match", "no tag");
        let answer = app.send(match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        });
        assert_eq!(answer.await.refusal(), (400, "invalid_parameter".to_owned()), "{route}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_in_at_most_70_channels_whatever_keys_put_it_there() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..71).map(|number| format!("c{number}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let device = app.push_service.device();
    let mut last = None;
    for own in slugs.chunks(20) {
        let key = app.key().permissions(&["Subscriptions/Write"]).channels(own).create().await;
        // The last key could add 11, and may add 10.
        if let [all_but_one @ .., _] = own
            && own.len() < 20
        {
            let over = key.put(&device.subscription(own)).await;
            assert_eq!(over.refusal(), (422, "too_many_channels".to_owned()));
            last = Some(key.put(&device.subscription(all_but_one)).await);
        } else {
            key.subscribe(&device, own).await;
        }
    }
    let _ = last.expect("a fourth key").expect(200);
    app.stop().await;
}
