//! The authorizer evaluates every request with a key, says why it denies one, and counts those that it allows.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::domain::account::Account;
use shared::domain::id::KeyId;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use tests::{App, Key, Response};

/// A secret with a valid tag and checksum, for a key of this account and id that has another secret.
fn wrong_secret(app: &App, account: &str, id: &str) -> String {
    let account = Account::try_from(account.to_owned()).expect("an account");
    let id = KeyId::try_from(id.to_owned()).expect("an id");
    Secret::generate(&account, &id, &app.tag_key()).expose().to_owned()
}

fn send(app: &App) -> RequestBuilder {
    app.request(Method::POST, "/push").body(r#"{"title":"Hello"}"#)
}

async fn last_used_at(app: &App, key: &Key<'_>) -> Value {
    let admin = app.admin().await;
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).json()["last_used_at"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_without_a_valid_key_gets_the_same_401() {
    let app = App::start().await;
    let key = app.key().create().await;
    let deleted = app.key().create().await;
    app.admin().await.delete(&format!("/keys/{}", deleted.id)).await.expect(204);
    let token = app.admin().await.token;
    let secret = key.secret.as_str();
    let last = if secret.ends_with('0') { "1" } else { "0" };
    let not_keys = [
        String::new(),
        "hello".to_owned(),
        "pgk_".to_owned(),
        "pgk_acme_01JD0000000000000000000000_short".to_owned(),
        secret[..secret.len() - 1].to_owned(),
        format!("{secret}0"),
        format!("{}{last}", &secret[..secret.len() - 1]),
        secret.to_uppercase(),
        secret.replacen(&app.account("acme"), &app.account("globex"), 1),
        "x".repeat(5_000),
        token,
        // Well-formed: an unknown key, a key of another account, a wrong secret, and a deleted key.
        wrong_secret(&app, &app.account("acme"), "01JD0000000000000000000000"),
        wrong_secret(&app, &app.account("globex"), &key.id),
        wrong_secret(&app, "nobody", &key.id),
        wrong_secret(&app, &app.account("acme"), &key.id),
        deleted.secret.clone(),
    ];

    let mut responses: Vec<Response> = vec![app.send(send(&app)).await];
    for not_key in &not_keys {
        responses.push(app.send(send(&app).bearer_auth(not_key)).await);
        responses.push(app.send(send(&app).header("x-api-key", not_key)).await);
    }
    // The gateway has one response for both authorizers, so an invalid ID token gets the same.
    responses.push(app.send(app.request(Method::GET, "/keys").bearer_auth("hello")).await);

    let expected = concat!(
        r#"{"type":"/v1/problems/unauthenticated","title":"Not authenticated","status":401,"code":"unauthenticated","#,
        r#""detail":"Send a valid API key or sign in","request_id":"<id>"}"#
    );
    for response in &responses {
        assert_eq!((response.status, response.without_request_id().as_str()), (401, expected));
        assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
        assert_eq!(response.header("Content-Type"), Some("application/problem+json"));
    }
    assert_eq!(key.uses().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_run_in_a_fixed_order() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).permissions(&["Subscriptions/Write"]).create().await;
    let path = format!("/keys/{}", key.id);
    let change = async |body: Value| {
        admin.patch(&path, &body).await.expect(200);
    };
    let send = async || key.push_to("news", &json!({ "title": "Hello" })).await;
    change(json!({ "status": "inactive", "limits": { "per_day": 1 } })).await;
    key.expire().await;

    let invalid = wrong_secret(&app, &app.account("acme"), &key.id);
    let denied_first = app.send(app.request(Method::POST, "/channels/news/push").bearer_auth(invalid));
    denied_first.await.assert_problem(401, "unauthenticated");
    send().await.assert_problem(403, "key_inactive");
    change(json!({ "status": "active" })).await;
    send().await.assert_problem(403, "key_expired");
    change(json!({ "expires_at": null })).await;
    let denied = send().await;
    denied.assert_problem(403, "permission_denied");
    denied.assert_text("detail", "This key does not have the permission PushNotifications/Send");
    change(json!({ "permissions": ["PushNotifications/Send"] })).await;
    let violation = send().await;
    violation.assert_problem(403, "scope_violation");
    violation.assert_text("refused", "news");
    violation.assert_text("allowed", "ops");
    assert_eq!(key.uses().await, 0, "no request was allowed");
    change(json!({ "channels": ["news"] })).await;
    assert_eq!(send().await.status, 202);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_sent_twice_is_one_key() {
    let app = App::start().await;
    let key = app.key().create().await;
    let k = key.secret.as_str();
    let bearer = || ("Authorization", format!("Bearer {k}"));
    let api_key = || ("x-api-key", k.to_owned());

    for headers in [vec![bearer(), bearer()], vec![api_key(), api_key()], vec![bearer(), api_key(), api_key()]] {
        let request = headers.iter().fold(send(&app), |request, (name, value)| request.header(*name, value));
        assert_eq!(app.send(request).await.status, 202, "{}", headers.len());
    }
    assert_eq!(key.uses().await, 3);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_read_from_either_header() {
    let app = App::start().await;
    let key = app.key().create().await;
    let other = app.key().create().await;
    let (k, o) = (key.secret.as_str(), other.secret.as_str());
    let bearer = |scheme: &str, secret: &str| ("Authorization", format!("{scheme} {secret}"));
    let api_key = |secret: &str| ("x-api-key", secret.to_owned());

    for headers in [
        vec![bearer("Bearer", k)],
        vec![bearer("bearer", k)],
        vec![bearer("BEARER", k)],
        vec![("authorization", format!("Bearer {k}"))],
        vec![("AUTHORIZATION", format!("Bearer {k}"))],
        vec![api_key(k)],
        vec![("X-API-Key", k.to_owned())],
        vec![("X-Api-KEY", k.to_owned())],
        vec![bearer("Bearer", k), api_key(k)],
        vec![api_key(&format!(" {k} "))],
    ] {
        let request = headers.iter().fold(send(&app), |request, (name, value)| request.header(*name, value));
        assert_eq!(
            app.send(request).await.status,
            202,
            "{:?}",
            headers.iter().map(|header| header.0).collect::<Vec<_>>()
        );
    }
    let allowed = key.uses().await;
    assert_eq!(allowed, 10);

    for (case, headers) in [
        ("two keys", vec![bearer("Bearer", k), api_key(o)]),
        ("two keys", vec![bearer("Bearer", o), api_key(k)]),
        ("a key and a word", vec![bearer("Bearer", k), api_key("hello")]),
        ("a key and nothing", vec![bearer("Bearer", k), api_key("")]),
        ("nothing and a key", vec![("Authorization", String::new()), api_key(k)]),
        ("one header twice", vec![api_key(k), api_key(o)]),
        ("one header twice", vec![bearer("Bearer", k), bearer("Bearer", o)]),
        ("Basic", vec![bearer("Basic", k)]),
        ("Basic beside a key", vec![bearer("Basic", "YTpi"), api_key(k)]),
        ("no scheme", vec![("Authorization", k.to_owned())]),
        ("a list of one key", vec![("Authorization", format!("Bearer {k}, Bearer {k}"))]),
        ("a list of one key", vec![api_key(&format!("{k},{k}"))]),
        ("a key and a list", vec![api_key(k), api_key(&format!("{k}, {k}"))]),
        ("a no-break space before the key", vec![bearer("Bearer", &format!("\u{a0}{k}"))]),
        ("a no-break space after the key", vec![bearer("Bearer", &format!("{k}\u{a0}"))]),
        ("an ideographic space", vec![api_key(&format!("\u{3000}{k}"))]),
        ("a no-break space before the scheme", vec![bearer("\u{a0}Bearer", k)]),
        ("a next-line character beside a key", vec![bearer("Bearer", k), api_key(&format!("{k}\u{85}"))]),
        ("another header", vec![("x-key", k.to_owned())]),
    ] {
        let request = headers.iter().fold(send(&app), |request, (name, value)| request.header(*name, value));
        app.send(request).await.assert_problem_in(format_args!("{case}"), 401, "unauthenticated");
    }
    let in_query = app.request(Method::POST, &format!("/push?api_key={k}")).body(r#"{"title":"Hello"}"#);
    assert_eq!(app.send(in_query).await.status, 401, "never from the query");
    assert_eq!((key.uses().await, other.uses().await), (allowed, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_allowed_request_counts_once_for_any_response_of_the_handler() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().all_permissions().create().await;
    let browser = app.push_service.browser();
    assert_eq!(last_used_at(&app, &key).await, Value::Null);

    let hello = json!({ "title": "Hello" });
    let mut uses = 0;
    for (response, status) in [
        (key.push(&hello).await, 202),
        (key.push(&json!({})).await, 400),
        (key.push(&json!({ "title": "Hello", "target": null })).await, 400),
        (key.push(&json!({ "title": "Hello", "target": { "channels": ["nope"] } })).await, 422),
        (key.push(&json!({ "title": "Hello", "dry_run": true })).await, 200),
        (key.push(&json!({ "title": "x".repeat(5_000) })).await, 413),
        (key.push_to("ops", &hello).await, 202),
        (key.push_to("nope", &hello).await, 422),
        (key.push_to("NOPE", &hello).await, 400),
        (key.get("/push/01JD0000000000000000000000").await, 404),
        (key.put(&browser.subscription(&["ops"])).await, 201),
        (key.put(&json!({})).await, 400),
        (key.delete("/subscriptions/00000000000000000000000000000000").await, 404),
        (key.get("/subscriptions/config").await, 200),
    ] {
        assert_eq!(response.status, status, "{}", response.text);
        uses += 1;
    }
    assert_eq!(key.uses().await, uses);
    let last = last_used_at(&app, &key).await;
    let last = Timestamp::try_from(last.as_str().expect("a timestamp").to_owned()).expect("a timestamp");
    assert!((0..60_000).contains(&(Timestamp::now().millis() - last.millis())));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_is_not_counted() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;
    let hello = json!({ "title": "Hello" });
    key.push(&hello).await.expect(202);
    let used = last_used_at(&app, &key).await;

    assert_eq!(key.push_to("news", &hello).await.status, 403);
    assert_eq!(key.get("/subscriptions/config").await.status, 403);
    assert_eq!(app.send(send(&app).bearer_auth(wrong_secret(&app, &app.account("acme"), &key.id))).await.status, 401);
    let path = format!("/keys/{}", key.id);
    admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    assert_eq!(key.push(&hello).await.status, 403);

    assert_eq!((key.uses().await, last_used_at(&app, &key).await), (1, used));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_are_counted_exactly() {
    let app = App::start().await;
    let key = app.key().create().await;
    // Counted, and no work for the function behind the authorizer.
    let without_title = json!({});
    let responses = futures::future::join_all((0..100).map(|_| key.push(&without_title))).await;
    assert!(responses.iter().all(|response| response.status == 400));
    assert_eq!(key.uses().await, 100);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_request_is_429_with_retry_after_and_has_no_effect() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    for (limit, max_wait) in [("per_minute", 60), ("per_day", 86_400)] {
        let key = app.key().with("limits", json!({ limit: 2 })).create().await;
        let before = browser.attempts();

        let started = Timestamp::now();
        let mut limited = Vec::new();
        for _ in 0..5 {
            let response = key.push(&json!({ "title": "Hello" })).await;
            if response.status != 202 {
                limited.push(response);
            }
        }
        app.delivered().await;

        let allowed = 5 - limited.len();
        let ended = Timestamp::now();
        let same = if limit == "per_day" { started.day() == ended.day() } else { started.minute() == ended.minute() };
        // If a minute or a day ended during the test, at most four of five are within the limit.
        assert!(allowed == 2 || !same && allowed <= 4, "{limit}: {allowed}");
        for response in &limited {
            response.assert_problem(429, "rate_limited");
            let seconds: u64 = response.header("Retry-After").expect("Retry-After").parse().expect("seconds");
            assert!((1..=max_wait).contains(&seconds), "{limit}: {seconds}");
            assert_eq!(response.json()["detail"], format!("Try again in {seconds} seconds"));
            assert_eq!(response.header("Content-Type"), Some("application/problem+json"));
        }
        assert_eq!((key.uses().await, browser.attempts() - before), (allowed as u64, allowed), "{limit}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_concurrent_requests() {
    let app = App::start().await;
    let key = app.key().with("limits", json!({ "per_day": 7 })).create().await;
    let dry = json!({ "title": "Hello", "dry_run": true });
    let responses = futures::future::join_all((0..40).map(|_| key.push(&dry))).await;
    let allowed = responses.iter().filter(|response| response.status == 200).count();
    assert!(responses.iter().all(|response| [200, 429].contains(&response.status)));
    // Up to twice the limit if midnight passed during the test.
    assert!(allowed == 7 || (8..=14).contains(&allowed) && Timestamp::now().seconds() % 86_400 < 60, "{allowed}");
    assert_eq!(key.uses().await, allowed as u64);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_the_authorizer_allows_no_request() {
    let app = App::start().await;
    let key = app.key().create().await;
    app.local().dynamodb().delete_table().table_name("KeysTable").send().await.expect("a deletion");

    let response = key.push(&json!({ "title": "Hello" })).await;

    response.assert_problem(503, "unavailable");
    assert_eq!(response.header("Retry-After"), Some("1"));
    let not_a_key = app.send(send(&app).bearer_auth("hello")).await;
    assert_eq!(not_a_key.status, 401, "the store is not called for this");
    let sent = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(sent["pushes"], json!([]));
    app.stop().await;
}
