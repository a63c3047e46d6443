//! Who did what to a key, and when, is kept with the change itself, and outlives the key.

use serde_json::{Value, json};
use shared::time::Timestamp;
use tests::{App, shown};

async fn events(app: &App, id: &str) -> Vec<Value> {
    let history = app.admin().await.get(&format!("/keys/{id}/history")).await.expect(200).json();
    assert_eq!(history["next_cursor"], Value::Null);
    history["events"].as_array().expect("events").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_s_whole_life_is_told_newest_first() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let end = Timestamp::now().plus_seconds(86_400).to_string();
    let change = json!({ "name": "Shop", "scope": "channels", "channels": ["ops"], "expires_at": end });
    let _ = admin.patch(&path, &change).await.expect(200);
    let _ = admin.post(&format!("{path}/rotate"), &json!({ "overlap_seconds": 60 })).await.expect(200);
    let _ = admin.delete(&path).await.expect(204);

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
    insta::assert_snapshot!(shown(&Value::Array(events[1..3].to_vec())), @r#"
    [
      {
        "action": "rotated",
        "at": "<moment>",
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
        "at": "<moment>",
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
            "to": "<moment>"
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
            "permissions": from_nothing(json!(["PushNotifications/Send"])),
            "scope": from_nothing(json!("all")),
            "status": from_nothing(json!("active")),
        })
    );
    assert_eq!(events[0]["changes"]["channels"], json!({ "from": ["ops"], "to": null }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_in_pages() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    for name in ["a", "b", "c", "d"] {
        let _ = admin.patch(&format!("/keys/{}", key.id), &json!({ "name": name })).await.expect(200);
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
    assert_eq!(wrong.refusal(), (400, "invalid_parameter".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reads_it_and_a_stranger_does_not() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}/history", key.id);

    let _ = app.person("member@acme").await.get(&path).await.expect(200);

    let stranger = app.person("admin@globex").await;
    let absent = stranger.get("/keys/01M85000000000000000000000/history").await;
    assert_eq!(stranger.get(&path).await.expect(404).without_request_id(), absent.without_request_id());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_no_event() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);

    let _ = admin.patch(&path, &json!({ "name": "" })).await.expect(400);
    let _ = admin.patch(&path, &json!({ "scope": "channels", "channels": ["nowhere"] })).await.expect(422);
    let _ = app.person("member@acme").await.patch(&path, &json!({ "name": "Mine" })).await.expect(403);
    let _ = admin.get(&path).await.expect(200);

    assert_eq!(events(&app, &key.id).await.len(), 1);
    app.stop().await;
}
