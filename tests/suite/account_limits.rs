//! The maximum number of keys and of channels of an account.

use futures::future::join_all;
use serde_json::json;
use tests::{App, Response, User};

/// An app whose accounts have at most 3 keys and 3 channels.
async fn start() -> App {
    let app = App::start_with_fault_injection().await;
    app.local().run_functions(|_, environment| {
        for name in ["MAX_KEYS", "MAX_CHANNELS"] {
            environment.insert(name.to_owned(), "3".to_owned());
        }
    });
    app
}

async fn create_key(admin: &User<'_>) -> Response {
    let body = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });
    admin.post("/keys", &body).await
}

async fn create_channel(admin: &User<'_>, slug: &str) -> Response {
    admin.post("/channels", &json!({ "slug": slug })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_at_most_the_maximum_number_of_keys_whatever_is_concurrent() {
    let app = start().await;
    let admin = app.admin().await;

    let responses = join_all((0..8).map(|_| create_key(&admin))).await;

    let created: Vec<_> = responses.iter().filter(|response| response.status == 201).collect();
    assert_eq!(created.len(), 3, "{responses:?}");
    for response in responses.iter().filter(|response| response.status != 201) {
        response.assert_problem(409, "key_limit_reached");
        assert_eq!(response.json()["detail"], "The account has 3 keys, the maximum; delete one first");
    }
    assert_eq!(admin.get("/keys").await.expect(200).json()["keys"].as_array().expect("keys").len(), 3);

    // A deleted key makes room for one, and a rejected deletion for none.
    let id = created[0].json()["key"]["id"].as_str().expect("an id").to_owned();
    admin.delete(&format!("/keys/{id}")).await.expect(204);
    admin.delete(&format!("/keys/{id}")).await.assert_problem(404, "not_found");
    create_key(&admin).await.expect(201);
    create_key(&admin).await.assert_problem(409, "key_limit_reached");
    app.local().run_functions(|_, _| ());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_at_most_the_maximum_number_of_channels() {
    let app = start().await;
    let admin = app.admin().await;
    for slug in ["a", "b", "c"] {
        create_channel(&admin, slug).await.expect(201);
    }

    let response = create_channel(&admin, "d").await;

    response.assert_problem(409, "channel_limit_reached");
    assert_eq!(response.json()["detail"], "The account has 3 channels, the maximum; delete one first");
    create_channel(&admin, "c").await.assert_problem(409, "channel_exists");
    admin.delete("/channels/a").await.expect(204);
    admin.delete("/channels/a").await.assert_problem(404, "not_found");
    create_channel(&admin, "d").await.expect(201);
    create_channel(&admin, "e").await.assert_problem(409, "channel_limit_reached");
    let slugs = admin.get("/channels").await.expect(200).json();
    assert_eq!(slugs["channels"].as_array().expect("channels").len(), 3, "a count is not listed: {slugs}");
    app.local().run_functions(|_, _| ());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_has_its_own_maximum() {
    let app = start().await;
    for email in ["admin@acme", "admin@globex"] {
        let admin = app.user(email).await;
        for slug in ["a", "b", "c"] {
            create_channel(&admin, slug).await.expect(201);
            create_key(&admin).await.expect(201);
        }
        create_key(&admin).await.assert_problem(409, "key_limit_reached");
    }
    // A member is told that they are none, not how full the account is.
    let member = app.user("member@acme").await;
    create_channel(&member, "d").await.assert_problem(403, "admin_required");
    app.local().run_functions(|_, _| ());
    app.stop().await;
}
