//! What API Gateway refuses is refused here too, in one shape, whoever writes the refusal.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use tests::openapi::operations;
use tests::{Answer, App};

const CONSOLE: &str = "http://localhost:3000";

/// Every path of the API as the contract has it, with an example in the place of each parameter, and its methods.
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

/// The shape that every refusal has, whoever wrote it.
#[track_caller]
fn check_shape(answer: &Answer, case: &str) {
    let body = answer.json();
    let text = |field: &str| body[field].as_str().unwrap_or_else(|| panic!("{case}: no {field} in {body}")).to_owned();
    assert_eq!(answer.header("Content-Type"), Some("application/problem+json"), "{case}");
    assert_eq!(body["status"], answer.status, "{case}");
    assert_eq!(text("type"), format!("/v1/problems/{}", text("code")), "{case}");
    assert!(!text("title").is_empty() && !text("detail").is_empty(), "{case}: {body}");
    assert!(!text("request_id").is_empty() && answer.header("x-amzn-RequestId").is_some(), "{case}");
    let origin = answer.header("Access-Control-Allow-Origin");
    assert!([Some("*"), Some(CONSOLE)].contains(&origin), "{case}: {origin:?}");
    let exposed = answer.header("Access-Control-Expose-Headers").unwrap_or_default();
    for header in ["Location", "Retry-After", "WWW-Authenticate"] {
        assert!(exposed.contains(header), "{case}: {exposed}");
    }
    assert_eq!(answer.header("Access-Control-Allow-Credentials"), None, "{case}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_route_is_not_found() {
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
            let answer = app.send(request).await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{path}");
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
            check_shape(&answer, path);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_have_is_not_found() {
    let app = App::start().await;
    let token = app.admin().await.token;
    for (path, methods) in routes() {
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if methods.contains(name) {
                continue;
            }
            let answer = app.send(app.request(method(name), &path).bearer_auth(&token)).await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{name} {path}");
            check_shape(&answer, &format!("{name} {path}"));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_ask_on_every_route_without_credentials() {
    let app = App::start().await;
    for (path, methods) in routes() {
        for name in methods.iter().filter(|name| *name != "OPTIONS") {
            let ask = app.request(Method::OPTIONS, &path).header("Origin", "https://shop.example");
            let ask = ask.header("Access-Control-Request-Method", name);
            let ask = ask.header("Access-Control-Request-Headers", "authorization,content-type,x-api-key");
            let answer = app.send(ask).await.expect(204);

            let origin = if path.starts_with("/subscriptions") { "*" } else { CONSOLE };
            assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(origin), "{path}");
            assert!(answer.header("Access-Control-Allow-Methods").expect("methods").contains(name), "{name} {path}");
            let allowed = answer.header("Access-Control-Allow-Headers").expect("headers").to_lowercase();
            for header in ["authorization", "content-type", "x-api-key"] {
                assert!(allowed.contains(header), "{path}: {allowed}");
            }
            assert_eq!(answer.text, "");
        }
    }
    let answer = app.send(app.request(Method::OPTIONS, "/nothing")).await;
    assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_read_answers_and_refusals_of_the_routes_that_it_may_call() {
    let app = App::start().await;
    let key = app.subscriber().await;
    let admin = app.admin().await;
    let device = app.push_service.device();
    let id = key.put(&device.subscription(&[])).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let sending = app.key().create().await;

    for answer in [
        key.put(&device.subscription(&[])).await.expect(200),
        key.put(&json!({})).await.expect(400),
        key.put(&device.subscription(&["nope"])).await.expect(422),
        key.get("/subscriptions/config").await.expect(200),
        key.delete(&format!("/subscriptions/{id}")).await.expect(204),
        key.delete(&format!("/subscriptions/{id}")).await.expect(404),
        // Written by the gateway, which has one answer for all routes.
        sending.get("/subscriptions/config").await.expect(403),
        app.send(app.request(Method::PUT, "/subscriptions")).await.expect(401),
    ] {
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{} {}", answer.status, answer.text);
    }
    for answer in [
        admin.get("/keys").await.expect(200),
        admin.get("/keys/x").await.expect(404),
        admin.get("/keys?limit=0").await.expect(400),
        admin.get("/channels").await.expect(200),
        admin.get("/pushes").await.expect(200),
        sending.push(&json!({ "title": "Hello" })).await.expect(202),
    ] {
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(CONSOLE), "{} {}", answer.status, answer.text);
        // A cache must not give one origin's answer to another.
        assert_eq!(answer.header("Vary"), Some("Origin"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_on_our_side_says_nothing_of_its_cause() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let (broken, key) = (app.key().create().await, app.key().create().await);
    let subscriber = app.subscriber().await;
    // An item that the product never wrote, and tables that are gone.
    let update = app.laptop().dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(broken.id.clone())).update_expression("SET created_at = :what");
    update
        .expression_attribute_values(":what", AttributeValue::S("garbage".to_owned()))
        .send()
        .await
        .expect("an update");
    for table in ["ChannelsTable", "PushesTable", "SubscriptionsTable"] {
        app.laptop().dynamodb().delete_table().table_name(table).send().await.expect("a deletion");
    }

    let path = format!("/keys/{}", broken.id);
    let scoped = app.key().channels(&["ops"]).body;
    let hello = json!({ "title": "Hello" });
    for (answer, code, case) in [
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
        (subscriber.put(&app.push_service.device().subscription(&[])).await, "internal", "PUT /subscriptions"),
        (broken.push(&hello).await, "unavailable", "the authorizer"),
    ] {
        assert_eq!(answer.json()["code"], code, "{case}: {}", answer.text);
        assert!([500, 503].contains(&answer.status), "{case}");
        check_shape(&answer, case);
        let detail = answer.json()["detail"].as_str().expect("a sentence").to_owned();
        let sentences = ["The fault is on our side", "The fault is on our side", "Try again in a moment"];
        assert!(sentences.contains(&detail.as_str()), "{case}: {detail}");
        assert_eq!(answer.header("Retry-After").is_some(), answer.status == 503, "{case}");
        let fields: Vec<String> = answer.json().as_object().expect("an object").keys().cloned().collect();
        assert_eq!(fields, ["code", "detail", "request_id", "status", "title", "type"], "{case}");
        for word in ["Table", "dynamo", "Exception", "malformed", "garbage", "created_at", "127.0.0.1", "item"] {
            assert!(!answer.text.contains(word), "{case} says {word}: {}", answer.text);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_one_shape_and_the_id_of_its_request() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let (member, nobody) = (app.person("member@acme").await, app.person("nobody@nowhere").await);
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_day": 3 })).create().await;
    let inactive = app.key().create().await;
    let _ = admin.patch(&format!("/keys/{}", inactive.id), &json!({ "status": "inactive" })).await.expect(200);
    let hello = json!({ "title": "Hello" });
    let to_news = json!({ "title": "Hello", "target": { "channels": ["news"] } });
    let all = app.key().create().await;

    let mut ids = Vec::new();
    for (answer, status, code) in [
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
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{}", answer.text);
        check_shape(&answer, code);
        ids.push(answer.json()["request_id"].clone());
    }
    let distinct: std::collections::BTreeSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), ids.len(), "each request has an id of its own");
    app.stop().await;
}
