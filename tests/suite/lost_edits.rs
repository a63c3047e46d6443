//! A management write whose answer is lost is repeated, and answers as the first would have: once, and not a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use shared::config::Config;
use shared::http::serve;
use shared::store::Store;
use tests::App;
use tests::proxy::{Fate, Proxy};

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

    /// Sends a request of the admin, of which one transaction is lost, to a function.
    async fn call(&self, function: &str, path: Value, body: Value) -> Value {
        self.call_losing(1, function, path, body).await
    }

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

async fn every_edit_happens_once(fate: Fate) {
    let app = App::start().await;
    let lossy = Lossy::start(&app, fate).await;
    let admin = app.admin().await;

    let made = lossy.call("CreateChannel", json!({}), json!({ "slug": "ops" })).await;
    assert_eq!(made["statusCode"], 201, "{made}");

    let new = json!({
        "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["ops"],
    });
    let created = lossy.call("CreateKey", json!({}), new).await;
    assert_eq!(created["statusCode"], 201, "{created}");
    let shown: Value = serde_json::from_str(created["body"].as_str().expect("a body")).expect("JSON");
    let keys = admin.get("/keys").await.expect(200).json();
    assert_eq!(keys["keys"], json!([shown["key"]]), "one key, whose secret somebody has");
    let id = json!({ "id": shown["key"]["id"] });

    let renamed = lossy.call("UpdateKey", id.clone(), json!({ "name": "Shop", "status": "inactive" })).await;
    assert_eq!(renamed["statusCode"], 200, "{renamed}");

    let deleted = lossy.call("DeleteKey", id, json!(null)).await;
    assert_eq!(deleted["statusCode"], 204, "{deleted}");
    assert_eq!(admin.get("/keys").await.expect(200).json()["keys"], json!([]));

    // Counted once when the key came and once when it went: else the channel would still be in use, or below zero.
    let gone = lossy.call("DeleteChannel", json!({ "channel": "ops" }), json!(null)).await;
    assert_eq!(gone["statusCode"], 204, "{gone}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_answer_is_lost_happens_once() {
    every_edit_happens_once(Fate::LoseAnswer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_request_is_lost_happens_once() {
    every_edit_happens_once(Fate::LoseRequest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_creation_is_never_answered_is_shown_all_the_same() {
    let app = App::start().await;
    let lossy = Lossy::start(&app, Fate::LoseAnswer).await;
    let new = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });

    // As many as the SDK tries.
    let created = lossy.call_losing(3, "CreateKey", json!({}), new).await;

    assert_eq!(created["statusCode"], 201, "{created}");
    let shown: Value = serde_json::from_str(created["body"].as_str().expect("a body")).expect("JSON");
    let secret = shown["secret"].as_str().expect("a secret");
    let push = app.request(reqwest::Method::POST, "/push").bearer_auth(secret).body(r#"{"title": "Hello"}"#);
    let _ = app.send(push).await.expect(202);
    app.stop().await;
}
