//! The authorizer decides on every request with a key, says why it refuses, and counts what it lets through.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::account::Account;
use shared::key::KeyId;
use shared::secret::Secret;
use shared::time::Timestamp;
use tests::{Answer, App, Key};

/// A string of the right form and checksum for a key of this account and id, but not its secret.
fn invented(account: &str, id: &str) -> String {
    let account = Account::try_from(account.to_owned()).expect("an account");
    let id = KeyId::try_from(id.to_owned()).expect("an id");
    Secret::generate(&account, &id).expose().to_owned()
}

fn send(app: &App) -> RequestBuilder {
    app.request(Method::POST, "/push").body(r#"{"title":"Hello"}"#)
}

async fn last_used_at(app: &App, key: &Key<'_>) -> Value {
    let admin = app.admin().await;
    admin.get(&format!("/keys/{}", key.id)).await.expect(200).json()["last_used_at"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_key_is_told_the_same_401() {
    let app = App::start().await;
    let key = app.key().create().await;
    let deleted = app.key().create().await;
    let _ = app.admin().await.delete(&format!("/keys/{}", deleted.id)).await.expect(204);
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
        // Of the right form: an unknown key, one of another account, a wrong secret, and a key that is gone.
        invented(&app.account("acme"), "01JD0000000000000000000000"),
        invented(&app.account("globex"), &key.id),
        invented("nobody", &key.id),
        invented(&app.account("acme"), &key.id),
        deleted.secret.clone(),
    ];

    let mut answers: Vec<Answer> = vec![app.send(send(&app)).await];
    for not_key in &not_keys {
        answers.push(app.send(send(&app).bearer_auth(not_key)).await);
        answers.push(app.send(send(&app).header("x-api-key", not_key)).await);
    }
    // The gateway has one answer, so a bad sign-in reads the same.
    answers.push(app.send(app.request(Method::GET, "/keys").bearer_auth("hello")).await);

    let expected = concat!(
        r#"{"type":"/v1/problems/unauthenticated","title":"Not authenticated","status":401,"code":"unauthenticated","#,
        r#""detail":"Send a valid API key or sign in","request_id":"<id>"}"#
    );
    for answer in &answers {
        assert_eq!((answer.status, answer.without_request_id().as_str()), (401, expected));
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
        assert_eq!(answer.header("Content-Type"), Some("application/problem+json"));
    }
    assert_eq!(key.uses().await, 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_check_that_fails_is_the_one_that_is_named() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).permissions(&["Subscriptions/Write"]).create().await;
    let path = format!("/keys/{}", key.id);
    let change = async |body: Value| {
        let _ = admin.patch(&path, &body).await.expect(200);
    };
    let send = async || key.push_to("news", &json!({ "title": "Hello" })).await;
    change(json!({ "status": "inactive", "limits": { "per_day": 1 } })).await;
    key.expire().await;

    let not_its_secret = invented(&app.account("acme"), &key.id);
    let all_wrong = app.send(app.request(Method::POST, "/channels/news/push").bearer_auth(not_its_secret));
    assert_eq!(all_wrong.await.refusal(), (401, "unauthenticated".to_owned()));
    assert_eq!(send().await.refusal(), (403, "key_inactive".to_owned()));
    change(json!({ "status": "active" })).await;
    assert_eq!(send().await.refusal(), (403, "key_expired".to_owned()));
    change(json!({ "expires_at": null })).await;
    let denied = send().await;
    assert_eq!(denied.refusal(), (403, "permission_denied".to_owned()));
    assert_eq!(denied.says("detail"), "This key has not the permission PushNotifications/Send");
    change(json!({ "permissions": ["PushNotifications/Send"] })).await;
    let violation = send().await;
    assert_eq!(violation.refusal(), (403, "scope_violation".to_owned()));
    assert_eq!(violation.says("refused"), "news");
    assert_eq!(violation.says("allowed"), "ops");
    assert_eq!(key.uses().await, 0, "nothing of this was let through");
    change(json!({ "channels": ["news"] })).await;
    assert_eq!(send().await.status, 202);
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
    ] {
        let request = headers.iter().fold(send(&app), |request, (name, value)| request.header(*name, value));
        assert_eq!(
            app.send(request).await.status,
            202,
            "{:?}",
            headers.iter().map(|header| header.0).collect::<Vec<_>>()
        );
    }
    let let_through = key.uses().await;
    assert_eq!(let_through, 9);

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
        ("another header", vec![("x-key", k.to_owned())]),
    ] {
        let request = headers.iter().fold(send(&app), |request, (name, value)| request.header(*name, value));
        assert_eq!(app.send(request).await.refusal(), (401, "unauthenticated".to_owned()), "{case}");
    }
    let in_query = app.request(Method::POST, &format!("/push?api_key={k}")).body(r#"{"title":"Hello"}"#);
    assert_eq!(app.send(in_query).await.status, 401, "never from the address");
    assert_eq!((key.uses().await, other.uses().await), (let_through, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_that_is_let_through_counts_one_whatever_the_handler_answers() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let permissions = ["PushNotifications/Send", "Subscriptions/Write"];
    let key = app.key().permissions(&permissions).create().await;
    let device = app.push_service.device();
    assert_eq!(last_used_at(&app, &key).await, Value::Null);

    let hello = json!({ "title": "Hello" });
    let mut uses = 0;
    for (answer, status) in [
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
        (key.put(&device.subscription(&["ops"])).await, 201),
        (key.put(&json!({})).await, 400),
        (key.delete("/subscriptions/00000000000000000000000000000000").await, 404),
        (key.get("/subscriptions/config").await, 200),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        uses += 1;
    }
    assert_eq!(key.uses().await, uses);
    let last = last_used_at(&app, &key).await;
    let last = Timestamp::try_from(last.as_str().expect("a moment").to_owned()).expect("a moment");
    assert!((0..60_000).contains(&(Timestamp::now().millis() - last.millis())));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_counted() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let admin = app.admin().await;
    let key = app.key().channels(&["ops"]).create().await;
    let hello = json!({ "title": "Hello" });
    let _ = key.push(&hello).await.expect(202);
    let used = last_used_at(&app, &key).await;

    assert_eq!(key.push_to("news", &hello).await.status, 403);
    assert_eq!(key.get("/subscriptions/config").await.status, 403);
    assert_eq!(app.send(send(&app).bearer_auth(invented(&app.account("acme"), &key.id))).await.status, 401);
    let path = format!("/keys/{}", key.id);
    let _ = admin.patch(&path, &json!({ "status": "inactive" })).await.expect(200);
    assert_eq!(key.push(&hello).await.status, 403);

    assert_eq!((key.uses().await, last_used_at(&app, &key).await), (1, used));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_count_exactly() {
    let app = App::start().await;
    let key = app.key().create().await;
    let dry = json!({ "title": "Hello", "dry_run": true });
    let answers = futures::future::join_all((0..100).map(|_| key.push(&dry))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(key.uses().await, 100);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_limit_is_429_with_the_time_to_wait_and_nothing_is_done_or_counted() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    for (limit, longest) in [("per_minute", 60), ("per_day", 86_400)] {
        let key = app.key().with("limits", json!({ limit: 2 })).create().await;
        let before = device.attempts();

        let began = Timestamp::now();
        let mut over = Vec::new();
        for _ in 0..5 {
            let answer = key.push(&json!({ "title": "Hello" })).await;
            if answer.status != 202 {
                over.push(answer);
            }
        }
        app.delivered().await;

        let through = 5 - over.len();
        let ended = Timestamp::now();
        let same = if limit == "per_day" { began.day() == ended.day() } else { began.minute() == ended.minute() };
        // If a minute or a day ended meanwhile, at most four of five are within the limit.
        assert!(through == 2 || !same && through <= 4, "{limit}: {through}");
        for answer in &over {
            assert_eq!(answer.refusal(), (429, "rate_limited".to_owned()));
            let seconds: u64 = answer.header("Retry-After").expect("a time to wait").parse().expect("seconds");
            assert!((1..=longest).contains(&seconds), "{limit}: {seconds}");
            assert_eq!(answer.json()["detail"], format!("Try again in {seconds} seconds"));
            assert_eq!(answer.header("Content-Type"), Some("application/problem+json"));
        }
        assert_eq!((key.uses().await, device.attempts() - before), (through as u64, through), "{limit}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_requests_at_once() {
    let app = App::start().await;
    let key = app.key().with("limits", json!({ "per_day": 7 })).create().await;
    let dry = json!({ "title": "Hello", "dry_run": true });
    let answers = futures::future::join_all((0..40).map(|_| key.push(&dry))).await;
    let through = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(answers.iter().all(|answer| [200, 429].contains(&answer.status)));
    // Twice as many if midnight passed.
    assert!(through == 7 || (8..=14).contains(&through) && Timestamp::now().seconds() % 86_400 < 60, "{through}");
    assert_eq!(key.uses().await, through as u64);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_store_the_authorizer_lets_nobody_through() {
    let app = App::start().await;
    let key = app.key().create().await;
    app.laptop().dynamodb().delete_table().table_name("KeysTable").send().await.expect("a deletion");

    let answer = key.push(&json!({ "title": "Hello" })).await;

    assert_eq!(answer.refusal(), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let not_a_key = app.send(send(&app).bearer_auth("hello")).await;
    assert_eq!(not_a_key.status, 401, "for this the store is not asked");
    let sent = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(sent["pushes"], json!([]));
    app.stop().await;
}
