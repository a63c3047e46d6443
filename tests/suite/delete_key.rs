//! A deleted key is gone at once and for ever, and nothing brings it back.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_after_delete_is_refused() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let permissions = ["PushNotifications/Send", "Subscriptions/Write"];
    let key = app.key().permissions(&permissions).create().await;
    let device = app.push_service.device();
    let push = key.push(&json!({ "title": "Before" })).await.expect(202).json();
    let push = push["id"].as_str().expect("an id");

    let deleted = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    assert_eq!(deleted.text, "");

    for answer in [
        key.push(&json!({ "title": "After" })).await,
        key.push_to("ops", &json!({ "title": "After" })).await,
        key.get(&format!("/push/{push}")).await,
        key.put(&device.subscription(&[])).await,
        key.delete("/subscriptions/00000000000000000000000000000000").await,
        key.get("/subscriptions/config").await,
    ] {
        assert_eq!(answer.refusal(), (401, "unauthenticated".to_owned()));
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_nowhere_and_a_second_delete_finds_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (kept, key) = (app.key().create().await, app.key().create().await);
    let path = format!("/keys/{}", key.id);

    let _ = admin.delete(&path).await.expect(204);

    for answer in [
        admin.delete(&path).await,
        admin.get(&path).await,
        admin.patch(&path, &json!({ "status": "active" })).await,
        admin.delete("/keys/01JD0000000000000000000000").await,
        admin.delete("/keys/x").await,
    ] {
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()));
    }
    let list = admin.get("/keys").await.expect(200).json();
    assert_eq!(list["keys"].as_array().expect("a list").len(), 1);
    assert_eq!(list["keys"][0]["id"], kept.id);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_later_use_of_its_secret_brings_a_deleted_key_back() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    let _ = key.push(&json!({ "title": "Once" })).await.expect(202);
    let in_keys = async || {
        let dump = app.laptop().dump().await;
        dump.lines().any(|line| line.starts_with("KeysTable ") && line.contains(&key.id))
    };
    assert!(in_keys().await, "the search finds a key that is there");

    let _ = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    for _ in 0..3 {
        let _ = key.push(&json!({ "title": "Again" })).await.expect(401);
    }

    assert!(!in_keys().await, "the counter of a deleted key came back");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_and_a_delete_at_once_leave_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    for _ in 0..5 {
        let key = app.key().create().await;
        let path = format!("/keys/{}", key.id);
        let body = json!({ "title": "Racing", "dry_run": true });
        let (deleted, a, b, c) = tokio::join!(admin.delete(&path), key.push(&body), key.push(&body), key.push(&body));

        assert_eq!(deleted.status, 204, "{}", deleted.text);
        for used in [a, b, c] {
            assert!([200, 401].contains(&used.status), "{}", used.text);
        }
        assert_eq!(key.push(&body).await.status, 401);
        assert_eq!(admin.get(&path).await.status, 404);
        if let Some(laptop) = app.if_laptop() {
            let dump = laptop.dump().await;
            assert!(!dump.lines().any(|line| line.starts_with("KeysTable ") && line.contains(&key.id)), "{dump}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_a_deleted_key_are_free_again() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops", "news"]).create().await;
    let other = app.key().channels(&["news"]).create().await;
    assert_eq!(admin.delete("/channels/ops").await.refusal(), (409, "channel_in_use".to_owned()));

    let _ = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);

    let _ = admin.delete("/channels/ops").await.expect(204);
    assert_eq!(
        admin.delete("/channels/news").await.refusal(),
        (409, "channel_in_use".to_owned()),
        "another key names it"
    );
    let _ = admin.delete(&format!("/keys/{}", other.id)).await.expect(204);
    let _ = admin.delete("/channels/news").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_deletes_keys() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);

    let member = app.person("member@acme").await.delete(&path).await;
    assert_eq!(member.refusal(), (403, "admin_required".to_owned()));
    assert_eq!(key.delete(&path).await.refusal(), (401, "unauthenticated".to_owned()));

    let _ = key.push(&json!({ "title": "Still" })).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_deleted_even_if_its_channel_got_lost() {
    let app = App::start().await;
    app.channels(&["lost", "ops"]).await;
    let key = app.key().channels(&["lost", "ops"]).create().await;
    // As after the table of channels was restored to an earlier point in time.
    let lost = app.laptop().dynamodb().delete_item().table_name("ChannelsTable");
    let lost = lost.key("account", AttributeValue::S("acme".to_owned()));
    lost.key("slug", AttributeValue::S("lost".to_owned())).send().await.expect("a deletion");

    let admin = app.admin().await;
    let _ = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);

    assert_eq!(key.push(&json!({ "title": "Hello?" })).await.status, 401);
    let _ = admin.delete("/channels/ops").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_never_counts_less_than_no_key() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;
    // As after the table of channels was restored to an earlier point in time.
    let lost = app.laptop().dynamodb().update_item().table_name("ChannelsTable");
    let lost = lost.key("account", AttributeValue::S("acme".to_owned()));
    let lost = lost.key("slug", AttributeValue::S("ops".to_owned())).update_expression("SET #keys = :none");
    let lost = lost.expression_attribute_names("#keys", "keys");
    lost.expression_attribute_values(":none", AttributeValue::N("0".to_owned())).send().await.expect("an update");

    let admin = app.admin().await;
    let _ = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    let _ = app.key().channels(&["ops"]).create().await;

    assert_eq!(admin.delete("/channels/ops").await.refusal(), (409, "channel_in_use".to_owned()), "a key names it");
    app.stop().await;
}
