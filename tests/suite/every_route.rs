//! Rules for every route: each operation of `docs/openapi.yaml` is tested.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tests::openapi::{Operation, Security, operations};
use tests::{App, Key, Response};

/// A request to an operation, with the example of its body.
fn example_request(app: &App, operation: &Operation) -> RequestBuilder {
    let request = app.request(operation.method.clone(), &operation.example_path());
    match operation.example_body() {
        Some(body) => request.body(body.to_string()),
        None => request,
    }
}

/// The operations that document this problem.
fn that_document(status: u16, code: &str) -> Vec<Operation> {
    let chosen: Vec<_> = operations().into_iter().filter(|operation| operation.documents(status, code)).collect();
    assert!(!chosen.is_empty(), "no route documents {code}");
    chosen
}

fn expect(response: &Response, status: u16, code: &str, operation: &Operation) {
    response.assert_problem_in(format_args!("{}: {}", operation.name(), response.text), status, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_routes_with_an_authorizer_deny_requests_without_credentials() {
    let app = App::start().await;
    for operation in operations() {
        let response = app.send(example_request(&app, &operation)).await;
        match operation.security {
            Security::Public => assert!(response.status < 300, "{}: {}", operation.name(), response.text),
            _ => expect(&response, 401, "unauthenticated", &operation),
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_security_headers() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = key_with_all_permissions(&app).await;
    for operation in operations() {
        let credential = if operation.security == Security::Key { &key.secret } else { &admin.token };
        for response in [
            app.send(example_request(&app, &operation).bearer_auth(credential)).await,
            app.send(example_request(&app, &operation)).await,
            app.send(example_request(&app, &operation).bearer_auth(credential).body("[")).await,
        ] {
            let name = format!("{} {}", operation.name(), response.status);
            assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{name}");
            assert_eq!(response.header("Strict-Transport-Security"), Some("max-age=63072000"), "{name}");
            let expected = match (&operation.method, operation.path) {
                (&Method::GET, "/problems/{code}") => "public, max-age=3600",
                (&Method::GET, "/console" | "/console/{file}") => "no-cache",
                _ => "no-store",
            };
            assert_eq!(response.header("Cache-Control"), Some(expected), "{name}");
        }
    }
    let elsewhere = app.send(app.request(Method::GET, "/nothing")).await;
    assert_eq!(elsewhere.header("Cache-Control"), Some("no-store"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_an_account_can_do_nothing_and_members_can_only_read() {
    let app = App::start().await;
    let (nobody, member) = (app.user("nobody@nowhere").await, app.user("member@acme").await);
    for (user, code) in [(nobody, "no_account"), (member, "admin_required")] {
        for operation in that_document(403, code) {
            let response = app.send(example_request(&app, &operation).bearer_auth(&user.token)).await;
            expect(&response, 403, code, &operation);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_for_users_rejects_a_token_of_another_app_client() {
    let app = App::start().await;
    let token = app.id_token_of_another_client().await;
    let local = app.if_local();
    let before = match local {
        Some(local) => Some(local.dump().await),
        None => None,
    };
    for operation in operations().into_iter().filter(|operation| operation.security == Security::User) {
        let response = app.send(example_request(&app, &operation).bearer_auth(&token)).await;
        expect(&response, 401, "unauthenticated", &operation);
    }
    if let (Some(local), Some(before)) = (local, before) {
        assert_eq!(local.dump().await, before, "nothing was written");
    }
    app.stop().await;
}

/// Creates a key with every permission.
async fn key_with_all_permissions(app: &App) -> Key<'_> {
    app.key().all_permissions().create().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_inactive_expired_or_lacks_the_permission_is_denied() {
    let app = App::start().await;
    let (inactive, expired) = (key_with_all_permissions(&app).await, key_with_all_permissions(&app).await);
    let path = format!("/keys/{}", inactive.id);
    app.admin().await.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    expired.expire().await;
    for (key, code) in [(inactive, "key_inactive"), (expired, "key_expired")] {
        for operation in that_document(403, code) {
            let response = app.send(example_request(&app, &operation).bearer_auth(&key.secret)).await;
            expect(&response, 403, code, &operation);
        }
    }
    let (sending, subscribing) = (app.key().create().await, app.subscriber().await);
    for operation in that_document(403, "permission_denied") {
        let other = if operation.path.starts_with("/subscriptions") { &sending } else { &subscribing };
        let response = app.send(example_request(&app, &operation).bearer_auth(&other.secret)).await;
        expect(&response, 403, "permission_denied", &operation);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_key_is_429_on_every_route() {
    let app = App::start().await;
    for operation in that_document(429, "rate_limited") {
        let key = app.key().all_permissions().with("limits", json!({ "per_day": 1 })).create().await;
        // One day may end during the test.
        let mut responses = Vec::new();
        for _ in 0..3 {
            responses.push(app.send(example_request(&app, &operation).bearer_auth(&key.secret)).await);
        }
        let limited = responses.iter().find(|response| response.status == 429).expect("a rate-limited response");
        expect(limited, 429, "rate_limited", &operation);
        assert!(responses[0].status != 429, "{}", operation.name());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_over_10240_bytes_are_rejected_on_every_route_and_elsewhere() {
    let app = App::start().await;
    let long = "x".repeat(10_300);
    for operation in that_document(413, "request_too_large") {
        let response = app.send(example_request(&app, &operation).header("x-long", &long)).await;
        expect(&response, 413, "request_too_large", &operation);
    }
    let elsewhere = app.send(app.request(Method::GET, "/nothing").header("x-long", &long)).await;
    elsewhere.assert_problem(413, "request_too_large");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_too_large_is_rejected_on_both_routes() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = key_with_all_permissions(&app).await;
    for operation in that_document(413, "push_too_large") {
        let request = app.request(operation.method.clone(), &operation.example_path()).bearer_auth(&key.secret);
        let response = app.send(request.body(json!({ "title": "x".repeat(4_000) }).to_string())).await;
        expect(&response, 413, "push_too_large", &operation);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_if_match_is_rejected_on_every_route_that_takes_it() {
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
        let response = app.send(match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        });
        response.await.assert_problem_in(format_args!("{route}"), 400, "invalid_parameter");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_in_at_most_70_channels_over_all_keys() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..71).map(|number| format!("c{number}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let browser = app.push_service.browser();
    let mut last = None;
    for own in slugs.chunks(20) {
        let key = app.key().permissions(&["Subscriptions/Write"]).channels(own).create().await;
        // The last key has 11 channels and can add 10.
        if let [all_but_one @ .., _] = own
            && own.len() < 20
        {
            let too_many = key.put(&browser.subscription(own)).await;
            too_many.assert_problem(422, "too_many_channels");
            last = Some(key.put(&browser.subscription(all_but_one)).await);
        } else {
            key.subscribe(&browser, own).await;
        }
    }
    last.expect("a fourth key").expect(200);
    app.stop().await;
}
