//! `PATCH /keys/{id}`: an admin changes a key, and the next request is evaluated with the new state.

use serde_json::{Value, json};
use shared::domain::time::Timestamp;
use tests::{App, Key, Response};

fn path(key: &Key<'_>) -> String {
    format!("/keys/{}", key.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_changes_alone() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;
    // Without the days of usage, since a new day may begin during the test.
    let without_days = |response: Response| {
        let mut key = response.expect(200).json();
        key["usage"]["days"].take();
        key
    };
    let mut expected = without_days(admin.get(&path(&key)).await);

    for (field, value) in [
        ("name", json!("Renamed ✓")),
        ("permissions", json!(["PushNotifications/Send", "Subscriptions/Write"])),
        ("permissions", json!(["Subscriptions/Write"])),
        ("channels", json!(["news", "ops"])),
        ("channels", json!(["news"])),
        ("status", json!("inactive")),
        ("status", json!("active")),
        ("expires_at", json!("2999-01-01T00:00:00.000Z")),
        ("expires_at", json!(null)),
        ("limits", json!({ "per_minute": 3, "per_day": 7 })),
        ("limits", json!({ "per_minute": null, "per_day": null })),
    ] {
        let response = without_days(admin.patch(&path(&key), &json!({ field: value })).await);

        assert!(response["updated_at"].as_str() >= expected["updated_at"].as_str(), "{field}");
        assert_ne!(response["etag"], expected["etag"], "{field}");
        expected[field] = value;
        for changed in ["updated_at", "etag"] {
            expected[changed] = response[changed].clone();
        }
        assert_eq!(response, expected, "{field}");
        assert_eq!(without_days(admin.get(&path(&key)).await), expected, "{field}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_and_channels_change_together() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let change = async |body: Value| admin.patch(&path(&key), &body).await;
    let state = async || {
        let key = admin.get(&path(&key)).await.expect(200).json();
        (key["scope"].clone(), key["channels"].clone())
    };

    // The scope is `all`.
    for body in [
        json!({ "channels": ["ops"] }),
        json!({ "scope": "channels" }),
        json!({ "scope": "channels", "channels": [] }),
        json!({ "scope": "channels", "channels": null }),
        json!({ "scope": "all", "channels": ["ops"] }),
    ] {
        assert_eq!(change(body.clone()).await.expect(400).pointers(), ["/channels"], "{body}");
        assert_eq!(state().await, (json!("all"), json!([])), "{body}");
    }
    change(json!({ "scope": "channels", "channels": ["ops", "news", "ops"] })).await.expect(200);
    assert_eq!(state().await, (json!("channels"), json!(["news", "ops"])));

    // The scope is `channels`.
    for body in [json!({ "channels": [] }), json!({ "channels": null }), json!({ "scope": "all", "channels": ["ops"] })]
    {
        assert_eq!(change(body.clone()).await.expect(400).pointers(), ["/channels"], "{body}");
        assert_eq!(state().await, (json!("channels"), json!(["news", "ops"])), "{body}");
    }
    change(json!({ "channels": ["ops", "gone"] })).await.assert_problem(422, "unknown_channel");
    change(json!({ "scope": "all" })).await.expect(200);
    assert_eq!(state().await, (json!("all"), json!([])), "a change to scope all clears the channels");
    change(json!({ "scope": "channels", "channels": ["news"] })).await.expect(200);
    assert_eq!(state().await, (json!("channels"), json!(["news"])), "the cleared channels do not come back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_change_changes_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let before = admin.get(&path(&key)).await.expect(200).text;

    let past = Timestamp::now().plus_seconds(-1).to_string();
    for (body, pointers) in [
        (json!({ "name": "Good", "status": "paused" }), vec!["/status"]),
        (json!({ "name": null, "expires_at": past, "permissions": [] }), vec!["/name", "/permissions", "/expires_at"]),
        (json!({ "id": "01JD0000000000000000000000", "account": "globex" }), vec!["/account", "/id"]),
        (json!({ "usage": { "total": 0 } }), vec!["/usage"]),
        (json!({ "secret": "pgk_", "hash": "" }), vec!["/hash", "/secret"]),
        (json!({ "status": null, "scope": null, "limits": null }), vec!["/scope", "/status", "/limits"]),
        (json!(["name"]), vec![""]),
    ] {
        assert_eq!(admin.patch(&path(&key), &body).await.expect(400).pointers(), pointers, "{body}");
        assert_eq!(admin.get(&path(&key)).await.expect(200).text, before, "{body}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_can_change_a_key_and_it_must_exist() {
    let app = App::start().await;
    let key = app.key().create().await;
    let rename = json!({ "name": "Mine" });

    let member = app.user("member@acme").await;
    member.patch(&path(&key), &rename).await.assert_problem(403, "admin_required");
    let admin = app.admin().await;
    for id in ["01JD0000000000000000000000", "x"] {
        let response = admin.patch(&format!("/keys/{id}"), &rename).await;
        response.assert_problem(404, "not_found");
    }
    assert_eq!(admin.get(&path(&key)).await.json()["name"], "Webshop");
    app.stop().await;
}

/// Asserts the status and the problem code of both responses; a 202 has no code.
#[track_caller]
fn assert_both(responses: &[Response; 2], status: u16, code: &str) {
    for response in responses {
        response.assert_problem(status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_is_evaluated_with_the_new_state() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops", "news"]).create().await;
    let change = async |body: Value| {
        admin.patch(&path(&key), &body).await.expect(200);
    };
    // On both routes, since the authorizer evaluates the one and the handler the other.
    let sends = async |channel: &str| {
        let body = json!({ "title": "Hello", "target": { "channels": [channel] } });
        [key.push_to(channel, &json!({ "title": "Hello" })).await, key.push(&body).await]
    };

    assert_both(&sends("news").await, 202, "");
    change(json!({ "status": "inactive" })).await;
    assert_both(&sends("news").await, 403, "key_inactive");
    change(json!({ "status": "active" })).await;
    assert_both(&sends("news").await, 202, "");

    change(json!({ "channels": ["ops"] })).await;
    assert_both(&sends("news").await, 403, "scope_violation");
    assert_both(&sends("ops").await, 202, "");
    change(json!({ "scope": "all" })).await;
    assert_both(&sends("news").await, 202, "");

    change(json!({ "permissions": ["Subscriptions/Write"] })).await;
    assert_both(&sends("news").await, 403, "permission_denied");
    change(json!({ "permissions": ["PushNotifications/Send"] })).await;
    assert_both(&sends("news").await, 202, "");

    key.expire().await;
    assert_both(&sends("news").await, 403, "key_expired");
    change(json!({ "expires_at": "2999-01-01T00:00:00Z" })).await;
    assert_both(&sends("news").await, 202, "");
    key.expire().await;
    change(json!({ "expires_at": null })).await;
    assert_both(&sends("news").await, 202, "");

    let sent = app.admin().await.get("/pushes").await.expect(200).json()["pushes"].as_array().map(Vec::len);
    assert_eq!(sent, Some(14), "a denied request sends nothing");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_across_changes() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let changes = [
        json!({ "name": "Other" }),
        json!({ "scope": "channels", "channels": ["ops"] }),
        json!({ "status": "inactive" }),
        json!({ "status": "active", "limits": { "per_day": 1000 } }),
        json!({ "expires_at": "2999-01-01T00:00:00Z" }),
    ];
    let mut uses = 0;

    for change in changes {
        let sent = key.push(&json!({ "title": "Counted" })).await;
        uses += u64::from(sent.status == 202);
        let response = admin.patch(&path(&key), &change).await.expect(200).json();
        assert_eq!(response["usage"]["total"], uses, "{change}");
    }

    let key = admin.get(&path(&key)).await.expect(200).json();
    let days = key["usage"]["days"].as_array().expect("days").iter();
    let by_day: u64 = days.map(|day| day["count"].as_u64().expect("a number")).sum();
    assert_eq!((uses, by_day), (4, 4));
    assert!(key["last_used_at"].is_string());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_concurrent_changes_are_both_applied() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;

    for (round, channels) in [["ops"], ["news"]].iter().cycle().take(10).enumerate() {
        let name = format!("Round {round}");
        let (name_alone, channels_alone) = (json!({ "name": name }), json!({ "channels": channels }));
        let path = path(&key);
        let (first, second) = tokio::join!(admin.patch(&path, &name_alone), admin.patch(&path, &channels_alone));
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.text, second.text);

        let after = admin.get(&path).await.expect(200).json();
        assert_eq!((&after["name"], &after["channels"]), (&json!(name), &json!(channels)));
    }
    // The key count of both channels is right.
    admin.delete("/channels/ops").await.expect(204);
    admin.delete("/channels/news").await.assert_problem(409, "channel_in_use");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_swap_all_its_50_channels_for_50_others() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..100).map(|number| format!("c{number:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let (old, new) = slugs.split_at(50);
    let key = app.key().channels(old).create().await;
    let admin = app.admin().await;

    let changed = admin.patch(&format!("/keys/{}", key.id), &json!({ "channels": new })).await.expect(200).json();

    assert_eq!(changed["channels"], json!(new));
    key.push_to("c00", &json!({ "title": "Old" })).await.assert_problem(403, "scope_violation");
    key.push_to("c99", &json!({ "title": "New" })).await.expect(202);
    admin.delete("/channels/c00").await.expect(204);
    admin.delete("/channels/c99").await.assert_problem(409, "channel_in_use");
    app.stop().await;
}
