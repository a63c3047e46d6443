//! Channels are created, listed and deleted, and a recreated channel is a new channel.

use serde_json::json;
use tests::{App, redact};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_created_listed_and_deleted() {
    let app = App::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/channels").await.expect(200).json(), json!({ "channels": [], "next_cursor": null }));

    let created = admin.post("/channels", &json!({ "slug": "ops" })).await.expect(201);
    assert_eq!(created.header("Location"), Some("/v1/channels/ops"));
    insta::assert_snapshot!(redact(&created.json()), @r#"
    {
      "created_at": "<timestamp>",
      "created_by": {
        "id": "<uuid>",
        "name": "Ada"
      },
      "keys": 0,
      "slug": "ops",
      "subscriptions": 0
    }
    "#);
    let list = admin.get("/channels").await.expect(200);
    assert_eq!(list.json(), json!({ "channels": [created.json()], "next_cursor": null }));

    let deleted = admin.delete("/channels/ops").await.expect(204);
    assert_eq!(deleted.text, "");
    assert_eq!(admin.get("/channels").await.expect(200).json(), json!({ "channels": [], "next_cursor": null }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_unique() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;

    let again = admin.post("/channels", &json!({ "slug": "ops" })).await.expect(409);

    insta::assert_snapshot!(redact(&again.json()), @r#"
    {
      "code": "channel_exists",
      "detail": "A channel with this slug already exists",
      "request_id": "<uuid>",
      "status": 409,
      "title": "The channel exists",
      "type": "/v1/problems/channel_exists"
    }
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_in_the_scope_of_keys_cannot_be_deleted() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let first = app.key().channels(&["ops"]).create().await;
    let second = app.key().channels(&["ops", "news"]).with("name", json!("Newsroom")).create().await;
    let _other = app.key().channels(&["news"]).with("name", json!("Other")).create().await;

    let in_use = admin.delete("/channels/ops").await.expect(409);
    insta::assert_snapshot!(redact(&in_use.json()), @r#"
    {
      "code": "channel_in_use",
      "detail": "2 keys use this channel: Newsroom, Webshop; remove it from their scopes first",
      "key_count": 2,
      "keys": [
        {
          "id": "<ulid>",
          "name": "Newsroom"
        },
        {
          "id": "<ulid>",
          "name": "Webshop"
        }
      ],
      "request_id": "<uuid>",
      "status": 409,
      "title": "The channel is in use",
      "type": "/v1/problems/channel_in_use"
    }
    "#);
    let narrow = json!({ "channels": ["news"] });
    admin.patch(&format!("/keys/{}", second.id), &narrow).await.expect(200);
    let in_use = admin.delete("/channels/ops").await.expect(409).json();
    assert_eq!(in_use["detail"], "1 key uses this channel: Webshop; remove it from its scope first");
    assert_eq!(in_use["keys"], json!([{ "id": first.id, "name": "Webshop" }]));
    first.push_to("ops", &json!({ "title": "Still there" })).await.expect(202);
    admin.patch(&format!("/keys/{}", first.id), &json!({ "scope": "all" })).await.expect(200);
    admin.delete("/channels/ops").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_has_the_number_of_keys_that_have_it_in_their_scope() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let counts = async || {
        let list = admin.get("/channels").await.expect(200).json();
        // Sorted by slug: news, ops.
        [0, 1].map(|index| list["channels"][index]["keys"].as_u64().expect("a number"))
    };

    let _all = app.key().create().await;
    assert_eq!(counts().await, [0, 0], "a key with the scope all has no channel in it");
    let both = app.key().channels(&["ops", "news"]).create().await;
    let ops = app.key().channels(&["ops"]).create().await;
    assert_eq!(counts().await, [1, 2]);
    admin.patch(&format!("/keys/{}", both.id), &json!({ "channels": ["news"] })).await.expect(200);
    assert_eq!(counts().await, [1, 1]);
    admin.patch(&format!("/keys/{}", ops.id), &json!({ "scope": "all" })).await.expect(200);
    admin.delete(&format!("/keys/{}", both.id)).await.expect(204);
    assert_eq!(counts().await, [0, 0]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_in_use_lists_at_most_50_keys_and_their_number() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let mut newest_first = Vec::new();
    for _ in 0..51 {
        newest_first.push(app.key().channels(&["ops"]).create().await.id);
    }
    newest_first.sort_by(|a, b| b.cmp(a));

    let in_use = app.admin().await.delete("/channels/ops").await.expect(409).json();
    let ids: Vec<_> = in_use["keys"].as_array().expect("keys").iter().map(|key| key["id"].clone()).collect();
    assert_eq!(json!(ids), json!(newest_first[..50]));
    assert_eq!(in_use["key_count"], 51);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_stored_byte_for_byte_or_rejected() {
    let app = App::start().await;
    let admin = app.admin().await;
    let max = "a".repeat(64);

    for good in ["a", "0", "ops", "a-b", "a--b", "2026-11-23", &max] {
        let response = admin.post("/channels", &json!({ "slug": good })).await.expect(201);
        assert_eq!(response.json()["slug"], good);
    }
    let too_long = "a".repeat(65);
    let bad = ["", "-", "-a", "a-", "Ops", "OPS", "a_b", "a b", " ops", "ops ", "ops\n", "öps", "a/b", "a.b", "оps"];
    for bad in bad.iter().chain([&too_long.as_str()]) {
        assert_eq!(admin.post("/channels", &json!({ "slug": bad })).await.expect(400).pointers(), ["/slug"], "{bad:?}");
        let response = app.key().channels(&[bad]).body;
        assert_eq!(admin.post("/keys", &response).await.expect(400).pointers(), ["/channels/0"], "{bad:?}");
    }
    for (body, pointers) in [
        (json!({}), ["/slug"]),
        (json!({ "slug": null }), ["/slug"]),
        (json!({ "slug": 7 }), ["/slug"]),
        (json!({ "slug": ["ops"] }), ["/slug"]),
        (json!({ "slug": "new", "id": "mine" }), ["/id"]),
        (json!("new"), [""]),
    ] {
        assert_eq!(admin.post("/channels", &body).await.expect(400).pointers(), pointers, "{body}");
    }
    let list = admin.get("/channels").await.expect(200).json();
    assert_eq!(list["channels"].as_array().expect("a list").len(), 7);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_every_channel_once_by_slug() {
    let app = App::start().await;
    let slugs = ["a", "a-b", "aa", "b", "c1", "c2", "z"];
    let shuffled = ["z", "a-b", "c2", "a", "b", "c1", "aa"];
    app.channels(&shuffled).await;
    let admin = app.admin().await;

    for limit in [1_usize, 3, 7, 100] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut path = format!("/channels?limit={limit}");
        loop {
            let page = admin.get(&path).await.expect(200).json();
            let channels = page["channels"].as_array().expect("a list");
            seen.extend(channels.iter().map(|channel| channel["slug"].as_str().expect("a slug").to_owned()));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/channels?limit={limit}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!((seen, pages), (slugs.map(str::to_owned).to_vec(), 7_usize.div_ceil(limit)), "limit {limit}");
    }
    // "-a" in base64url is not a slug; the others are not base64url or not a number.
    for query in ["limit=0", "limit=101", "limit=x", "cursor=LWE", "cursor=%21", "cursor="] {
        let response = admin.get(&format!("/channels?{query}")).await;
        response.assert_problem_in(format_args!("{query}"), 400, "invalid_parameter");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_slug_is_not_found() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    for slug in ["nope", "OPS", "ops-", "%20ops", "op"] {
        let response = admin.delete(&format!("/channels/{slug}")).await;
        response.assert_problem_in(format_args!("{slug}"), 404, "not_found");
    }
    admin.delete("/channels/ops").await.expect(204);
    admin.delete("/channels/ops").await.assert_problem(404, "not_found");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_list_channels_and_cannot_change_them() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let member = app.user("member@acme").await;
    assert_eq!(member.get("/channels").await.expect(200).json()["channels"][0]["slug"], "ops");
    let created = member.post("/channels", &json!({ "slug": "mine" })).await;
    created.assert_problem(403, "admin_required");
    member.delete("/channels/ops").await.assert_problem(403, "admin_required");
    let key = app.key().create().await;
    key.get("/channels").await.assert_problem_in("a key cannot list channels either", 401, "unauthenticated");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_counted_as_they_come_and_go() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let subscriber = app.subscriber().await;
    let (phone, laptop) = (app.push_service.browser(), app.push_service.browser());
    let counts = async || {
        let list = admin.get("/channels").await.expect(200).json();
        let count = |index: usize| list["channels"][index]["subscriptions"].as_u64().expect("a number");
        // Sorted by slug: news, ops.
        (count(0), count(1))
    };

    let phone_id = subscriber.subscribe(&phone, &["ops"]).await;
    assert_eq!(counts().await, (0, 1));
    subscriber.subscribe(&laptop, &["ops", "news"]).await;
    assert_eq!(counts().await, (1, 2));
    subscriber.subscribe(&laptop, &["ops", "news"]).await;
    assert_eq!(counts().await, (1, 2), "the same subscription counts once");
    subscriber.subscribe(&laptop, &["news"]).await;
    assert_eq!(counts().await, (1, 1));
    subscriber.delete(&format!("/subscriptions/{phone_id}")).await.expect(204);
    assert_eq!(counts().await, (1, 0));

    // The push service reports the subscription as gone.
    laptop.respond_with(&[410]);
    app.key().create().await.push_to("news", &json!({ "title": "Gone?" })).await.expect(202);
    app.delivered().await;
    assert_eq!(counts().await, (0, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recreated_channel_reaches_neither_old_keys_nor_old_subscribers() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let old = app.push_service.browser();
    let subscriber = app.subscriber().await;
    subscriber.subscribe(&old, &["ops"]).await;
    let all = app.key().create().await;
    let narrowed = app.key().channels(&["ops", "news"]).create().await;
    admin.patch(&format!("/keys/{}", narrowed.id), &json!({ "channels": ["news"] })).await.expect(200);

    admin.delete("/channels/ops").await.expect(204);
    let to_ops = json!({ "title": "Hello", "target": { "channels": ["ops"] } });
    all.push(&to_ops).await.assert_problem(422, "unknown_channel");
    app.channels(&["ops"]).await;

    // The key that had the old channel in its scope does not reach the new one.
    let denied = [narrowed.push_to("ops", &json!({ "title": "Hello" })).await, narrowed.push(&to_ops).await];
    for response in denied {
        response.assert_problem(403, "scope_violation");
    }
    // The subscriber of the old channel is not in the new one.
    all.push(&to_ops).await.expect(202);
    all.push_to("ops", &json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;
    assert_eq!(old.attempts(), 0);
    let list = admin.get("/channels").await.expect(200).json();
    assert_eq!((&list["channels"][1]["slug"], &list["channels"][1]["subscriptions"]), (&json!("ops"), &json!(0)));

    // It subscribes to the new channel.
    subscriber.subscribe(&old, &["ops"]).await;
    all.push(&to_ops).await.expect(202);
    app.delivered().await;
    assert_eq!(old.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_channel_deletion_and_key_creation_do_not_both_succeed() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (mut channels_kept, mut channels_deleted) = (0, 0);
    for round in 0..20 {
        let slug = format!("c{round}");
        app.channels(&[&slug]).await;
        let new = json!({
            "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": [slug],
        });
        let path = format!("/channels/{slug}");
        let (created, deleted) = tokio::join!(admin.post("/keys", &new), admin.delete(&path));

        match (created.status, deleted.status) {
            (201, 409) => {
                channels_kept += 1;
                admin.delete(&path).await.assert_problem(409, "channel_in_use");
            }
            (422, 204) => {
                channels_deleted += 1;
                created.assert_problem(422, "unknown_channel");
            }
            both => panic!("{both:?}: {} {}", created.text, deleted.text),
        }
    }
    assert_eq!(channels_kept + channels_deleted, 20);
    app.stop().await;
}
