//! The gateway's own responses: unknown routes, preflight requests and CORS, and the one shape of every problem.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::openapi::operations;
use tests::{App, Response};

const CONSOLE: &str = "http://localhost:3000";

/// Every documented path, with the example of each parameter, and its methods.
fn routes() -> BTreeMap<String, BTreeSet<String>> {
    let mut routes = BTreeMap::<_, BTreeSet<_>>::new();
    for operation in operations() {
        routes.entry(operation.example_path()).or_default().insert(operation.method.to_string());
    }
    assert!(routes.len() >= 16, "{routes:?}");
    routes
}

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

/// Asserts the shape of a problem, which is the same from the gateway and from the functions.
#[track_caller]
fn assert_shape(response: &Response, case: &str) {
    let body = response.json();
    let text = |field: &str| body[field].as_str().unwrap_or_else(|| panic!("{case}: no {field} in {body}")).to_owned();
    assert_eq!(response.header("Content-Type"), Some("application/problem+json"), "{case}");
    assert_eq!(body["status"], response.status, "{case}");
    assert_eq!(text("type"), format!("/v1/problems/{}", text("code")), "{case}");
    assert!(!text("title").is_empty() && !text("detail").is_empty(), "{case}: {body}");
    assert!(!text("request_id").is_empty() && response.header("x-amzn-RequestId").is_some(), "{case}");
    let origin = response.header("Access-Control-Allow-Origin");
    assert!([Some("*"), Some(CONSOLE)].contains(&origin), "{case}: {origin:?}");
    let exposed = response.header("Access-Control-Expose-Headers").unwrap_or_default();
    for header in ["Location", "Retry-After", "WWW-Authenticate"] {
        assert!(exposed.contains(header), "{case}: {exposed}");
    }
    assert_eq!(response.header("Access-Control-Allow-Credentials"), None, "{case}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_not_found() {
    let app = App::start().await;
    let token = app.admin().await.token;
    let paths = [
        "",
        "/nothing",
        "/Keys",
        "/keys/a/b",
        "/channels/ops/pushes",
        "/subscriptions/a/b",
        "/keys/x/rotate/y",
        "/v1/keys",
    ];
    for path in paths {
        for request in [app.request(Method::GET, path), app.request(Method::POST, path).bearer_auth(&token)] {
            let response = app.send(request).await;
            response.assert_problem_in(format_args!("{path}"), 404, "not_found");
            assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
            assert_shape(&response, path);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_of_a_path_is_not_found() {
    let app = App::start().await;
    let token = app.admin().await.token;
    for (path, methods) in routes() {
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if methods.contains(name) {
                continue;
            }
            let response = app.send(app.request(method(name), &path).bearer_auth(&token)).await;
            response.assert_problem_in(format_args!("{name} {path}"), 404, "not_found");
            assert_shape(&response, &format!("{name} {path}"));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_a_preflight_without_credentials() {
    let app = App::start().await;
    for (path, methods) in routes() {
        for name in methods.iter().filter(|name| *name != "OPTIONS") {
            let preflight = app.request(Method::OPTIONS, &path).header("Origin", "https://shop.example");
            let preflight = preflight.header("Access-Control-Request-Method", name);
            let preflight = preflight.header("Access-Control-Request-Headers", "authorization,content-type,x-api-key");
            let response = app.send(preflight).await.expect(204);

            let origin = if path.starts_with("/subscriptions") { "*" } else { CONSOLE };
            assert_eq!(response.header("Access-Control-Allow-Origin"), Some(origin), "{path}");
            assert!(response.header("Access-Control-Allow-Methods").expect("methods").contains(name), "{name} {path}");
            let allowed = response.header("Access-Control-Allow-Headers").expect("headers").to_lowercase();
            for header in ["authorization", "content-type", "x-api-key"] {
                assert!(allowed.contains(header), "{path}: {allowed}");
            }
            assert_eq!(response.text, "");
        }
    }
    let response = app.send(app.request(Method::OPTIONS, "/nothing")).await;
    response.assert_problem(404, "not_found");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_can_read_every_response_of_a_cross_origin_route() {
    let app = App::start().await;
    let key = app.subscriber().await;
    let admin = app.admin().await;
    let browser = app.push_service.browser();
    let id = key.put(&browser.subscription(&[])).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let sending = app.key().create().await;

    for response in [
        key.put(&browser.subscription(&[])).await.expect(200),
        key.put(&json!({})).await.expect(400),
        key.put(&browser.subscription(&["nope"])).await.expect(422),
        key.get("/subscriptions/config").await.expect(200),
        key.delete(&format!("/subscriptions/{id}")).await.expect(204),
        key.delete(&format!("/subscriptions/{id}")).await.expect(404),
        // A gateway response, which is the same for all routes.
        sending.get("/subscriptions/config").await.expect(403),
        app.send(app.request(Method::PUT, "/subscriptions")).await.expect(401),
    ] {
        assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"), "{} {}", response.status, response.text);
    }
    for response in [
        admin.get("/keys").await.expect(200),
        admin.get("/keys/x").await.expect(404),
        admin.get("/keys?limit=0").await.expect(400),
        admin.get("/channels").await.expect(200),
        admin.get("/pushes").await.expect(200),
        sending.push(&json!({ "title": "Hello" })).await.expect(202),
    ] {
        assert_eq!(
            response.header("Access-Control-Allow-Origin"),
            Some(CONSOLE),
            "{} {}",
            response.status,
            response.text
        );
        // A cache must not serve the response for one origin to another.
        assert_eq!(response.header("Vary"), Some("Origin"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_does_not_reveal_its_cause() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let (broken, key) = (app.key().create().await, app.key().create().await);
    let subscriber = app.subscriber().await;
    // A malformed item, and deleted tables.
    let update = app.local().dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(broken.id.clone())).update_expression("SET created_at = :what");
    update
        .expression_attribute_values(":what", AttributeValue::S("garbage".to_owned()))
        .send()
        .await
        .expect("an update");
    for table in ["ChannelsTable", "PushesTable", "SubscriptionsTable"] {
        app.local().dynamodb().delete_table().table_name(table).send().await.expect("a deletion");
    }

    let path = format!("/keys/{}", broken.id);
    let scoped = app.key().channels(&["ops"]).body;
    let hello = json!({ "title": "Hello" });
    for (response, code, case) in [
        (admin.get(&path).await, "internal", "GET /keys/{id}"),
        (admin.get("/keys").await, "internal", "GET /keys"),
        (admin.patch(&path, &json!({ "name": "New" })).await, "internal", "PATCH /keys/{id}"),
        (admin.delete(&path).await, "internal", "DELETE /keys/{id}"),
        (admin.post("/keys", &scoped).await, "internal", "POST /keys"),
        (admin.get("/channels").await, "internal", "GET /channels"),
        (admin.post("/channels", &json!({ "slug": "new" })).await, "internal", "POST /channels"),
        (admin.delete("/channels/ops").await, "internal", "DELETE /channels/{slug}"),
        (admin.get("/pushes").await, "internal", "GET /pushes"),
        (key.push(&hello).await, "internal", "POST /push"),
        (key.push_to("ops", &hello).await, "internal", "POST /channels/{channel}/push"),
        (key.get("/push/01JD0000000000000000000000").await, "internal", "GET /push/{id}"),
        (subscriber.put(&app.push_service.browser().subscription(&[])).await, "internal", "PUT /subscriptions"),
        (broken.push(&hello).await, "unavailable", "the authorizer"),
    ] {
        assert_eq!(response.json()["code"], code, "{case}: {}", response.text);
        assert!([500, 503].contains(&response.status), "{case}");
        assert_shape(&response, case);
        let detail = response.json()["detail"].as_str().expect("a detail").to_owned();
        let details = ["An internal error occurred", "An internal error occurred", "Try again in a few seconds"];
        assert!(details.contains(&detail.as_str()), "{case}: {detail}");
        assert_eq!(response.header("Retry-After").is_some(), response.status == 503, "{case}");
        let fields: Vec<String> = response.json().as_object().expect("an object").keys().cloned().collect();
        assert_eq!(fields, ["code", "detail", "request_id", "status", "title", "type"], "{case}");
        for word in ["Table", "dynamo", "Exception", "malformed", "garbage", "created_at", "127.0.0.1", "item"] {
            assert!(!response.text.contains(word), "{case} says {word}: {}", response.text);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_one_shape_and_its_request_id() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let (member, nobody) = (app.user("member@acme").await, app.user("nobody@nowhere").await);
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_day": 3 })).create().await;
    let inactive = app.key().create().await;
    admin.patch(&format!("/keys/{}", inactive.id), &json!({ "status": "inactive" })).await.expect(200);
    let hello = json!({ "title": "Hello" });
    let to_news = json!({ "title": "Hello", "target": { "channels": ["news"] } });
    let all = app.key().create().await;

    let mut ids = Vec::new();
    for (response, status, code) in [
        (app.send(app.request(Method::GET, "/nothing")).await, 404, "not_found"),
        (app.send(app.request(Method::GET, "/keys")).await, 401, "unauthenticated"),
        (app.send(app.request(Method::POST, "/push")).await, 401, "unauthenticated"),
        (nobody.get("/keys").await, 403, "no_account"),
        (member.post("/channels", &json!({ "slug": "x" })).await, 403, "admin_required"),
        (admin.post("/channels", &json!({})).await, 400, "invalid_body"),
        (admin.get("/keys?limit=0").await, 400, "invalid_parameter"),
        (admin.get("/keys/x").await, 404, "not_found"),
        (admin.post("/channels", &json!({ "slug": "ops" })).await, 409, "channel_exists"),
        (admin.delete("/channels/ops").await, 409, "channel_in_use"),
        (inactive.push(&hello).await, 403, "key_inactive"),
        (key.get("/subscriptions/config").await, 403, "permission_denied"),
        (key.push_to("news", &hello).await, 403, "scope_violation"),
        (key.push(&to_news).await, 403, "scope_violation"),
        (all.push_to("nope", &hello).await, 422, "unknown_channel"),
        (all.push(&json!({ "title": "x".repeat(4_000) })).await, 413, "push_too_large"),
    ] {
        response.assert_problem_in(format_args!("{}", response.text), status, code);
        assert_shape(&response, code);
        ids.push(response.json()["request_id"].clone());
    }
    let distinct: std::collections::BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), ids.len(), "each request has an id of its own");
    app.stop().await;
}
