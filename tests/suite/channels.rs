//! Channels are made, listed and deleted, and a slug that is made again is another channel.

use serde_json::json;
use tests::{App, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_created_listed_and_deleted() {
    let app = App::start().await;
    let admin = app.admin().await;
    assert_eq!(admin.get("/channels").await.expect(200).json(), json!({ "channels": [], "next_cursor": null }));

    let created = admin.post("/channels", &json!({ "slug": "ops" })).await.expect(201);
    assert_eq!(created.header("Location"), Some("/v1/channels/ops"));
    insta::assert_snapshot!(shown(&created.json()), @r#"
    {
      "created_at": "<moment>",
      "created_by": {
        "id": "<uuid>",
        "name": "Ada"
      },
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
async fn a_slug_exists_once() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;

    let again = admin.post("/channels", &json!({ "slug": "ops" })).await.expect(409);

    insta::assert_snapshot!(shown(&again.json()), @r#"
    {
      "code": "channel_exists",
      "detail": "A channel of this slug exists already",
      "request_id": "<uuid>",
      "status": 409,
      "title": "The channel exists",
      "type": "/v1/problems/channel_exists"
    }
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_keys_name_cannot_be_deleted() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let first = app.key().channels(&["ops"]).create().await;
    let second = app.key().channels(&["ops", "news"]).with("name", json!("Newsroom")).create().await;
    let _other = app.key().channels(&["news"]).with("name", json!("Other")).create().await;

    let in_use = admin.delete("/channels/ops").await.expect(409);
    insta::assert_snapshot!(shown(&in_use.json()), @r#"
    {
      "code": "channel_in_use",
      "detail": "2 keys name this channel: Newsroom, Webshop; take it out of their scopes first",
      "request_id": "<uuid>",
      "status": 409,
      "title": "The channel is in use",
      "type": "/v1/problems/channel_in_use"
    }
    "#);
    let narrow = json!({ "channels": ["news"] });
    let _ = admin.patch(&format!("/keys/{}", second.id), &narrow).await.expect(200);
    let in_use = admin.delete("/channels/ops").await.expect(409).json();
    assert_eq!(in_use["detail"], "1 key names this channel: Webshop; take it out of its scope first");
    let _ = first.push_to("ops", &json!({ "title": "Still there" })).await.expect(202);
    let _ = admin.patch(&format!("/keys/{}", first.id), &json!({ "scope": "all" })).await.expect(200);
    let _ = admin.delete("/channels/ops").await.expect(204);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_is_taken_byte_for_byte_or_not_at_all() {
    let app = App::start().await;
    let admin = app.admin().await;
    let longest = "a".repeat(64);

    for good in ["a", "0", "ops", "a-b", "a--b", "2026-11-23", &longest] {
        let answer = admin.post("/channels", &json!({ "slug": good })).await.expect(201);
        assert_eq!(answer.json()["slug"], good);
    }
    let too_long = "a".repeat(65);
    let bad = ["", "-", "-a", "a-", "Ops", "OPS", "a_b", "a b", " ops", "ops ", "ops\n", "öps", "a/b", "a.b", "оps"];
    for bad in bad.iter().chain([&too_long.as_str()]) {
        assert_eq!(admin.post("/channels", &json!({ "slug": bad })).await.expect(400).places(), ["/slug"], "{bad:?}");
        let answer = app.key().channels(&[bad]).body;
        assert_eq!(admin.post("/keys", &answer).await.expect(400).places(), ["/channels/0"], "{bad:?}");
    }
    for (body, places) in [
        (json!({}), ["/slug"]),
        (json!({ "slug": null }), ["/slug"]),
        (json!({ "slug": 7 }), ["/slug"]),
        (json!({ "slug": ["ops"] }), ["/slug"]),
        (json!({ "slug": "new", "id": "mine" }), ["/id"]),
        (json!("new"), [""]),
    ] {
        assert_eq!(admin.post("/channels", &body).await.expect(400).places(), places, "{body}");
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
    // "-a" in base64url is no slug; the others are no base64url or no number.
    for query in ["limit=0", "limit=101", "limit=x", "cursor=LWE", "cursor=%21", "cursor="] {
        let answer = admin.get(&format!("/channels?{query}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_parameter".to_owned()), "{query}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_slug_is_not_found() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let admin = app.admin().await;
    for slug in ["nope", "OPS", "ops-", "%20ops", "op"] {
        let answer = admin.delete(&format!("/channels/{slug}")).await;
        assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{slug}");
    }
    let _ = admin.delete("/channels/ops").await.expect(204);
    assert_eq!(admin.delete("/channels/ops").await.refusal(), (404, "not_found".to_owned()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_list_channels_and_not_change_them() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let member = app.person("member@acme").await;
    assert_eq!(member.get("/channels").await.expect(200).json()["channels"][0]["slug"], "ops");
    let created = member.post("/channels", &json!({ "slug": "mine" })).await;
    assert_eq!(created.refusal(), (403, "admin_required".to_owned()));
    assert_eq!(member.delete("/channels/ops").await.refusal(), (403, "admin_required".to_owned()));
    let key = app.key().create().await;
    assert_eq!(key.get("/channels").await.refusal(), (401, "unauthenticated".to_owned()), "nor may a key list them");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_counted_as_they_come_and_go() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let subscriber = app.subscriber().await;
    let (phone, laptop) = (app.push_service.device(), app.push_service.device());
    let counts = async || {
        let list = admin.get("/channels").await.expect(200).json();
        let count = |index: usize| list["channels"][index]["subscriptions"].as_u64().expect("a number");
        // By slug: news, ops.
        (count(0), count(1))
    };

    let phone_id = subscriber.subscribe(&phone, &["ops"]).await;
    assert_eq!(counts().await, (0, 1));
    subscriber.subscribe(&laptop, &["ops", "news"]).await;
    assert_eq!(counts().await, (1, 2));
    subscriber.subscribe(&laptop, &["ops", "news"]).await;
    assert_eq!(counts().await, (1, 2), "the same again counts nobody twice");
    subscriber.subscribe(&laptop, &["news"]).await;
    assert_eq!(counts().await, (1, 1));
    let _ = subscriber.delete(&format!("/subscriptions/{phone_id}")).await.expect(204);
    assert_eq!(counts().await, (1, 0));

    // Gone at its push service.
    laptop.answers(&[410]);
    let _ = app.key().create().await.push_to("news", &json!({ "title": "Gone?" })).await.expect(202);
    app.delivered().await;
    assert_eq!(counts().await, (0, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_made_again_reaches_neither_old_keys_nor_old_subscribers() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let old = app.push_service.device();
    let subscriber = app.subscriber().await;
    subscriber.subscribe(&old, &["ops"]).await;
    let all = app.key().create().await;
    let narrowed = app.key().channels(&["ops", "news"]).create().await;
    let _ = admin.patch(&format!("/keys/{}", narrowed.id), &json!({ "channels": ["news"] })).await.expect(200);

    let _ = admin.delete("/channels/ops").await.expect(204);
    let to_ops = json!({ "title": "Hello", "target": { "channels": ["ops"] } });
    assert_eq!(all.push(&to_ops).await.refusal(), (422, "unknown_channel".to_owned()));
    app.channels(&["ops"]).await;

    // The key that once named the slug does not reach it.
    let refused = [narrowed.push_to("ops", &json!({ "title": "Hello" })).await, narrowed.push(&to_ops).await];
    for answer in refused {
        assert_eq!(answer.refusal(), (403, "scope_violation".to_owned()));
    }
    // The subscriber of the old channel is not in the new one.
    let _ = all.push(&to_ops).await.expect(202);
    let _ = all.push_to("ops", &json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;
    assert_eq!(old.attempts(), 0);
    let list = admin.get("/channels").await.expect(200).json();
    assert_eq!((&list["channels"][1]["slug"], &list["channels"][1]["subscriptions"]), (&json!("ops"), &json!(0)));

    // Until he joins it.
    subscriber.subscribe(&old, &["ops"]).await;
    let _ = all.push(&to_ops).await.expect(202);
    app.delivered().await;
    assert_eq!(old.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_deleted_while_a_key_takes_it_is_one_or_the_other() {
    let app = App::start().await;
    let admin = app.admin().await;
    let (mut kept, mut gone) = (0, 0);
    for round in 0..20 {
        let slug = format!("c{round}");
        app.channels(&[&slug]).await;
        let new = json!({
            "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": [slug],
        });
        let path = format!("/channels/{slug}");
        let (made, deleted) = tokio::join!(admin.post("/keys", &new), admin.delete(&path));

        match (made.status, deleted.status) {
            (201, 409) => {
                kept += 1;
                assert_eq!(admin.delete(&path).await.refusal(), (409, "channel_in_use".to_owned()));
            }
            (422, 204) => {
                gone += 1;
                assert_eq!(made.refusal(), (422, "unknown_channel".to_owned()));
            }
            both => panic!("{both:?}: {} {}", made.text, deleted.text),
        }
    }
    assert_eq!(kept + gone, 20);
    app.stop().await;
}
