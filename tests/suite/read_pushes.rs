//! Reading pushes: their status for the sending key and for users, and the preview of a dry run.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::time::Timestamp;
use tests::{App, Key, User, many_subscriptions, redact};

/// Sends a push; returns its id.
async fn sent(key: &Key<'_>, body: &Value) -> String {
    key.push(body).await.expect(202).json()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_push_is_returned_with_its_audience_and_location() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let response = key.push(&json!({ "title": "Hello" })).await.expect(202);

    let id = response.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(response.header("Location"), Some(format!("/v1/push/{id}").as_str()));
    insta::assert_snapshot!(redact(&response.json()), @r#"
    {
      "audience": {
        "all": false,
        "channels": [
          "ops"
        ]
      },
      "bytes": 51,
      "created_at": "<timestamp>",
      "id": "<ulid>",
      "status": "queued"
    }
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_equal_for_its_key_and_for_users() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let browsers = [201, 410, 413].map(|status| {
        let browser = app.push_service.browser();
        browser.respond_with(&[status]);
        browser
    });
    browsers[0].respond_with(&[]);
    for browser in &browsers {
        subscriber.subscribe(browser, &[]).await;
    }
    let key = app.key().create().await;
    let id = sent(&key, &json!({ "title": "Nobody reads this back", "data": { "private": 1 } })).await;
    app.delivered().await;

    let by_key = key.get(&format!("/push/{id}")).await.expect(200);
    insta::assert_snapshot!(redact(&by_key.json()), @r#"
    {
      "audience": {
        "all": true,
        "channels": []
      },
      "counts": {
        "delivered": 1,
        "failed": 1,
        "gone": 1,
        "recipients": 3
      },
      "created_at": "<timestamp>",
      "finished_at": "<timestamp>",
      "id": "<ulid>",
      "key": {
        "id": "<ulid>",
        "name": "Webshop"
      },
      "status": "done"
    }
    "#);
    for email in ["admin@acme", "member@acme"] {
        let user = app.user(email).await;
        assert_eq!(user.get(&format!("/pushes/{id}")).await.expect(200).json(), by_key.json());
        let list = user.get("/pushes").await.expect(200).json();
        assert_eq!(list, json!({ "pushes": [by_key.json()], "next_cursor": null }));
    }
    app.user("nobody@nowhere").await.get("/pushes").await.assert_problem(403, "no_account");
    app.stop().await;
}

/// The ids of every page of a list of pushes with this query.
async fn pages(user: &User<'_>, query: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut path) = (Vec::new(), format!("/pushes?{query}"));
    loop {
        let page = user.get(&path).await.expect(200).json();
        pages.push(page["pushes"].as_array().expect("pushes").iter().map(|push| push["id"].clone()).collect());
        let Some(cursor) = page["next_cursor"].as_str() else { return pages };
        path = format!("/pushes?{query}&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_has_the_name_that_its_key_had_when_it_sent() {
    let app = App::start().await;
    let admin = app.admin().await;
    let name = "Schön 🔔 “quoted”\\";
    let key = app.key().with("name", json!(name)).create().await;
    let id = sent(&key, &json!({ "title": "Hello" })).await;
    admin.patch(&format!("/keys/{}", key.id), &json!({ "name": "Renamed" })).await.expect(200);

    let push = admin.get(&format!("/pushes/{id}")).await.expect(200).json();
    assert_eq!(push["key"], json!({ "id": key.id, "name": name }));
    let second = sent(&key, &json!({ "title": "Hello" })).await;
    assert_eq!(key.get(&format!("/push/{second}")).await.expect(200).json()["key"]["name"], "Renamed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_list_the_pushes_of_one_key_newest_first_also_after_its_deletion() {
    let app = App::start().await;
    let (admin, mut newest_first) = (app.admin().await, Vec::new());
    let (key, other) = (app.key().create().await, app.key().create().await);
    for n in 0..9 {
        let id = sent(if n % 3 == 0 { &other } else { &key }, &json!({ "title": "One of nine" })).await;
        if n % 3 != 0 {
            newest_first.push(json!(id));
        }
    }
    newest_first.reverse();
    admin.delete(&format!("/keys/{}", key.id)).await.expect(204);

    for user in [&admin, &app.user("member@acme").await] {
        for limit in [1, 4, 5, 6, 100] {
            let found = pages(user, &format!("key_id={}&limit={limit}", key.id)).await;
            assert!(found.iter().all(|page| page.len() <= limit), "{limit}: {found:?}");
            assert_eq!(found.len(), newest_first.len().div_ceil(limit), "{limit}");
            assert_eq!(found.concat(), newest_first, "{limit}");
        }
    }
    assert_eq!(pages(&admin, &format!("key_id={}", other.id)).await.concat().len(), 3);
    let list = admin.get(&format!("/pushes?key_id={}&limit=1", key.id)).await.expect(200).json();
    let id = list["pushes"][0]["id"].as_str().expect("an id");
    assert_eq!(list["pushes"][0], admin.get(&format!("/pushes/{id}")).await.expect(200).json());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_a_key_takes_its_own_cursors_and_shows_its_own_account() {
    let app = App::start().await;
    let (admin, gina) = (app.admin().await, app.user("admin@globex").await);
    let (key, other) = (app.key().create().await, app.key().create().await);
    for _ in 0..2 {
        sent(&key, &json!({ "title": "Hello" })).await;
    }
    let cursor = async |query: &str| {
        let page = admin.get(&format!("/pushes?limit=1{query}")).await.expect(200).json();
        page["next_cursor"].as_str().expect("a cursor").to_owned()
    };
    let (of_account, of_key) = (cursor("").await, cursor(&format!("&key_id={}", key.id)).await);

    let of = |key: &str, cursor: &str| format!("/pushes?key_id={key}&cursor={cursor}");
    for path in [of(&key.id, &of_account), of(&other.id, &of_key), format!("/pushes?cursor={of_key}")] {
        admin.get(&path).await.assert_problem_in(format_args!("{path}"), 400, "invalid_parameter");
    }
    let empty = json!({ "pushes": [], "next_cursor": null });
    assert_eq!(gina.get(&format!("/pushes?key_id={}", key.id)).await.expect(200).json(), empty);
    assert_eq!(admin.get("/pushes?key_id=01JD0000000000000000000000").await.expect(200).json(), empty);
    for id in ["", "x", "%20", &key.id.to_lowercase(), &format!("{}%20", key.id)] {
        let response = admin.get(&format!("/pushes?key_id={id}")).await;
        response.assert_problem_in(format_args!("{id}"), 400, "invalid_parameter");
        assert_eq!(response.json()["detail"], "key_id is not an id: 26 characters of a ULID", "{id}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_not_found_by_another_key() {
    let app = App::start().await;
    let (key, other) = (app.key().create().await, app.key().create().await);
    let id = sent(&key, &json!({ "title": "Mine" })).await;

    let others = other.get(&format!("/push/{id}")).await;
    let absent = other.get("/push/01JD0000000000000000000000").await;

    others.assert_problem(404, "not_found");
    assert_eq!(others.without_request_id(), absent.without_request_id());
    for malformed in ["x", "%20", &id.to_lowercase(), &format!("{id}0")] {
        assert_eq!(key.get(&format!("/push/{malformed}")).await.status, 404, "{malformed}");
    }
    key.get(&format!("/push/{id}")).await.expect(200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_page_through_all_pushes_newest_first() {
    let app = App::start().await;
    let (key, other) = (app.key().create().await, app.key().create().await);
    let mut newest_first = Vec::new();
    for n in 0..7 {
        newest_first.push(sent(if n % 2 == 0 { &key } else { &other }, &json!({ "title": "One of seven" })).await);
    }
    newest_first.sort_by(|a, b| b.cmp(a));
    app.delivered().await;
    let admin = app.admin().await;

    for limit in [1_usize, 2, 6, 7, 100] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut path = format!("/pushes?limit={limit}");
        loop {
            let page = admin.get(&path).await.expect(200).json();
            let pushes = page["pushes"].as_array().expect("a list");
            seen.extend(pushes.iter().map(|push| push["id"].as_str().expect("an id").to_owned()));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/pushes?limit={limit}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(seen, newest_first, "limit {limit}");
        assert_eq!(pages, 7_usize.div_ceil(limit), "limit {limit}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "cursor=%21", "cursor=b3Bz", "cursor="] {
        admin.get(&format!("/pushes?{query}")).await.assert_problem_in(
            format_args!("{query}"),
            400,
            "invalid_parameter",
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_not_found_after_30_days_even_if_its_item_remains() {
    let app = App::start().await;
    let key = app.key().create().await;
    let (old, young) = (sent(&key, &json!({ "title": "Old" })).await, sent(&key, &json!({ "title": "Young" })).await);
    app.delivered().await;
    for (id, days) in [(&old, 31), (&young, 29)] {
        let created = Timestamp::now().plus_seconds(-days * 86_400);
        let update = app.local().dynamodb().update_item().table_name("PushesTable");
        let update = update.key("pk", AttributeValue::S("acme".to_owned())).key("sk", AttributeValue::S(id.clone()));
        let update = update.update_expression("SET created_at = :created, expires = :expires");
        let expires = created.plus_seconds(30 * 86_400).seconds();
        let update = update.expression_attribute_values(":created", AttributeValue::N(created.millis().to_string()));
        let update = update.expression_attribute_values(":expires", AttributeValue::N(expires.to_string()));
        update.send().await.expect("an update");
    }

    let admin = app.admin().await;
    key.get(&format!("/push/{old}")).await.assert_problem(404, "not_found");
    admin.get(&format!("/pushes/{old}")).await.assert_problem(404, "not_found");
    let list = admin.get("/pushes").await.expect(200).json();
    assert_eq!(list["pushes"].as_array().expect("a list").len(), 1);
    assert_eq!((&list["pushes"][0]["id"], &list["next_cursor"]), (&json!(young), &json!(null)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_previews_a_push_and_has_no_effect() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let subscriber = app.subscriber().await;
    let browsers = [&["ops"][..], &["ops", "news"], &["news"]].map(|channels| (app.push_service.browser(), channels));
    for (browser, channels) in &browsers {
        subscriber.subscribe(browser, channels).await;
    }
    let key = app.key().channels(&["ops"]).create().await;

    let response = key.push(&json!({ "title": "Hello", "dry_run": true })).await.expect(200);

    assert_eq!(response.header("Location"), None);
    let expected = json!({
        "dry_run": true, "decision": { "allow": true, "rule": "key_channels" },
        "audience": { "all": false, "channels": ["ops"] }, "recipients": { "count": 2, "exact": true }, "bytes": 51,
    });
    assert_eq!(response.json(), expected);
    let by_path = key.push_to("ops", &json!({ "title": "Hello", "dry_run": true })).await.expect(200).json();
    assert_eq!((&by_path["audience"], &by_path["recipients"]), (&expected["audience"], &expected["recipients"]));
    let to_news = json!({ "title": "Hello", "dry_run": true, "target": { "channels": ["news"] } });
    key.push(&to_news).await.assert_problem(403, "scope_violation");
    let all = app.key().create().await.push(&json!({ "title": "Hello", "dry_run": true })).await.expect(200).json();
    assert_eq!(all["audience"], json!({ "all": true, "channels": [] }));
    assert_eq!(all["recipients"], json!({ "count": 3, "exact": true }));

    assert_eq!(app.admin().await.get("/pushes").await.expect(200).json()["pushes"], json!([]));
    if let Some(local) = app.if_local() {
        assert!(local.queue_is_idle().await);
        assert!(!local.dump().await.contains("PushesTable "));
    }
    assert!(browsers.iter().all(|(browser, _)| browser.attempts() == 0));
    assert_eq!(key.uses().await, 3, "each request was allowed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_up_to_a_thousand_recipients() {
    let app = App::start().await;
    let key = app.key().create().await;
    let count = async || {
        let response = key.push(&json!({ "title": "Hello", "dry_run": true })).await.expect(200).json();
        response["recipients"].clone()
    };
    let seed = async |subscriptions| {
        let address = app.push_service.address();
        many_subscriptions::seed(&app, subscriptions, subscriptions, &[], address).await;
    };

    seed(1_000).await;
    assert_eq!(count().await, json!({ "count": 1_000, "exact": true }));
    seed(1_001).await;
    assert_eq!(count().await, json!({ "count": 1_000, "exact": false }));
    app.stop().await;
}
