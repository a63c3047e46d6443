//! `GET /keys/{id}/history`: each change of a key has an event, which outlives the key.

use serde_json::{Value, json};
use shared::domain::time::Timestamp;
use tests::{App, redact, sender_permissions};

async fn events(app: &App, id: &str) -> Vec<Value> {
    let history = app.admin().await.get(&format!("/keys/{id}/history")).await.expect(200).json();
    assert_eq!(history["next_cursor"], Value::Null);
    history["events"].as_array().expect("events").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_key_is_complete_and_newest_first() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let end = Timestamp::now().plus_seconds(86_400).to_string();
    let change = json!({ "name": "Shop", "scope": "channels", "channels": ["ops"], "expires_at": end });
    admin.patch(&path, &change).await.expect(200);
    admin.post(&format!("{path}/rotate"), &json!({ "overlap_seconds": 60 })).await.expect(200);
    admin.delete(&path).await.expect(204);

    let mut events = events(&app, &key.id).await;

    for event in &mut events {
        for end in ["from", "to"] {
            if event["changes"]["hint"][end].is_string() {
                event["changes"]["hint"][end] = "<hint>".into();
            }
        }
    }
    assert_eq!(
        events.iter().map(|event| &event["action"]).collect::<Vec<_>>(),
        ["deleted", "rotated", "changed", "created"]
    );
    insta::assert_snapshot!(redact(&Value::Array(events[1..3].to_vec())), @r#"
    [
      {
        "action": "rotated",
        "at": "<timestamp>",
        "by": {
          "id": "<uuid>",
          "name": "Ada"
        },
        "changes": {
          "hint": {
            "from": "<hint>",
            "to": "<hint>"
          }
        }
      },
      {
        "action": "changed",
        "at": "<timestamp>",
        "by": {
          "id": "<uuid>",
          "name": "Ada"
        },
        "changes": {
          "channels": {
            "from": [],
            "to": [
              "ops"
            ]
          },
          "expires_at": {
            "from": null,
            "to": "<timestamp>"
          },
          "name": {
            "from": "Webshop",
            "to": "Shop"
          },
          "scope": {
            "from": "all",
            "to": "channels"
          }
        }
      }
    ]
    "#);
    let from_nothing = |to: Value| json!({ "from": null, "to": to });
    assert_eq!(
        events[3]["changes"],
        json!({
            "channels": from_nothing(json!([])),
            "hint": from_nothing(json!("<hint>")),
            "limits": from_nothing(json!({ "per_minute": null, "per_day": null })),
            "name": from_nothing(json!("Webshop")),
            "permissions": from_nothing(json!(sender_permissions())),
            "scope": from_nothing(json!("all")),
            "status": from_nothing(json!("active")),
        })
    );
    assert_eq!(events[0]["changes"]["channels"], json!({ "from": ["ops"], "to": null }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_has_pages() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    for name in ["a", "b", "c", "d"] {
        admin.patch(&format!("/keys/{}", key.id), &json!({ "name": name })).await.expect(200);
    }

    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/keys/{}/history?limit=2{cursor}", key.id)).await.expect(200).json();
        let events = page["events"].as_array().expect("events");
        assert!(events.len() <= 2);
        names.extend(events.iter().map(|event| event["changes"]["name"]["to"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(names, ["d", "c", "b", "a", "Webshop"]);
    let wrong = admin.get(&format!("/keys/{}/history?cursor=x", key.id)).await;
    wrong.assert_problem(400, "invalid_parameter");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_read_a_history_and_another_account_cannot() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/history", key.id);

    app.user("member@acme").await.get(&path).await.expect(200);

    let other_admin = app.user("admin@globex").await;
    let absent = other_admin.get("/keys/01M85000000000000000000000/history").await;
    assert_eq!(other_admin.get(&path).await.expect(404).without_request_id(), absent.without_request_id());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_change_leaves_no_event() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);

    admin.patch(&path, &json!({ "name": "" })).await.expect(400);
    admin.patch(&path, &json!({ "scope": "channels", "channels": ["nowhere"] })).await.expect(422);
    app.user("member@acme").await.patch(&path, &json!({ "name": "Mine" })).await.expect(403);
    admin.get(&path).await.expect(200);

    assert_eq!(events(&app, &key.id).await.len(), 1);
    app.stop().await;
}
