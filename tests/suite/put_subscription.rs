//! `PUT` and `DELETE /subscriptions`: a publishable key subscribes a browser to its channels and removes it again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tests::{App, Browser, Key, redact};

const WRITE: &[&str] = &["Subscriptions/Write"];

/// The channels among `ops`, `news` and `sales` whose pushes reach the browser.
async fn channels_of(app: &App, browser: &Browser) -> Vec<&'static str> {
    let key = app.key().create().await;
    let mut channels = Vec::new();
    for slug in ["ops", "news", "sales"] {
        let before = browser.attempts();
        key.push_to(slug, &json!({ "title": "There?" })).await.expect(202);
        app.delivered().await;
        if browser.attempts() > before {
            channels.push(slug);
        }
    }
    channels
}

/// Whether a push to everyone reaches the browser.
async fn is_subscribed(app: &App, browser: &Browser) -> bool {
    let before = browser.attempts();
    app.key().create().await.push(&json!({ "title": "There?" })).await.expect(202);
    app.delivered().await;
    browser.attempts() > before
}

async fn page_key<'a>(app: &'a App, channels: &[&str]) -> Key<'a> {
    app.key().permissions(WRITE).channels(channels).create().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_created_once_and_then_updated() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let key = page_key(&app, &["ops", "news"]).await;
    let browser = app.push_service.browser();

    let new = key.put(&browser.subscription(&["ops", "news", "ops"])).await.expect(201);
    let known = key.put(&browser.subscription(&["ops"])).await.expect(200);

    let id = new.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(new.header("Location"), Some(format!("/v1/subscriptions/{id}").as_str()));
    assert_eq!(known.header("Location"), None);
    insta::assert_snapshot!(redact(&new.json()), @r#"
    {
      "channels": [
        "news",
        "ops"
      ],
      "created_at": "<timestamp>",
      "id": "<hex>",
      "updated_at": "<timestamp>"
    }
    "#);
    assert_eq!(known.json()["id"], id);
    assert_eq!(known.json()["channels"], json!(["ops"]));
    assert_eq!(known.json()["created_at"], new.json()["created_at"]);
    assert!(known.json()["updated_at"].as_str() >= new.json()["updated_at"].as_str());
    let private = browser.subscription(&[]);
    for part in [&private["endpoint"], &private["keys"]["p256dh"], &private["keys"]["auth"]] {
        for response in [&new, &known] {
            assert!(!response.text.contains(part.as_str().expect("text")));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sets_the_memberships_of_its_own_channels_and_leaves_others_alone() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let browser = app.push_service.browser();
    let (ops_news, sales) = (page_key(&app, &["ops", "news"]).await, page_key(&app, &["sales"]).await);

    ops_news.subscribe(&browser, &["ops"]).await;
    sales.subscribe(&browser, &["sales"]).await;
    assert_eq!(channels_of(&app, &browser).await, ["ops", "sales"]);
    let moved = ops_news.put(&browser.subscription(&["news"])).await.expect(200).json();
    assert_eq!(moved["channels"], json!(["news"]), "channels outside the scope are not returned");
    assert_eq!(channels_of(&app, &browser).await, ["news", "sales"]);

    // An empty or absent list removes the browser from all channels of the key's scope.
    ops_news.put(&browser.subscription(&[])).await.expect(200);
    assert_eq!(channels_of(&app, &browser).await, ["sales"]);
    ops_news.subscribe(&browser, &["ops", "news"]).await;
    let mut absent = browser.subscription(&[]);
    absent.as_object_mut().expect("an object").remove("channels");
    assert_eq!(ops_news.put(&absent).await.expect(200).json()["channels"], json!([]));
    assert_eq!(channels_of(&app, &browser).await, ["sales"]);

    // The scope of a key with scope `all` is every channel.
    app.subscriber().await.subscribe(&browser, &["ops"]).await;
    assert_eq!(channels_of(&app, &browser).await, ["ops"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_can_subscribe_one_browser_concurrently() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let (ops, news) = (page_key(&app, &["ops"]).await, page_key(&app, &["news"]).await);
    for _ in 0..5 {
        let browser = app.push_service.browser();
        let (in_ops, in_news) = (browser.subscription(&["ops"]), browser.subscription(&["news"]));
        let (a, b) = tokio::join!(ops.put(&in_ops), news.put(&in_news));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} {}", a.text, b.text);
        assert_eq!(channels_of(&app, &browser).await, ["ops", "news"]);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_takes_at_most_20_existing_channels_within_the_scope() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..21).map(|n| format!("channel-{n:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let (all, some) = (app.subscriber().await, page_key(&app, &slugs[..2]).await);
    let browser = app.push_service.browser();

    assert_eq!(all.put(&browser.subscription(&slugs)).await.expect(400).pointers(), ["/channels"]);
    let unknown = all.put(&browser.subscription(&["channel-00", "nope"])).await;
    unknown.assert_problem(422, "unknown_channel");
    for outside in ["channel-02", "nope"] {
        let response = some.put(&browser.subscription(&["channel-00", outside])).await;
        response.assert_problem(403, "scope_violation");
        response.assert_text("refused", outside);
        response.assert_text("allowed", "channel-00 channel-01");
    }
    for (channels, place) in [
        (json!(null), "/channels"),
        (json!("channel-00"), "/channels"),
        (json!({}), "/channels"),
        (json!(["channel-00", "BAD"]), "/channels/1"),
        (json!([7]), "/channels/0"),
    ] {
        let mut body = browser.subscription(&[]);
        body["channels"] = channels;
        assert_eq!(some.put(&body).await.expect(400).pointers(), [place], "{body}");
    }
    assert!(!is_subscribed(&app, &browser).await, "a rejected request stores nothing");
    let max = all.put(&browser.subscription(&slugs[..20])).await.expect(201).json();
    assert_eq!(max["channels"], json!(slugs[..20]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_channels_removes_its_channels_and_the_last_one_removes_the_record() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let browser = app.push_service.browser();
    let (ops, news) = (page_key(&app, &["ops"]).await, page_key(&app, &["news"]).await);
    let id = ops.subscribe(&browser, &["ops"]).await;
    assert_eq!(news.subscribe(&browser, &["news"]).await, id, "one browser is one subscription");
    let path = format!("/subscriptions/{id}");

    assert_eq!(ops.delete(&path).await.expect(204).text, "");
    assert_eq!(channels_of(&app, &browser).await, ["news"]);
    news.delete(&path).await.expect(204);
    assert!(!is_subscribed(&app, &browser).await, "the last channel removed the record");
    for key in [&ops, &news] {
        key.delete(&path).await.assert_problem(404, "not_found");
    }
    if let Some(local) = app.if_local() {
        let dump = local.dump().await;
        assert!(!dump.contains(&id), "{dump}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_does_not_keep_a_subscription() {
    let app = App::start().await;
    app.channels(&["old", "ops"]).await;
    let browser = app.push_service.browser();
    let id = app.subscriber().await.subscribe(&browser, &["old", "ops"]).await;
    app.admin().await.delete("/channels/old").await.expect(204);
    // The recreated channel is a new one, without the browser.
    app.channels(&["old"]).await;

    page_key(&app, &["ops"]).await.delete(&format!("/subscriptions/{id}")).await.expect(204);

    assert!(!is_subscribed(&app, &browser).await, "it was in no other channel");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_scope_all_removes_the_whole_subscription() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let browser = app.push_service.browser();
    let id = page_key(&app, &["ops"]).await.subscribe(&browser, &["ops"]).await;
    page_key(&app, &["news", "sales"]).await.subscribe(&browser, &["news", "sales"]).await;
    let all = app.subscriber().await;

    all.delete(&format!("/subscriptions/{id}")).await.expect(204);

    assert!(!is_subscribed(&app, &browser).await);
    if let Some(local) = app.if_local() {
        assert!(!local.dump().await.contains(&id), "no membership remains");
    }
    for absent in [id.as_str(), "00000000000000000000000000000000", "x", "%20"] {
        let response = all.delete(&format!("/subscriptions/{absent}")).await;
        response.assert_problem_in(format_args!("{absent}"), 404, "not_found");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_read_the_application_server_key() {
    let app = App::start().await;
    let config = app.subscriber().await.get("/subscriptions/config").await.expect(200);
    let body = config.json();
    let public = body["vapid_public_key"].as_str().expect("a key");
    assert_eq!(body, json!({ "vapid_public_key": public }));
    assert_eq!((public.len(), &public[..1]), (87, "B"));
    let point = URL_SAFE_NO_PAD.decode(public).expect("base64url");
    assert_eq!((point.len(), point[0]), (65, 4), "an uncompressed point");
    let again = app.subscriber().await.get("/subscriptions/config").await.expect(200);
    assert_eq!(again.json(), body);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publishable_key_can_only_subscribe_and_a_sending_key_can_only_send() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let browser = app.push_service.browser();
    let publishable = page_key(&app, &["ops"]).await;
    let sending = app.key().channels(&["ops"]).create().await;
    let id = publishable.subscribe(&browser, &["ops"]).await;
    let hello = json!({ "title": "Hello" });
    let push = sending.push(&hello).await.expect(202).json();
    app.delivered().await;

    for (response, missing) in [
        (publishable.push(&hello).await, "PushNotifications/Send"),
        (publishable.push_to("ops", &hello).await, "PushNotifications/Send"),
        (publishable.get(&format!("/push/{}", push["id"].as_str().expect("an id"))).await, "PushNotifications/Send"),
        (sending.put(&browser.subscription(&[])).await, "Subscriptions/Write"),
        (sending.delete(&format!("/subscriptions/{id}")).await, "Subscriptions/Write"),
        (sending.get("/subscriptions/config").await, "Subscriptions/Write"),
    ] {
        response.assert_problem(403, "permission_denied");
        response.assert_text("detail", &format!("This key does not have the permission {missing}"));
    }
    assert_eq!(browser.attempts(), 1, "nothing was sent and nothing removed");
    app.stop().await;
}
