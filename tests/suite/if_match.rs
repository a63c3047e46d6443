//! `If-Match`: an edit with a stale `ETag` is rejected, so that admins do not overwrite each other's changes.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, Key, Response, User};

/// Sends a request with an `If-Match` header.
async fn send_if(app: &App, admin: &User<'_>, method: Method, path: &str, tag: &str, body: Option<Value>) -> Response {
    let request = app.request(method, path).bearer_auth(&admin.token).header("If-Match", tag);
    app.send(match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    })
    .await
}

async fn tag(admin: &User<'_>, key: &Key<'_>) -> String {
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).header("ETag").expect("an ETag").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_a_stale_etag_is_rejected() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let seen = tag(&admin, &key).await;

    let first = send_if(&app, &admin, Method::PATCH, &path, &seen, Some(json!({ "name": "First" }))).await.expect(200);
    let second = send_if(&app, &admin, Method::PATCH, &path, &seen, Some(json!({ "name": "Second" }))).await;

    second.assert_problem(412, "precondition_failed");
    let now = tag(&admin, &key).await;
    assert_eq!(first.header("ETag"), Some(now.as_str()), "an edit returns the new ETag");
    assert_ne!(now, seen);
    let rotation = format!("{path}/rotate");
    let body = || Some(json!({ "overlap_seconds": 0 }));
    let stale = send_if(&app, &admin, Method::POST, &rotation, &seen, body()).await;
    stale.assert_problem(412, "precondition_failed");
    let deletion = send_if(&app, &admin, Method::DELETE, &path, &seen, None).await;
    deletion.assert_problem(412, "precondition_failed");
    let rotated = send_if(&app, &admin, Method::POST, &rotation, &now, body()).await.expect(200);
    let now = rotated.header("ETag").expect("an ETag").to_owned();
    send_if(&app, &admin, Method::DELETE, &path, &now, None).await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_edits_with_the_same_etag_succeeds() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let seen = tag(&admin, &key).await;

    let edits = (0..16).map(|n| {
        let body = Some(json!({ "name": format!("Number {n}") }));
        send_if(&app, &admin, Method::PATCH, &path, &seen, body)
    });
    let mut statuses: Vec<u16> =
        futures::future::join_all(edits).await.iter().map(|response| response.status).collect();

    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, [412; 15].as_slice()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_does_not_change_the_etag_and_creation_returns_it() {
    let app = App::start().await;
    let admin = app.admin().await;
    let new = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });
    let created = admin.post("/keys", &new).await.expect(201);
    let body = created.json();
    let id = body["key"]["id"].as_str().expect("an id");

    let push = app.request(Method::POST, "/push").bearer_auth(body["secret"].as_str().expect("a secret"));
    app.send(push.body(r#"{"title": "Hello"}"#)).await.expect(202);

    let shown = admin.get(&format!("/keys/{id}")).await.expect(200);
    assert_eq!(shown.json()["usage"]["total"], 1);
    assert_eq!(shown.header("ETag"), created.header("ETag"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_etag_of_a_list_matches_and_a_weak_one_never_does() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let name = || Some(json!({ "name": "Renamed" }));

    let seen = tag(&admin, &key).await;
    let weak = send_if(&app, &admin, Method::PATCH, &path, &format!("W/{seen}"), name()).await;
    weak.assert_problem(412, "precondition_failed");
    let malformed = send_if(&app, &admin, Method::PATCH, &path, seen.trim_matches('"'), name()).await;
    malformed.assert_problem(400, "invalid_parameter");
    send_if(&app, &admin, Method::PATCH, &path, &format!("\"other\", {seen}"), name()).await.expect(200);
    send_if(&app, &admin, Method::PATCH, &path, "*", name()).await.expect(200);
    let absent = send_if(&app, &admin, Method::PATCH, "/keys/01M85000000000000000000000", "*", name()).await;
    absent.assert_problem(404, "not_found");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_two_step_change_of_many_channels_needs_one_etag() {
    let app = App::start().await;
    let admin = app.admin().await;
    let slugs: Vec<String> = (0..100).map(|n| format!("c{n}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let key = app.key().channels(&slugs[..50]).create().await;
    let path = format!("/keys/{}", key.id);
    let seen = tag(&admin, &key).await;

    let swapped = send_if(&app, &admin, Method::PATCH, &path, &seen, Some(json!({ "channels": &slugs[50..] }))).await;

    assert_eq!(swapped.expect(200).json()["channels"].as_array().map(Vec::len), Some(50));
    let history = admin.get(&format!("{path}/history")).await.expect(200).json();
    let channels =
        |index: usize| history["events"][index]["changes"]["channels"]["to"].as_array().expect("slugs").len();
    assert_eq!(
        (channels(0), channels(1), channels(2)),
        (50, 47, 50),
        "the first step removes three channels: {history}"
    );
    assert!(history["events"][0]["at"].as_str() > history["events"][1]["at"].as_str());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_changes_leaves_no_event() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let before = admin.get(&path).await.expect(200);

    for nothing in [json!({}), json!({ "name": before.json()["name"], "status": "active", "scope": "all" })] {
        let response = admin.patch(&path, &nothing).await.expect(200);
        assert_eq!((response.header("ETag"), &response.text), (before.header("ETag"), &before.text));
    }

    let history = admin.get(&format!("{path}/history")).await.expect(200).json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(1), "{history}");
    app.stop().await;
}
