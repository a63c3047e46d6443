//! Two admins do not overwrite each other unseen: whoever names what he has seen changes nothing else.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, App, Key, Person};

/// What an admin asks for, on the condition that the key is as `tag` says.
async fn send_if(app: &App, admin: &Person<'_>, method: Method, path: &str, tag: &str, body: Option<Value>) -> Answer {
    let request = app.request(method, path).bearer_auth(&admin.token).header("If-Match", tag);
    app.send(match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    })
    .await
}

async fn tag(admin: &Person<'_>, key: &Key<'_>) -> String {
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).header("ETag").expect("a tag").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_what_was_changed_meanwhile_is_refused() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let seen = tag(&admin, &key).await;

    let first = send_if(&app, &admin, Method::PATCH, &path, &seen, Some(json!({ "name": "First" }))).await.expect(200);
    let second = send_if(&app, &admin, Method::PATCH, &path, &seen, Some(json!({ "name": "Second" }))).await;

    assert_eq!(second.refusal(), (412, "precondition_failed".to_owned()));
    let now = tag(&admin, &key).await;
    assert_eq!(first.header("ETag"), Some(now.as_str()), "an edit answers the new tag");
    assert_ne!(now, seen);
    let rotation = format!("{path}/rotate");
    let body = || Some(json!({ "overlap_seconds": 0 }));
    let stale = send_if(&app, &admin, Method::POST, &rotation, &seen, body()).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed".to_owned()));
    let deletion = send_if(&app, &admin, Method::DELETE, &path, &seen, None).await;
    assert_eq!(deletion.refusal(), (412, "precondition_failed".to_owned()));
    let rotated = send_if(&app, &admin, Method::POST, &rotation, &now, body()).await.expect(200);
    let now = rotated.header("ETag").expect("a tag").to_owned();
    let _ = send_if(&app, &admin, Method::DELETE, &path, &now, None).await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_saw_the_same_one_succeeds() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let seen = tag(&admin, &key).await;

    let edits = (0..16).map(|n| {
        let body = Some(json!({ "name": format!("Number {n}") }));
        send_if(&app, &admin, Method::PATCH, &path, &seen, body)
    });
    let mut statuses: Vec<u16> = futures::future::join_all(edits).await.iter().map(|answer| answer.status).collect();

    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, [412; 15].as_slice()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_does_not_change_the_tag_and_creation_answers_it() {
    let app = App::start().await;
    let admin = app.admin().await;
    let new = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });
    let created = admin.post("/keys", &new).await.expect(201);
    let body = created.json();
    let id = body["key"]["id"].as_str().expect("an id");

    let push = app.request(Method::POST, "/push").bearer_auth(body["secret"].as_str().expect("a secret"));
    let _ = app.send(push.body(r#"{"title": "Hello"}"#)).await.expect(202);

    let shown = admin.get(&format!("/keys/{id}")).await.expect(200);
    assert_eq!(shown.json()["usage"]["total"], 1);
    assert_eq!(shown.header("ETag"), created.header("ETag"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_tag_of_a_list_will_do_and_a_weak_one_never() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let name = || Some(json!({ "name": "Renamed" }));

    let seen = tag(&admin, &key).await;
    let weak = send_if(&app, &admin, Method::PATCH, &path, &format!("W/{seen}"), name()).await;
    assert_eq!(weak.refusal(), (412, "precondition_failed".to_owned()));
    let malformed = send_if(&app, &admin, Method::PATCH, &path, seen.trim_matches('"'), name()).await;
    assert_eq!(malformed.refusal(), (400, "invalid_parameter".to_owned()));
    let _ = send_if(&app, &admin, Method::PATCH, &path, &format!("\"other\", {seen}"), name()).await.expect(200);
    let _ = send_if(&app, &admin, Method::PATCH, &path, "*", name()).await.expect(200);
    let absent = send_if(&app, &admin, Method::PATCH, "/keys/01M85000000000000000000000", "*", name()).await;
    assert_eq!(absent.refusal(), (404, "not_found".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_many_channels_in_two_steps_is_one_edit_of_what_was_seen() {
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
    assert_eq!((channels(0), channels(1), channels(2)), (50, 48, 50), "two too many go first: {history}");
    assert!(history["events"][0]["at"].as_str() > history["events"][1]["at"].as_str());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_changes_nothing_leaves_no_trace() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let before = admin.get(&path).await.expect(200);

    for nothing in [json!({}), json!({ "name": before.json()["name"], "status": "active", "scope": "all" })] {
        let answer = admin.patch(&path, &nothing).await.expect(200);
        assert_eq!((answer.header("ETag"), &answer.text), (before.header("ETag"), &before.text));
    }

    let history = admin.get(&format!("{path}/history")).await.expect(200).json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(1), "{history}");
    app.stop().await;
}
