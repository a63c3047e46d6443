//! Behavior that only AWS itself can show, since its documentation does not settle it. Each has a test of its own, so
//! that a run shows which holds; if one does not, the template or the local gateway must change.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Key};

const PROBLEM: Option<&str> = Some("application/problem+json");

fn hello() -> Value {
    json!({ "title": "Hello" })
}

/// A valid send by a key, for the test to change.
fn send(app: &App, key: &Key<'_>, path: &str) -> reqwest::RequestBuilder {
    app.request(Method::POST, path).bearer_auth(&key.secret).body(hello().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_response_keeps_its_content_type() {
    let app = App::start().await;
    let page_key = app.subscriber().await;
    for (response, status) in [
        (app.send(app.request(Method::GET, "/keys")).await, 401),
        (app.send(app.request(Method::POST, "/push")).await, 401),
        (page_key.push(&hello()).await, 403),
        (app.send(app.request(Method::GET, "/nothing")).await, 404),
    ] {
        assert_eq!((response.status, response.header("Content-Type")), (status, PROBLEM), "{}", response.text);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizers_context_arrives_unescaped() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    // The title has an apostrophe, which a response template could have escaped.
    let response = key.push_to("news", &hello()).await;

    let expected = concat!(
        r#"{"type":"/v1/problems/scope_violation","title":"Channel outside the key's scope","status":403,"#,
        r#""code":"scope_violation","detail":"This key may not send to: news","request_id":"<id>","#,
        r#""refused":"news","allowed":"ops"}"#
    );
    assert_eq!(response.without_request_id(), expected);
    app.stop().await;
}

/// This many slugs of 64 characters.
fn max_length_slugs(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:02}-{}", "x".repeat(61))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_of_50_channels_of_64_characters_fits_into_the_authorizer_context() {
    let app = App::start().await;
    let slugs = max_length_slugs(51);
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let key = app.key().channels(&slugs[..50]).create().await;
    let to = |slug: &str| json!({ "title": "Hello", "target": { "channels": [slug] } });

    let everywhere = key.push(&hello()).await.expect(202).json();
    assert_eq!(everywhere["audience"], json!({ "all": false, "channels": slugs[..50] }));
    let last = key.push(&to(slugs[49])).await.expect(202).json();
    assert_eq!(last["audience"]["channels"], json!([slugs[49]]));
    let outside = key.push(&to(slugs[50])).await.expect(403).json();
    assert_eq!((&outside["refused"], &outside["allowed"]), (&json!(slugs[50]), &json!(slugs[..50].join(" "))));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_names_50_channels_of_64_characters_from_the_authorizer_context() {
    let app = App::start().await;
    let slugs = max_length_slugs(51);
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let key = app.key().channels(&slugs[..50]).create().await;

    let denied = key.push_to(slugs[50], &hello()).await.expect(403).json();

    assert_eq!((&denied["refused"], &denied["allowed"]), (&json!(slugs[50]), &json!(slugs[..50].join(" "))));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_evaluated_again_by_the_next_request() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;
    let path = format!("/keys/{}", key.id);
    let change = async |body: Value| {
        admin.patch(&path, &body).await.expect(200);
    };
    for round in 0..5 {
        assert_eq!(key.push_to("ops", &hello()).await.status, 202, "{round}");
        change(json!({ "status": "inactive" })).await;
        assert_eq!(key.push_to("ops", &hello()).await.status, 403, "disabled, {round}");
        change(json!({ "status": "active", "channels": ["news"] })).await;
        assert_eq!(key.push_to("ops", &hello()).await.status, 403, "narrowed, {round}");
        change(json!({ "channels": ["ops"] })).await;
    }
    key.push_to("ops", &hello()).await.expect(202);
    admin.delete(&path).await.expect(204);
    assert_eq!(key.push_to("ops", &hello()).await.status, 401, "deleted");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_over_10240_bytes_are_rejected_with_413() {
    let app = App::start().await;
    let key = app.key().create().await;
    let one = send(&app, &key, "/push").header("x-long", "x".repeat(10_300));
    let many = (0..20)
        .fold(send(&app, &key, "/push"), |request, number| request.header(format!("x-long-{number}"), "x".repeat(500)));
    for (request, case) in [(one, "one header"), (many, "many headers")] {
        let response = app.send(request).await.expect(413);
        response.assert_text_in(format_args!("{case}"), "code", "request_too_large");
        assert_eq!(response.header("Content-Type"), PROBLEM, "{case}");
    }
    assert_eq!(key.uses().await, 0, "the authorizer was not invoked");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_10240_bytes_is_rejected_with_413() {
    let app = App::start().await;
    let key = app.key().create().await;
    let response = app.send(send(&app, &key, &format!("/push?q={}", "x".repeat(10_300)))).await.expect(413);
    response.assert_text("code", "request_too_large");
    assert_eq!(key.uses().await, 0, "the authorizer did not see it");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_under_10240_bytes_pass() {
    let app = App::start().await;
    let key = app.key().create().await;
    let response = app.send(send(&app, &key, "/push").header("x-long", "x".repeat(9_000))).await;
    assert_eq!(response.status, 202, "{}", response.text);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_for_lambda_or_the_gateway_is_rejected_with_413() {
    let app = App::start().await;
    let key = app.key().create().await;
    // Lambda takes an event of 6 MB, the body included; the gateway itself reads 10 MB.
    for (body, case) in [
        (json!({ "title": "x".repeat(6 * 1024 * 1024) }).to_string(), "6 MB"),
        (" ".repeat(10 * 1024 * 1024 + 1), "10 MB"),
    ] {
        let request = app.request(Method::POST, "/push").bearer_auth(&key.secret);
        let response = app.send(request.body(body)).await.expect(413);
        response.assert_text_in(format_args!("{case}"), "code", "request_too_large");
        assert_eq!(response.header("Content-Type"), PROBLEM, "{case}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_404_with_any_authorization() {
    let app = App::start().await;
    let token = app.admin().await.token;
    let secret = app.key().create().await.secret;
    for authorization in
        [None, Some(format!("Bearer {token}")), Some(format!("Bearer {secret}")), Some("Bearer hello".to_owned())]
    {
        let request = app.request(Method::GET, "/nothing");
        let request = authorization.iter().fold(request, |request, value| request.header("Authorization", value));
        let response = app.send(request).await;
        response.assert_problem_in(format_args!("{authorization:?}: {}", response.text), 404, "not_found");
        assert_eq!(response.header("Content-Type"), PROBLEM);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_an_empty_segment_is_another_path() {
    let app = App::start().await;
    let token = app.admin().await.token;
    for path in ["/", "/keys/", "//keys", "/keys//", "/channels//push", "/push/"] {
        for request in [app.request(Method::GET, path), app.request(Method::POST, path).bearer_auth(&token)] {
            app.send(request).await.assert_problem_in(format_args!("{path}"), 404, "not_found");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_stage() {
    let app = App::start().await;
    let token = app.admin().await.token;
    for path in ["/v2/keys", "/keys", "/V1/keys", "/v10/keys", "/Stage/keys", "/prod"] {
        let response = app.send(app.request_outside(Method::GET, path).bearer_auth(&token)).await;
        assert_eq!((response.status, response.text.as_str()), (403, r#"{"message":"Forbidden"}"#), "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_request_needs_no_key() {
    let app = App::start().await;
    let preflight = app.request(Method::OPTIONS, "/subscriptions").header("Origin", "https://shop.example");
    let preflight = preflight.header("Access-Control-Request-Method", "PUT");
    let response = app.send(preflight.header("Access-Control-Request-Headers", "authorization")).await.expect(204);
    assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"));
    assert!(response.header("Access-Control-Allow-Methods").is_some_and(|methods| methods.contains("PUT")));
    assert_eq!(response.text, "");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_account_is_denied_with_no_account() {
    let app = App::start().await;
    let response = app.user("nobody@nowhere").await.get("/keys").await;
    response.assert_problem(403, "no_account");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_of_the_gateway_has_the_request_id_of_its_header() {
    let app = App::start().await;
    let page_key = app.subscriber().await;
    for response in [app.send(app.request(Method::GET, "/keys")).await, page_key.push(&hello()).await] {
        assert_eq!(response.json()["request_id"].as_str(), response.header("x-amzn-RequestId"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_of_a_function_has_the_request_id_of_its_header() {
    let app = App::start().await;
    let response = app.admin().await.get("/keys/x").await.expect(404);
    assert_eq!(response.json()["request_id"].as_str(), response.header("x-amzn-RequestId"));
    app.stop().await;
}
