//! A management write whose answer is lost is repeated, and answers as the first would have: once, and not a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use shared::config::Config;
use shared::http::serve;
use shared::store::Store;
use tests::App;
use tests::fault_proxy::{Fate, Proxy};

/// The functions behind a wire that loses transactions, or their answers, as many as it is told to.
struct Lossy<'a> {
    app: &'a App,
    lose: Arc<AtomicUsize>,
    wire: Proxy,
}

impl<'a> Lossy<'a> {
    async fn start(app: &'a App, fate: Fate) -> Self {
        let lose = Arc::new(AtomicUsize::new(0));
        let wire = Proxy::losing_transactions(app.laptop().dynamodb_url(), fate, &lose).await;

        Self { app, lose, wire }
    }

    /// What a function is told, and by which its role is known.
    fn config(&self, function: &str) -> Config {
        let mut environment = self.app.laptop().environment(&self.wire.url());
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
        Config::new(environment)
    }

    /// Sends a request of the admin, of which so many transactions or answers are lost, to a function.
    async fn call_losing(&self, losses: usize, function: &str, path: Value, body: Value) -> Value {
        let claims = json!({ "sub": "ada", "name": "Ada", "custom:account": "acme", "custom:role": "admin" });
        let event = json!({
            "resource": "/", "pathParameters": path, "body": body.to_string(),
            "requestContext": { "requestId": "a-request", "authorizer": { "claims": claims } },
        });
        self.lose.store(losses, Ordering::SeqCst);
        let config = &self.config(function);
        let store = &Store::connect(config).expect("a store");
        let answer = match function {
            "CreateKey" => serve(event, config, |request| create_key::handle(store, request)).await,
            "UpdateKey" => serve(event, config, |request| update_key::handle(store, request)).await,
            "RotateKey" => serve(event, config, |request| rotate_key::handle(store, request)).await,
            "DeleteKey" => serve(event, config, |request| delete_key::handle(store, request)).await,
            "CreateChannel" => serve(event, config, |request| create_channel::handle(store, request)).await,
            _ => serve(event, config, |request| delete_channel::handle(store, request)).await,
        };
        assert_eq!(self.lose.load(Ordering::SeqCst), 0, "all of them were lost on the way");
        answer
    }
}

/// Every kind of edit, of which so many transactions or answers in a row are lost.
async fn every_edit_happens_once(fate: Fate, losses: usize) {
    let app = App::start().await;
    let lossy = Lossy::start(&app, fate).await;
    let admin = app.admin().await;
    let call = async |function: &str, path: &Value, body: Value, status: u16| {
        let answer = lossy.call_losing(losses, function, path.clone(), body).await;
        assert_eq!(answer["statusCode"], status, "{function}: {answer}");
        serde_json::from_str::<Value>(answer["body"].as_str().expect("a body")).unwrap_or_default()
    };
    let send = async |shown: &Value| {
        let secret = shown["secret"].as_str().expect("a secret").to_owned();
        app.send(app.request(Method::POST, "/push").bearer_auth(secret).body(r#"{"title": "Hello"}"#)).await
    };

    call("CreateChannel", &json!({}), json!({ "slug": "ops" }), 201).await;
    let new = json!({
        "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["ops"],
    });
    let first = call("CreateKey", &json!({}), new, 201).await;
    let keys = admin.get("/keys").await.expect(200).json();
    assert_eq!(keys["keys"], json!([first["key"]]), "one key");
    let _ = send(&first).await.expect(202);

    let id = json!({ "id": first["key"]["id"] });
    let path = format!("/keys/{}", first["key"]["id"].as_str().expect("an id"));
    let second = call("RotateKey", &id, json!({ "overlap_seconds": 0 }), 200).await;
    let _ = send(&first).await.expect(401);
    let _ = send(&second).await.expect(202);

    let renamed = call("UpdateKey", &id, json!({ "name": "Shop", "status": "inactive" }), 200).await;
    let kept = admin.get(&path).await.expect(200).json();
    assert_eq!((&kept["name"], &kept["status"]), (&json!("Shop"), &json!("inactive")));
    assert_eq!(kept["updated_at"], renamed["updated_at"]);

    call("DeleteKey", &id, json!(null), 204).await;
    let _ = admin.get(&path).await.expect(404);
    let history = admin.get(&format!("{path}/history")).await.expect(200).json();
    let actions: Vec<_> = history["events"].as_array().expect("events").iter().map(|it| it["action"].clone()).collect();
    assert_eq!(actions, ["deleted", "changed", "rotated", "created"]);

    // Counted once when the key came and once when it went: else the channel would still be in use, or below zero.
    call("DeleteChannel", &json!({ "channel": "ops" }), json!(null), 204).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_answer_is_lost_happens_once() {
    every_edit_happens_once(Fate::LoseAnswer, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_request_is_lost_happens_once() {
    every_edit_happens_once(Fate::LoseRequest, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_never_answered_is_found_to_have_happened() {
    // As many as the SDK tries.
    every_edit_happens_once(Fate::LoseAnswer, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_never_arrives_fails_and_has_not_happened() {
    let app = App::start().await;
    let lossy = Lossy::start(&app, Fate::LoseRequest).await;
    let admin = app.admin().await;
    app.channels(&["ops", "used"]).await;
    let key = app.key().channels(&["used"]).create().await;
    let (id, path) = (json!({ "id": key.id }), format!("/keys/{}", key.id));
    let before = (admin.get(&path).await.text, admin.get("/channels").await.text);
    let new = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });

    for (function, path, body) in [
        ("CreateChannel", json!({}), json!({ "slug": "news" })),
        ("DeleteChannel", json!({ "channel": "ops" }), json!(null)),
        ("CreateKey", json!({}), new),
        ("RotateKey", id.clone(), json!({ "overlap_seconds": 0 })),
        ("UpdateKey", id.clone(), json!({ "name": "Shop" })),
        ("DeleteKey", id.clone(), json!(null)),
    ] {
        let answer = lossy.call_losing(3, function, path, body).await;
        assert_eq!(answer["statusCode"], 503, "{function}: {answer}");
    }

    assert_eq!((admin.get(&path).await.text, admin.get("/channels").await.text), before);
    assert_eq!(admin.get("/keys").await.json()["keys"].as_array().map(Vec::len), Some(1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_two_steps_that_ends_between_them_leaves_a_little_less_and_never_nothing() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..100).map(|number| format!("c{number:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let key = app.key().channels(&slugs[..50]).create().await;
    let transactions = AtomicUsize::new(0);
    let wire = Proxy::start(app.laptop().dynamodb_url(), false, move |request| {
        let lost = request.get("TransactItems").is_some() && transactions.fetch_add(1, Ordering::SeqCst) > 0;
        if lost { Fate::LoseRequest } else { Fate::Pass }
    })
    .await;
    let lossy = Lossy { app: &app, lose: Arc::default(), wire };

    let body = json!({ "channels": &slugs[50..] });
    let answer = lossy.call_losing(0, "UpdateKey", json!({ "id": key.id }), body).await;

    assert_eq!(answer["statusCode"], 503, "{answer}");
    let kept = app.admin().await.get(&format!("/keys/{}", key.id)).await.expect(200).json();
    assert_eq!(kept["channels"], json!(&slugs[2..50]));
    app.stop().await;
}
