//! `GET /keys` and `GET /keys/{id}`: pages of keys, newest first, each key once.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{App, User};

fn ids(list: &Value) -> Vec<String> {
    let keys = list["keys"].as_array().expect("a list");
    keys.iter().map(|key| key["id"].as_str().expect("an id").to_owned()).collect()
}

/// The ids of every page with this limit.
async fn pages(user: &User<'_>, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = format!("/keys?limit={limit}");
    loop {
        let page = user.get(&path).await.expect(200).json();
        pages.push(ids(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/keys?limit={limit}&cursor={cursor}"),
            None => return pages,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_key_is_in_the_next_list_and_a_deleted_one_is_not() {
    let app = App::start().await;
    let admin = app.admin().await;
    let empty = admin.get("/keys").await.expect(200).json();
    assert_eq!(empty, json!({ "keys": [], "next_cursor": null }));

    let mut expected = Vec::new();
    for _ in 0..3 {
        let key = app.key().create().await;
        expected.push(key.id.clone());
        let list = ids(&admin.get("/keys").await.expect(200).json());
        assert_eq!(BTreeSet::from_iter(&list), BTreeSet::from_iter(&expected));
    }
    while let Some(gone) = expected.pop() {
        admin.delete(&format!("/keys/{gone}")).await.expect(204);
        let list = ids(&admin.get("/keys").await.expect(200).json());
        assert_eq!(BTreeSet::from_iter(&list), BTreeSet::from_iter(&expected));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_equal_alone_and_in_the_list() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_minute": 9 })).create().await;
    key.push(&json!({ "title": "Used" })).await.expect(202);
    let admin = app.admin().await;

    let alone = admin.get(&format!("/keys/{}", key.id)).await.expect(200).json();
    let list = admin.get("/keys").await.expect(200).json();

    assert_eq!(list, json!({ "keys": [alone], "next_cursor": null }));
    assert_eq!(alone["usage"]["total"], 1);
    assert_eq!(alone["usage"]["days"].as_array().expect("days").len(), 30);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_etag_of_a_key_in_a_list_is_that_of_its_header() {
    let app = App::start().await;
    let key = app.key().create().await;
    let (admin, path) = (app.admin().await, format!("/keys/{}", key.id));
    let listed = async || admin.get("/keys").await.expect(200).json()["keys"][0]["etag"].as_str().map(str::to_owned);

    let first = listed().await;
    assert_eq!(first.as_deref(), admin.get(&path).await.expect(200).header("ETag"));
    key.push(&json!({ "title": "Used" })).await.expect(202);
    assert_eq!(listed().await, first, "usage does not change it");
    admin.patch(&path, &json!({ "name": "Shop" })).await.expect(200);
    let second = listed().await;
    assert_ne!(second, first);
    for (etag, status) in [(first, 412), (second, 204)] {
        let request = app.request(Method::DELETE, &path).bearer_auth(&admin.token);
        app.send(request.header("If-Match", etag.expect("an etag"))).await.expect(status);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_the_total_of_the_usage_leaves_the_days_out() {
    let app = App::start().await;
    let (first, _second) = (app.key().create().await, app.key().create().await);
    first.push(&json!({ "title": "Used" })).await.expect(202);
    let admin = app.admin().await;

    let mut whole = admin.get("/keys?limit=1").await.expect(200).json();
    let mut total = admin.get("/keys?limit=1&usage=total").await.expect(200).json();
    assert_eq!(total["next_cursor"], whole["next_cursor"], "it is the same list");
    for _ in 0..2 {
        let usage = whole["keys"][0]["usage"].as_object_mut().expect("usage");
        assert_eq!(usage.remove("days").and_then(|days| Some(days.as_array()?.len())), Some(30));
        assert_eq!(total["keys"], whole["keys"]);
        let cursor = total["next_cursor"].as_str().unwrap_or_default().to_owned();
        if cursor.is_empty() {
            break;
        }
        whole = admin.get(&format!("/keys?limit=1&cursor={cursor}")).await.expect(200).json();
        total = admin.get(&format!("/keys?limit=1&usage=total&cursor={cursor}")).await.expect(200).json();
    }
    assert_eq!(total["keys"][0]["usage"], json!({ "total": 1 }));

    for query in ["usage=days", "usage=", "usage=TOTAL"] {
        let response = admin.get(&format!("/keys?{query}")).await;
        response.assert_problem_in(format_args!("{query}"), 400, "invalid_parameter");
        assert_eq!(response.json()["detail"], "usage must be total", "{query}");
    }
    admin.get("/channels?usage=total").await.assert_problem(400, "invalid_parameter");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_malformed_id_is_not_found() {
    let app = App::start().await;
    let admin = app.admin().await;
    let key = app.key().create().await;

    let absent = "01JD0000000000000000000000";
    for id in [absent, "x", "%20", &key.id.to_lowercase(), &key.id[1..], &format!("{}0", key.id)] {
        let response = admin.get(&format!("/keys/{id}")).await;
        response.assert_problem_in(format_args!("{id}"), 404, "not_found");
        assert_eq!(response.json()["detail"], "No such key", "{id}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_read_keys_and_a_user_without_an_account_cannot() {
    let app = App::start().await;
    let key = app.key().create().await;
    let path = format!("/keys/{}", key.id);
    let (admin, member) = (app.admin().await, app.user("member@acme").await);

    assert_eq!(member.get("/keys").await.expect(200).text, admin.get("/keys").await.expect(200).text);
    assert_eq!(member.get(&path).await.expect(200).text, admin.get(&path).await.expect(200).text);
    let nobody = app.user("nobody@nowhere").await;
    for path in ["/keys", &path] {
        nobody.get(path).await.assert_problem(403, "no_account");
        key.get(path).await.assert_problem_in("a key never manages keys", 401, "unauthenticated");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_show_every_key_once_newest_first() {
    let app = App::start().await;
    let mut newest_first = Vec::new();
    for _ in 0..7 {
        newest_first.push(app.key().create().await.id);
    }
    // An id starts with its timestamp.
    newest_first.sort_by(|a, b| b.cmp(a));
    let admin = app.admin().await;

    for limit in [1, 2, 3, 6, 7, 8, 50, 100] {
        let pages = pages(&admin, limit).await;
        assert_eq!(pages.concat(), newest_first, "limit {limit}");
        assert_eq!(pages.len(), 7_usize.div_ceil(limit), "no empty last page: limit {limit}");
        assert!(pages.iter().all(|page| page.len() <= limit), "limit {limit}");
    }
    assert_eq!(ids(&admin.get("/keys").await.expect(200).json()), newest_first, "50 without a limit");
    let timestamps: Vec<String> = admin.get("/keys").await.json()["keys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| key["created_at"].as_str().expect("a timestamp").to_owned())
        .collect();
    assert!(timestamps.iter().rev().is_sorted(), "{timestamps:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_created_or_deleted_between_two_pages_hide_no_other_key() {
    let app = App::start().await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(app.key().create().await.id);
    }
    keys.sort_by(|a, b| b.cmp(a));
    let admin = app.admin().await;
    let first = admin.get("/keys?limit=2").await.expect(200).json();
    assert_eq!(ids(&first), keys[..2]);

    // The key of the cursor is deleted, and a newer one is created.
    admin.delete(&format!("/keys/{}", keys[1])).await.expect(204);
    let _ = app.key().create().await;
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = admin.get(&format!("/keys?limit=2&cursor={cursor}")).await.expect(200).json();

    assert_eq!(ids(&second), keys[2..]);
    assert_eq!(second["next_cursor"], Value::Null);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_limit_or_cursor_is_rejected() {
    let app = App::start().await;
    let admin = app.admin().await;

    let limits = ["0", "101", "-1", "1.0", "ten", "", "1e1", "%31%30%30%30", "99999999999999999999"];
    for query in limits.map(|limit| format!("limit={limit}")) {
        admin.get(&format!("/keys?{query}")).await.assert_problem_in(format_args!("{query}"), 400, "invalid_parameter");
    }
    // Not base64url, empty, not UTF-8, and text that is not an id: "null", "ops".
    for cursor in ["%21", "", "_w", "bnVsbA", "b3Bz", "MDFKRDAw"] {
        let response = admin.get(&format!("/keys?cursor={cursor}")).await;
        response.assert_problem_in(format_args!("{cursor}"), 400, "invalid_parameter");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_of_another_account_shows_nothing_of_it() {
    let app = App::start().await;
    let _ = app.key().create().await;
    for _ in 0..3 {
        app.key().create_as("admin@globex").await;
    }
    let globex = app.user("admin@globex").await.get("/keys?limit=1").await.expect(200).json();
    let cursor = globex["next_cursor"].as_str().expect("a cursor");

    let response = app.admin().await.get(&format!("/keys?cursor={cursor}")).await;
    response.assert_problem(400, "invalid_parameter");
    assert_eq!(response.json()["detail"], "cursor is not a next_cursor of this list");
    app.stop().await;
}
