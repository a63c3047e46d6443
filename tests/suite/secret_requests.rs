//! `Idempotency-Key` of `POST /keys` and of a rotation: a repeat creates no second secret, and says which key has it.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::time::Timestamp;
use tests::{App, Response, redact};

fn webshop() -> Value {
    json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" })
}

/// Sends a `POST` of this account's admin with this `Idempotency-Key`.
async fn post_as(app: &App, account: &str, path: &str, idempotency_key: &str, body: &Value) -> Response {
    let token = app.user(&format!("admin@{account}")).await.token;
    let request = app.request(Method::POST, path).bearer_auth(token).header("Idempotency-Key", idempotency_key);
    app.send(request.body(body.to_string())).await
}

async fn post(app: &App, path: &str, idempotency_key: &str, body: &Value) -> Response {
    post_as(app, "acme", path, idempotency_key, body).await
}

async fn keys(app: &App) -> Vec<Value> {
    app.admin().await.get("/keys").await.expect(200).json()["keys"].as_array().expect("keys").clone()
}

/// Asserts that a repeat is told that this key got the secret.
fn assert_already_created(response: &Response, id: &Value) {
    response.assert_problem(409, "already_created");
    let path = format!("/v1/keys/{}", id.as_str().expect("an id"));
    assert_eq!((response.header("Location"), &response.json()["key_id"]), (Some(path.as_str()), id));
    assert!(!response.text.contains("pgk_"), "{}", response.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_creation_creates_no_second_key_and_names_the_first() {
    let app = App::start().await;
    let first = post(&app, "/keys", "create-1", &webshop()).await.expect(201).json();

    let again = post(&app, "/keys", "create-1", &webshop()).await;
    assert_already_created(&again, &first["key"]["id"]);
    insta::assert_snapshot!(redact(&again.json()), @r#"
    {
      "code": "already_created",
      "detail": "An earlier request with this Idempotency-Key created the secret, which is returned only once",
      "key_id": "<ulid>",
      "request_id": "<uuid>",
      "status": 409,
      "title": "Secret already created",
      "type": "/v1/problems/already_created"
    }
    "#);
    assert_eq!(keys(&app).await, [first["key"].clone()]);

    // Also if the key was changed and deleted since.
    let path = format!("/keys/{}", first["key"]["id"].as_str().expect("an id"));
    app.admin().await.patch(&path, &json!({ "name": "Shop" })).await.expect(200);
    app.admin().await.delete(&path).await.expect(204);
    assert_already_created(&post(&app, "/keys", "create-1", &webshop()).await, &first["key"]["id"]);
    let second = post(&app, "/keys", "create-2", &webshop()).await.expect(201).json();
    assert_ne!(second["key"]["id"], first["key"]["id"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_rotation_keeps_the_secret_of_the_first() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let tag = app.admin().await.get(&path).await.expect(200).header("ETag").map(str::to_owned).expect("a tag");
    let rotate = async || {
        let request = app.request(Method::POST, &format!("{path}/rotate")).bearer_auth(app.admin().await.token);
        let request = request.header("Idempotency-Key", "rotate-1").header("If-Match", &tag);
        app.send(request.body(json!({ "overlap_seconds": 0 }).to_string())).await
    };

    let first = rotate().await.expect(200);
    // The tag is that of the key before its rotation, as the client of a lost response has it.
    assert_already_created(&rotate().await, &json!(key.id));

    let shown = app.admin().await.get(&path).await.expect(200);
    assert_eq!(shown.header("ETag"), first.header("ETag"), "the key was rotated once");
    let secret = first.json()["secret"].as_str().expect("a secret").to_owned();
    key.with_secret(&secret).push(&json!({ "title": "Hello" })).await.expect(202);
    key.push(&json!({ "title": "Hello" })).await.assert_problem(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_of_one_request() {
    let app = App::start().await;
    let first = post(&app, "/keys", "one", &webshop()).await.expect(201).json();
    let other = app.key().create().await;
    let rotation = |id: &str| format!("/keys/{id}/rotate");
    let (first, now) = (first["key"]["id"].as_str().expect("an id"), json!({ "overlap_seconds": 0 }));
    post(&app, &rotation(first), "two", &now).await.expect(200);

    let mut renamed = webshop();
    renamed["name"] = json!("Shop");
    for (path, idempotency_key, body) in [
        ("/keys".to_owned(), "one", &renamed),
        (rotation(first), "one", &now),
        (rotation(&other.id), "two", &now),
        (rotation(first), "two", &json!({ "overlap_seconds": 1 })),
        ("/keys".to_owned(), "two", &webshop()),
    ] {
        let response = post(&app, &path, idempotency_key, body).await;
        response.assert_problem_in(format_args!("{path} {idempotency_key} {body}"), 422, "idempotency_mismatch");
    }
    assert_eq!(keys(&app).await.len(), 2);

    // Another account has its own idempotency keys, and a send does too.
    post_as(&app, "globex", "/keys", "one", &webshop()).await.expect(201);
    other.push_with_idempotency_key("one", &json!({ "title": "Hello" })).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_does_not_use_its_idempotency_key() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let mut wrong = webshop();
    wrong["name"] = json!("");
    post(&app, "/keys", "one", &wrong).await.expect(400);
    let unknown = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["no"] });
    post(&app, "/keys", "one", &unknown).await.expect(422);
    let member = app.request(Method::POST, "/keys").bearer_auth(app.user("member@acme").await.token);
    app.send(member.header("Idempotency-Key", "one").body(webshop().to_string())).await.expect(403);
    let key = post(&app, "/keys", "one", &webshop()).await.expect(201).json();

    let path = format!("/keys/{}/rotate", key["key"]["id"].as_str().expect("an id"));
    let rotate = async |tag: &str| {
        let request = app.request(Method::POST, &path).bearer_auth(app.admin().await.token);
        let request = request.header("Idempotency-Key", "two").header("If-Match", tag);
        app.send(request.body(json!({ "overlap_seconds": 0 }).to_string())).await
    };
    rotate("\"stale\"").await.expect(412);
    post(&app, "/keys/01JD0000000000000000000000/rotate", "two", &json!({ "overlap_seconds": 0 })).await.expect(404);
    rotate(key["key"]["etag"].as_str().expect("a tag")).await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_of_users_has_1_to_255_visible_characters_and_occurs_once() {
    let app = App::start().await;
    let key = app.key().create().await;
    let rotation = format!("/keys/{}/rotate", key.id);
    for (path, body) in [("/keys", webshop()), (rotation.as_str(), json!({ "overlap_seconds": 0 }))] {
        for wrong in ["", "a b", &"x".repeat(256)] {
            let response = post(&app, path, wrong, &body).await;
            response.assert_problem_in(format_args!("{path} {wrong:?}"), 400, "invalid_parameter");
        }
        let twice = app.request(Method::POST, path).bearer_auth(app.admin().await.token);
        let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b").body(body.to_string());
        app.send(twice).await.assert_problem(400, "invalid_parameter");
    }
    assert_eq!(keys(&app).await.len(), 1);
    post(&app, "/keys", &"x".repeat(255), &webshop()).await.expect(201);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_idempotency_key_create_one_secret() {
    let app = App::start().await;
    let token = app.admin().await.token;
    let concurrently = async |path: &str, body: &Value| {
        let send = || {
            let request = app.request(Method::POST, path).bearer_auth(&token).header("Idempotency-Key", path);
            app.send(request.body(body.to_string()))
        };
        let responses = join_all((0..16).map(|_| send())).await;
        let (created, repeated): (Vec<_>, Vec<_>) = responses.into_iter().partition(|it| it.status < 300);
        assert_eq!(created.len(), 1, "{path}");
        let created = created[0].json();
        for response in &repeated {
            assert_already_created(response, &created["key"]["id"]);
        }
        created
    };

    let created = concurrently("/keys", &webshop()).await;
    assert_eq!(keys(&app).await, [created["key"].clone()]);
    let path = format!("/keys/{}/rotate", created["key"]["id"].as_str().expect("an id"));
    let rotated = concurrently(&path, &json!({ "overlap_seconds": 0 })).await;
    assert_eq!(keys(&app).await, [rotated["key"].clone()]);
    let history = app.admin().await.get("/history").await.expect(200).json();
    let actions: Vec<_> = history["events"].as_array().expect("events").iter().map(|it| it["action"].clone()).collect();
    assert_eq!(actions, ["rotated", "created"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_of_users_is_forgotten_after_24_hours() {
    let app = App::start().await;
    let day = 86_400;
    let before = Timestamp::now().plus_seconds(day).seconds();
    post(&app, "/keys", "one", &webshop()).await.expect(201);
    let after = Timestamp::now().plus_seconds(day).seconds();

    let table = app.local().dynamodb().scan().table_name("HistoryTable").filter_expression("sk = :secret");
    let items = table.expression_attribute_values(":secret", AttributeValue::S("secret".to_owned()));
    let mut items = items.send().await.expect("a scan").items.unwrap_or_default();
    let mut item = items.pop().expect("an item");
    let expires: i64 = item["expires"].as_n().expect("a number").parse().expect("a number");
    assert!(items.is_empty() && (before..=after).contains(&expires), "{expires}");

    // The table has not deleted it yet.
    item.insert("expires".to_owned(), AttributeValue::N(Timestamp::now().seconds().to_string()));
    app.local().dynamodb().put_item().table_name("HistoryTable").set_item(Some(item)).send().await.expect("a write");
    post(&app, "/keys", "one", &webshop()).await.expect(201);
    post(&app, "/keys", "one", &webshop()).await.assert_problem(409, "already_created");
    assert_eq!(keys(&app).await.len(), 2);
    app.stop().await;
}
