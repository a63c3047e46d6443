//! `DELETE /keys/{id}`: a deleted key is invalid immediately and forever.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_after_delete_is_denied() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    let key = app.key().all_permissions().create().await;
    let browser = app.push_service.browser();
    let push = key.push(&json!({ "title": "Before" })).await.expect(202).json();
    let push = push["id"].as_str().expect("an id");

    let deleted = admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    assert_eq!(deleted.text, "");

    for response in [
        key.push(&json!({ "title": "After" })).await,
        key.push_to("ops", &json!({ "title": "After" })).await,
        key.get(&format!("/push/{push}")).await,
        key.put(&browser.subscription(&[])).await,
        key.delete("/subscriptions/00000000000000000000000000000000").await,
        key.get("/subscriptions/config").await,
    ] {
        response.assert_problem(401, "unauthenticated");
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_not_found_by_any_route() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (kept, key) = (app.key().create().await, app.key().create().await);
    let path = format!("/keys/{}", key.id);

    admin.delete(&path).await.expect(204);

    for response in [
        admin.delete(&path).await,
        admin.get(&path).await,
        admin.patch(&path, &json!({ "status": "active" })).await,
        admin.delete("/keys/01JD0000000000000000000000").await,
        admin.delete("/keys/x").await,
    ] {
        response.assert_problem(404, "not_found");
    }
    let list = admin.get("/keys").await.expect(200).json();
    assert_eq!(list["keys"].as_array().expect("a list").len(), 1);
    assert_eq!(list["keys"][0]["id"], kept.id);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_use_of_its_secret_does_not_recreate_a_deleted_key() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;
    key.push(&json!({ "title": "Once" })).await.expect(202);
    let in_keys = async || {
        let dump = app.local().dump().await;
        dump.lines().any(|line| line.starts_with("KeysTable ") && line.contains(&key.id))
    };
    assert!(in_keys().await, "the search finds an existing key");

    admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    for _ in 0..3 {
        key.push(&json!({ "title": "Again" })).await.expect(401);
    }

    assert!(!in_keys().await, "the deleted key was recreated");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_and_a_delete_leave_no_item() {
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
        if let Some(local) = app.if_local() {
            let dump = local.dump().await;
            assert!(!dump.lines().any(|line| line.starts_with("KeysTable ") && line.contains(&key.id)), "{dump}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_a_deleted_key_can_be_deleted() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops", "news"]).create().await;
    let other = app.key().channels(&["news"]).create().await;
    admin.delete("/channels/ops").await.assert_problem(409, "channel_in_use");

    admin.delete(&format!("/keys/{}", key.id)).await.expect(204);

    admin.delete("/channels/ops").await.expect(204);
    admin.delete("/channels/news").await.assert_problem_in("another key has it in its scope", 409, "channel_in_use");
    admin.delete(&format!("/keys/{}", other.id)).await.expect(204);
    admin.delete("/channels/news").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_can_delete_keys() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);

    let member = app.user("member@acme").await.delete(&path).await;
    member.assert_problem(403, "admin_required");
    key.delete(&path).await.assert_problem(401, "unauthenticated");

    key.push(&json!({ "title": "Still" })).await.expect(202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_deleted_even_if_its_channel_is_missing() {
    let app = App::start().await;
    app.channels(&["lost", "ops"]).await;
    let key = app.key().channels(&["lost", "ops"]).create().await;
    // The channels table can lack a channel after a restore to an earlier point in time.
    let lost = app.local().dynamodb().delete_item().table_name("ChannelsTable");
    let lost = lost.key("account", AttributeValue::S("acme".to_owned()));
    lost.key("slug", AttributeValue::S("lost".to_owned())).send().await.expect("a deletion");

    let admin = app.admin().await;
    admin.delete(&format!("/keys/{}", key.id)).await.expect(204);

    assert_eq!(key.push(&json!({ "title": "Hello?" })).await.status, 401);
    admin.delete("/channels/ops").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_count_of_a_channel_is_never_negative() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;
    // The key count of a channel can be stale after a restore to an earlier point in time.
    let lost = app.local().dynamodb().update_item().table_name("ChannelsTable");
    let lost = lost.key("account", AttributeValue::S("acme".to_owned()));
    let lost = lost.key("slug", AttributeValue::S("ops".to_owned())).update_expression("SET #keys = :none");
    let lost = lost.expression_attribute_names("#keys", "keys");
    lost.expression_attribute_values(":none", AttributeValue::N("0".to_owned())).send().await.expect("an update");

    let admin = app.admin().await;
    admin.delete(&format!("/keys/{}", key.id)).await.expect(204);
    let _ = app.key().channels(&["ops"]).create().await;

    admin.delete("/channels/ops").await.assert_problem_in("a key has it in its scope", 409, "channel_in_use");
    app.stop().await;
}
