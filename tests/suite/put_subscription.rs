//! A browser's subscription is put into a key's channels and taken out again, by a key that may stand in a web page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tests::{App, Device, Key, shown};

const WRITE: &[&str] = &["Subscriptions/Write"];

/// The slugs of `ops`, `news` and `sales` whose channel the device is in, as a push shows.
async fn channels_of(app: &App, device: &Device) -> Vec<&'static str> {
    let key = app.key().create().await;
    let mut channels = Vec::new();
    for slug in ["ops", "news", "sales"] {
        let before = device.attempts();
        let _ = key.push_to(slug, &json!({ "title": "There?" })).await.expect(202);
        app.delivered().await;
        if device.attempts() > before {
            channels.push(slug);
        }
    }
    channels
}

/// Whether the account knows the device at all.
async fn known(app: &App, device: &Device) -> bool {
    let before = device.attempts();
    let _ = app.key().create().await.push(&json!({ "title": "There?" })).await.expect(202);
    app.delivered().await;
    device.attempts() > before
}

async fn page_key<'a>(app: &'a App, channels: &[&str]) -> Key<'a> {
    app.key().permissions(WRITE).channels(channels).create().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_new_once_and_then_known() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let key = page_key(&app, &["ops", "news"]).await;
    let device = app.push_service.device();

    let new = key.put(&device.subscription(&["ops", "news", "ops"])).await.expect(201);
    let known = key.put(&device.subscription(&["ops"])).await.expect(200);

    let id = new.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(new.header("Location"), Some(format!("/v1/subscriptions/{id}").as_str()));
    assert_eq!(known.header("Location"), None);
    insta::assert_snapshot!(shown(&new.json()), @r#"
    {
      "channels": [
        "news",
        "ops"
      ],
      "created_at": "<moment>",
      "id": "<hex>",
      "updated_at": "<moment>"
    }
    "#);
    assert_eq!(known.json()["id"], id);
    assert_eq!(known.json()["channels"], json!(["ops"]));
    assert_eq!(known.json()["created_at"], new.json()["created_at"]);
    assert!(known.json()["updated_at"].as_str() >= new.json()["updated_at"].as_str());
    let private = device.subscription(&[]);
    for part in [&private["endpoint"], &private["keys"]["p256dh"], &private["keys"]["auth"]] {
        for answer in [&new, &known] {
            assert!(!answer.text.contains(part.as_str().expect("text")));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sets_the_memberships_of_its_own_channels_and_leaves_others_alone() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let device = app.push_service.device();
    let (ops_news, sales) = (page_key(&app, &["ops", "news"]).await, page_key(&app, &["sales"]).await);

    ops_news.subscribe(&device, &["ops"]).await;
    sales.subscribe(&device, &["sales"]).await;
    assert_eq!(channels_of(&app, &device).await, ["ops", "sales"]);
    let moved = ops_news.put(&device.subscription(&["news"])).await.expect(200).json();
    assert_eq!(moved["channels"], json!(["news"]), "nothing is said of what the key does not reach");
    assert_eq!(channels_of(&app, &device).await, ["news", "sales"]);

    // No channels is none of the key's own, in either form.
    let _ = ops_news.put(&device.subscription(&[])).await.expect(200);
    assert_eq!(channels_of(&app, &device).await, ["sales"]);
    ops_news.subscribe(&device, &["ops", "news"]).await;
    let mut absent = device.subscription(&[]);
    absent.as_object_mut().expect("an object").remove("channels");
    assert_eq!(ops_news.put(&absent).await.expect(200).json()["channels"], json!([]));
    assert_eq!(channels_of(&app, &device).await, ["sales"]);

    // A key of scope all has every channel for its own.
    app.subscriber().await.subscribe(&device, &["ops"]).await;
    assert_eq!(channels_of(&app, &device).await, ["ops"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_that_put_one_device_at_once_both_hold() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let (ops, news) = (page_key(&app, &["ops"]).await, page_key(&app, &["news"]).await);
    for _ in 0..5 {
        let device = app.push_service.device();
        let (in_ops, in_news) = (device.subscription(&["ops"]), device.subscription(&["news"]));
        let (a, b) = tokio::join!(ops.put(&in_ops), news.put(&in_news));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} {}", a.text, b.text);
        assert_eq!(channels_of(&app, &device).await, ["ops", "news"]);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_names_at_most_20_channels_within_the_scope_that_exist() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..21).map(|n| format!("channel-{n:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let (all, some) = (app.subscriber().await, page_key(&app, &slugs[..2]).await);
    let device = app.push_service.device();

    assert_eq!(all.put(&device.subscription(&slugs)).await.expect(400).places(), ["/channels"]);
    let unknown = all.put(&device.subscription(&["channel-00", "nope"])).await;
    assert_eq!(unknown.refusal(), (422, "unknown_channel".to_owned()));
    for outside in ["channel-02", "nope"] {
        let answer = some.put(&device.subscription(&["channel-00", outside])).await;
        assert_eq!(answer.refusal(), (403, "scope_violation".to_owned()));
        assert_eq!(answer.says("refused"), outside);
        assert_eq!(answer.says("allowed"), "channel-00 channel-01");
    }
    for (channels, place) in [
        (json!(null), "/channels"),
        (json!("channel-00"), "/channels"),
        (json!({}), "/channels"),
        (json!(["channel-00", "BAD"]), "/channels/1"),
        (json!([7]), "/channels/0"),
    ] {
        let mut body = device.subscription(&[]);
        body["channels"] = channels;
        assert_eq!(some.put(&body).await.expect(400).places(), [place], "{body}");
    }
    assert!(!known(&app, &device).await, "a refused request keeps nothing");
    let most = all.put(&device.subscription(&slugs[..20])).await.expect(201).json();
    assert_eq!(most["channels"], json!(slugs[..20]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_key_removes_its_channels_and_the_record_with_the_last_one() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let device = app.push_service.device();
    let (ops, news) = (page_key(&app, &["ops"]).await, page_key(&app, &["news"]).await);
    let id = ops.subscribe(&device, &["ops"]).await;
    assert_eq!(news.subscribe(&device, &["news"]).await, id, "one device is one subscription");
    let path = format!("/subscriptions/{id}");

    assert_eq!(ops.delete(&path).await.expect(204).text, "");
    assert_eq!(channels_of(&app, &device).await, ["news"]);
    let _ = news.delete(&path).await.expect(204);
    assert!(!known(&app, &device).await, "the last one took the record away");
    for key in [&ops, &news] {
        assert_eq!(key.delete(&path).await.refusal(), (404, "not_found".to_owned()));
    }
    if let Some(laptop) = app.if_laptop() {
        let dump = laptop.dump().await;
        assert!(!dump.contains(&id), "{dump}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_deleted_keeps_no_subscription_alive() {
    let app = App::start().await;
    app.channels(&["old", "ops"]).await;
    let device = app.push_service.device();
    let id = app.subscriber().await.subscribe(&device, &["old", "ops"]).await;
    let _ = app.admin().await.delete("/channels/old").await.expect(204);
    // Another channel of that name, which the device is not in.
    app.channels(&["old"]).await;

    let _ = page_key(&app, &["ops"]).await.delete(&format!("/subscriptions/{id}")).await.expect(204);

    assert!(!known(&app, &device).await, "it was in no channel any more");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_all_key_removes_everything_of_a_subscription() {
    let app = App::start().await;
    app.channels(&["ops", "news", "sales"]).await;
    let device = app.push_service.device();
    let id = page_key(&app, &["ops"]).await.subscribe(&device, &["ops"]).await;
    page_key(&app, &["news", "sales"]).await.subscribe(&device, &["news", "sales"]).await;
    let all = app.subscriber().await;

    let _ = all.delete(&format!("/subscriptions/{id}")).await.expect(204);

    assert!(!known(&app, &device).await);
    if let Some(laptop) = app.if_laptop() {
        assert!(!laptop.dump().await.contains(&id), "no membership is left over");
    }
    for absent in [id.as_str(), "00000000000000000000000000000000", "x", "%20"] {
        let answer = all.delete(&format!("/subscriptions/{absent}")).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{absent}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_learns_the_public_key_that_signs() {
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
async fn a_publishable_key_only_subscribes_and_a_sending_key_only_sends() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let device = app.push_service.device();
    let publishable = page_key(&app, &["ops"]).await;
    let sending = app.key().channels(&["ops"]).create().await;
    let id = publishable.subscribe(&device, &["ops"]).await;
    let hello = json!({ "title": "Hello" });
    let push = sending.push(&hello).await.expect(202).json();
    app.delivered().await;

    for (answer, missing) in [
        (publishable.push(&hello).await, "PushNotifications/Send"),
        (publishable.push_to("ops", &hello).await, "PushNotifications/Send"),
        (publishable.get(&format!("/push/{}", push["id"].as_str().expect("an id"))).await, "PushNotifications/Send"),
        (sending.put(&device.subscription(&[])).await, "Subscriptions/Write"),
        (sending.delete(&format!("/subscriptions/{id}")).await, "Subscriptions/Write"),
        (sending.get("/subscriptions/config").await, "Subscriptions/Write"),
    ] {
        assert_eq!(answer.refusal(), (403, "permission_denied".to_owned()));
        assert_eq!(answer.says("detail"), format!("This key has not the permission {missing}"));
    }
    assert_eq!(device.attempts(), 1, "nothing was sent and nothing removed");
    app.stop().await;
}
