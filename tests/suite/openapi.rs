//! `docs/openapi.yaml`, the template and the problem pages have the same routes and codes, and every response to a key
//! with limits has the documented rate-limit headers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use tests::openapi::{Security, operations, problems};
use tests::{App, LocalApp, Response};

fn routes(local: &LocalApp) -> BTreeSet<(String, Security)> {
    let security = |authorizer: Option<&str>| match authorizer {
        Some("UserPoolAuthorizer") => Security::User,
        Some("ApiKeyAuthorizer") => Security::Key,
        None => Security::Public,
        Some(other) => panic!("unknown authorizer {other}"),
    };
    let routes = local.routes().iter();
    routes.map(|it| (format!("{} {}", it.method, it.resource), security(it.authorizer.as_deref()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_template_have_the_same_routes_and_authorizers() {
    let app = App::start().await;
    let documented: BTreeSet<_> = operations().iter().map(|it| (it.name(), it.security)).collect();
    assert_eq!(routes(app.local()), documented);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_page_with_its_title_and_status() {
    let app = App::start().await;
    for (code, status, title) in problems() {
        let page = app.send(app.request(Method::GET, &format!("/problems/{code}"))).await.expect(200).text;
        assert!(page.contains(&format!("<title>{title} ({code})</title>")), "{code}: {page}");
        assert!(page.contains(&format!("<code>{status} {code}</code>")), "{code}: {page}");
    }
    let unknown = app.send(app.request(Method::GET, "/problems/no_such_code")).await;
    unknown.assert_problem(404, "not_found");
    app.stop().await;
}

#[test]
fn every_problem_page_is_of_a_documented_code() {
    let documented: BTreeSet<&str> = problems().into_iter().map(|(code, ..)| code).collect();
    assert_eq!(get_problem::codes().collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_api_page_shows_every_documented_route() {
    let app = App::start().await;
    let response = app.send(app.request_outside(Method::GET, "/_local/api")).await.expect(200);

    assert_eq!(response.header("Content-Type"), Some("text/html; charset=utf-8"));
    let policy = response.header("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    // The page holds nothing but what it loads, all of it from this address.
    let loaded: Vec<&str> =
        response.text.split(['"', '\'']).filter(|it| it.contains('/') && !it.contains(['<', '>'])).collect();
    assert_eq!(loaded.len(), 3, "{loaded:?}");
    for path in loaded {
        assert!(path.starts_with("/_local/api/"), "{path} is elsewhere");
        let _ = app.send(app.request_outside(Method::GET, path)).await.expect(200);
    }
    let inline = ["<script>", "http-equiv", "<style", "@import", "url(", "//"];
    assert!(inline.iter().all(|it| !response.text.contains(it)), "nothing is inline or from elsewhere");

    let start = app.send(app.request_outside(Method::GET, "/_local/api/start.js")).await.expect(200);
    let document = start.text.split('\'').find(|it| it.starts_with('/')).expect("the address of the document");
    let shown = app.send(app.request_outside(Method::GET, document)).await.expect(200);
    assert_eq!(shown.text, include_str!("../../docs/openapi.yaml"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_to_a_key_with_limits_has_rate_limit_headers() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let builder = || {
        let builder = app.key().all_permissions();
        builder.with("limits", json!({ "per_minute": 60, "per_day": 1000 }))
    };
    let (key, narrow) = (builder().create().await, builder().channels(&["ops"]).create().await);
    let browser = app.push_service.browser();
    let to = |channel: &str| json!({ "title": "Hello", "target": { "channels": [channel] } });
    let id = |response: &Response| response.json()["id"].as_str().expect("an id").to_owned();

    // `news` has no subscriptions.
    let sent = key.push(&to("news")).await.expect(202);
    let left = sent.header("RateLimit").expect("RateLimit");
    assert!(left.starts_with(r#""day";r=999;t="#) && left.contains(r#", "minute";r=59;t="#), "{left}");
    let subscribed = key.put(&browser.subscription(&["ops"])).await.expect(201);
    let responses = [
        key.get(&format!("/push/{}", id(&sent))).await.expect(200),
        key.get("/push/01M85000000000000000000000").await.expect(404),
        key.push(&json!({ "title": "Hello", "dry_run": true })).await.expect(200),
        key.push(&json!({})).await.expect(400),
        narrow.push(&to("news")).await.expect(403),
        key.push(&json!({ "title": "x".repeat(4_000) })).await.expect(413),
        key.push(&to("nope")).await.expect(422),
        key.put(&browser.subscription(&[])).await.expect(200),
        key.put(&json!({})).await.expect(400),
        key.put(&browser.subscription(&["nope"])).await.expect(422),
        key.get("/subscriptions/config").await.expect(200),
        key.delete(&format!("/subscriptions/{}", id(&subscribed))).await.expect(204),
    ];

    for response in responses.iter().chain([&sent, &subscribed]) {
        let policy = response.header("RateLimit-Policy");
        assert_eq!(
            policy,
            Some(r#""day";q=1000;w=86400, "minute";q=60;w=60"#),
            "{} {}",
            response.status,
            response.text
        );
        assert!(response.header("RateLimit").is_some(), "{} {}", response.status, response.text);
    }
    app.stop().await;
}
