//! `GET /history`: the events of all keys of an account, newest first, each once.

use serde_json::{Value, json};
use tests::{App, User};

fn events(page: &Value) -> Vec<Value> {
    page["events"].as_array().expect("events").clone()
}

/// The actions of the history, each with the key's id and its name then, newest first.
async fn actions(user: &User<'_>) -> Vec<(Value, Value, Value)> {
    let events = events(&user.get("/history").await.expect(200).json());
    let action = |event: &Value| (event["action"].clone(), event["key"]["id"].clone(), event["key"]["name"].clone());
    events.iter().map(action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_has_the_changes_of_every_key_also_of_a_deleted_one() {
    let app = App::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/history").await.expect(200).json(), json!({ "events": [], "next_cursor": null }));

    let first = app.key().create().await;
    let second = app.key().with("name", json!("Newsroom")).create().await;
    let (one, two) = (format!("/keys/{}", first.id), format!("/keys/{}", second.id));
    admin.patch(&one, &json!({ "name": "Shop" })).await.expect(200);
    admin.post(&format!("{two}/rotate"), &json!({ "overlap_seconds": 0 })).await.expect(200);
    admin.delete(&one).await.expect(204);

    let entry = |action: &str, id: &str, name: &str| (json!(action), json!(id), json!(name));
    let expected = [
        entry("deleted", &first.id, "Shop"),
        entry("rotated", &second.id, "Newsroom"),
        entry("changed", &first.id, "Shop"),
        entry("created", &second.id, "Newsroom"),
        entry("created", &first.id, "Webshop"),
    ];
    assert_eq!(actions(&admin).await, expected);
    assert_eq!(actions(&app.user("member@acme").await).await, expected, "members read it too");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_equal_in_the_history_of_its_key_and_of_the_account() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    admin.patch(&format!("/keys/{}", key.id), &json!({ "limits": { "per_day": 7 } })).await.expect(200);

    let of_key = events(&admin.get(&format!("/keys/{}/history", key.id)).await.expect(200).json());
    let mut of_account = events(&admin.get("/history").await.expect(200).json());
    for event in &mut of_account {
        let reference = event.as_object_mut().and_then(|event| event.remove("key"));
        assert_eq!(reference, Some(json!({ "id": key.id, "name": "Webshop" })));
    }
    assert_eq!((of_account, of_key.len()), (of_key.clone(), 2));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_page_through_the_whole_history_newest_first() {
    let app = App::start().await;
    let admin = app.admin().await;
    for _ in 0..5 {
        app.key().create().await;
    }
    let whole = events(&admin.get("/history").await.expect(200).json());
    assert_eq!(whole.len(), 5);

    for limit in [1, 2, 4, 5] {
        let (mut found, mut path) = (Vec::new(), format!("/history?limit={limit}"));
        loop {
            let page = admin.get(&path).await.expect(200).json();
            assert!(events(&page).len() <= limit);
            found.extend(events(&page));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/history?limit={limit}&cursor={cursor}");
        }
        assert_eq!(found, whole, "{limit}");
    }

    let cursor = admin.get("/history?limit=1").await.expect(200).json()["next_cursor"].clone();
    let cursor = cursor.as_str().expect("a cursor");
    for other in ["/keys", "/pushes"] {
        admin.get(&format!("{other}?cursor={cursor}")).await.assert_problem(400, "invalid_parameter");
    }
    let gina = app.user("admin@globex").await;
    gina.get(&format!("/history?cursor={cursor}")).await.assert_problem(400, "invalid_parameter");
    for query in ["limit=0", "limit=x", "cursor=%21", "key_id=x"] {
        let response = admin.get(&format!("/history?{query}")).await;
        response.assert_problem_in(format_args!("{query}"), 400, "invalid_parameter");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_of_the_own_account() {
    let app = App::start().await;
    app.key().create().await;
    let theirs = app.key().create_as("admin@globex").await;

    let gina = app.user("admin@globex").await;
    assert_eq!(actions(&gina).await, [(json!("created"), json!(theirs.id), json!("Webshop"))]);
    app.user("nobody@nowhere").await.get("/history").await.assert_problem(403, "no_account");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_change_is_not_in_the_history() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    admin.patch(&path, &json!({ "name": "" })).await.expect(400);
    admin.patch(&path, &json!({ "name": "Webshop" })).await.expect(200);
    app.user("member@acme").await.delete(&path).await.expect(403);
    assert_eq!(actions(&admin).await.len(), 1);
    app.stop().await;
}
