//! An admin changes a key, and the next request that begins is judged by the new state.

use serde_json::{Value, json};
use shared::time::Timestamp;
use tests::{Answer, App, Key};

fn path(key: &Key<'_>) -> String {
    format!("/keys/{}", key.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_changes_alone() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;
    // Without the days of usage, the last of which may end meanwhile.
    let without_days = |answer: Answer| {
        let mut key = answer.expect(200).json();
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
        let answer = without_days(admin.patch(&path(&key), &json!({ field: value })).await);

        assert!(answer["updated_at"].as_str() >= expected["updated_at"].as_str(), "{field}");
        expected[field] = value;
        expected["updated_at"] = answer["updated_at"].clone();
        assert_eq!(answer, expected, "{field}");
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

    // While the scope is all.
    for body in [
        json!({ "channels": ["ops"] }),
        json!({ "scope": "channels" }),
        json!({ "scope": "channels", "channels": [] }),
        json!({ "scope": "channels", "channels": null }),
        json!({ "scope": "all", "channels": ["ops"] }),
    ] {
        assert_eq!(change(body.clone()).await.expect(400).places(), ["/channels"], "{body}");
        assert_eq!(state().await, (json!("all"), json!([])), "{body}");
    }
    let _ = change(json!({ "scope": "channels", "channels": ["ops", "news", "ops"] })).await.expect(200);
    assert_eq!(state().await, (json!("channels"), json!(["news", "ops"])));

    // While it is channels.
    for body in [json!({ "channels": [] }), json!({ "channels": null }), json!({ "scope": "all", "channels": ["ops"] })]
    {
        assert_eq!(change(body.clone()).await.expect(400).places(), ["/channels"], "{body}");
        assert_eq!(state().await, (json!("channels"), json!(["news", "ops"])), "{body}");
    }
    assert_eq!(change(json!({ "channels": ["ops", "gone"] })).await.refusal(), (422, "unknown_channel".to_owned()));
    let _ = change(json!({ "scope": "all" })).await.expect(200);
    assert_eq!(state().await, (json!("all"), json!([])), "a change to all clears them");
    let _ = change(json!({ "scope": "channels", "channels": ["news"] })).await.expect(200);
    assert_eq!(state().await, (json!("channels"), json!(["news"])), "and they do not come back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_mistakes_changes_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let before = admin.get(&path(&key)).await.expect(200).text;

    let past = Timestamp::now().plus_seconds(-1).to_string();
    for (body, places) in [
        (json!({ "name": "Good", "status": "paused" }), vec!["/status"]),
        (json!({ "name": null, "expires_at": past, "permissions": [] }), vec!["/name", "/permissions", "/expires_at"]),
        (json!({ "id": "01JD0000000000000000000000", "account": "globex" }), vec!["/account", "/id"]),
        (json!({ "usage": { "total": 0 } }), vec!["/usage"]),
        (json!({ "secret": "pgk_", "hash": "" }), vec!["/hash", "/secret"]),
        (json!({ "status": null, "scope": null, "limits": null }), vec!["/scope", "/status", "/limits"]),
        (json!(["name"]), vec![""]),
    ] {
        assert_eq!(admin.patch(&path(&key), &body).await.expect(400).places(), places, "{body}");
        assert_eq!(admin.get(&path(&key)).await.expect(200).text, before, "{body}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_changes_a_key_and_only_one_that_exists() {
    let app = App::start().await;
    let key = app.key().create().await;
    let rename = json!({ "name": "Mine" });

    let member = app.person("member@acme").await;
    assert_eq!(member.patch(&path(&key), &rename).await.refusal(), (403, "admin_required".to_owned()));
    let admin = app.admin().await;
    for id in ["01JD0000000000000000000000", "x"] {
        let answer = admin.patch(&format!("/keys/{id}"), &rename).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    }
    assert_eq!(admin.get(&path(&key)).await.json()["name"], "Webshop");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_is_judged_by_the_new_state() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops", "news"]).create().await;
    let change = async |body: Value| {
        let _ = admin.patch(&path(&key), &body).await.expect(200);
    };
    // Both forms of sending, since one is decided by the authorizer and the other by the handler.
    let sends = async |channel: &str| {
        let body = json!({ "title": "Hello", "target": { "channels": [channel] } });
        let answers = [key.push_to(channel, &json!({ "title": "Hello" })).await, key.push(&body).await];
        answers.map(|answer| answer.refusal())
    };
    let both = |status: u16, code: &str| [(status, code.to_owned()), (status, code.to_owned())];

    assert_eq!(sends("news").await, both(202, ""));
    change(json!({ "status": "inactive" })).await;
    assert_eq!(sends("news").await, both(403, "key_inactive"));
    change(json!({ "status": "active" })).await;
    assert_eq!(sends("news").await, both(202, ""));

    change(json!({ "channels": ["ops"] })).await;
    assert_eq!(sends("news").await, both(403, "scope_violation"));
    assert_eq!(sends("ops").await, both(202, ""));
    change(json!({ "scope": "all" })).await;
    assert_eq!(sends("news").await, both(202, ""));

    change(json!({ "permissions": ["Subscriptions/Write"] })).await;
    assert_eq!(sends("news").await, both(403, "permission_denied"));
    change(json!({ "permissions": ["PushNotifications/Send"] })).await;
    assert_eq!(sends("news").await, both(202, ""));

    key.expire().await;
    assert_eq!(sends("news").await, both(403, "key_expired"));
    change(json!({ "expires_at": "2999-01-01T00:00:00Z" })).await;
    assert_eq!(sends("news").await, both(202, ""));
    key.expire().await;
    change(json!({ "expires_at": null })).await;
    assert_eq!(sends("news").await, both(202, ""));

    let sent = app.admin().await.get("/pushes").await.expect(200).json()["pushes"].as_array().map(Vec::len);
    assert_eq!(sent, Some(14), "what was refused sent nothing");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_goes_on_being_counted_across_changes() {
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
        let answer = admin.patch(&path(&key), &change).await.expect(200).json();
        assert_eq!(answer["usage"]["total"], uses, "{change}");
    }

    let key = admin.get(&path(&key)).await.expect(200).json();
    let days = key["usage"]["days"].as_array().expect("days").iter();
    let by_day: u64 = days.map(|day| day["count"].as_u64().expect("a number")).sum();
    assert_eq!((uses, by_day), (4, 4));
    assert!(key["last_used_at"].is_string());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_at_once_both_hold() {
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
    // The channel that was left last is named by no key, and the other by this one.
    let _ = admin.delete("/channels/ops").await.expect(204);
    assert_eq!(admin.delete("/channels/news").await.refusal(), (409, "channel_in_use".to_owned()));
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
    assert_eq!(key.push_to("c00", &json!({ "title": "Old" })).await.refusal(), (403, "scope_violation".to_owned()));
    let _ = key.push_to("c99", &json!({ "title": "New" })).await.expect(202);
    let _ = admin.delete("/channels/c00").await.expect(204);
    assert_eq!(admin.delete("/channels/c99").await.refusal(), (409, "channel_in_use".to_owned()));
    app.stop().await;
}
