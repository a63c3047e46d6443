//! Management writes under faults: a write whose response is lost is retried, applied once, and gets its response.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use shared::config::Config;
use shared::http::{Request, serve};
use shared::store::Store;
use tests::App;
use tests::fault_proxy::{Fault, FaultProxy};

/// The functions behind a proxy that injects a fault into their transactions.
struct FaultyFunctions<'a> {
    app: &'a App,
    lose: Arc<AtomicUsize>,
    proxy: FaultProxy,
}

impl<'a> FaultyFunctions<'a> {
    async fn start(app: &'a App, fault: Fault) -> Self {
        let lose = Arc::new(AtomicUsize::new(0));
        let proxy = FaultProxy::with_transaction_faults(app.local().dynamodb_url(), fault, &lose).await;

        Self { app, lose, proxy }
    }

    /// The config of a function, with the access key of its role.
    fn config(&self, function: &str) -> Config {
        let mut environment = self.app.local().environment(&self.proxy.url());
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
        Config::new(environment)
    }

    /// Invokes a function with a request of the admin, whose `Idempotency-Key` is the function's name, and injects the fault into its first `losses` transactions.
    async fn invoke(&self, losses: usize, function: &str, path: Value, body: Value) -> Value {
        let claims = json!({ "sub": "ada", "aud": "console", "custom:account": "acme", "custom:role": "admin" });
        let routes = match function {
            "CreateKey" => create_key::ROUTES,
            "UpdateKey" => update_key::ROUTES,
            "RotateKey" => rotate_key::ROUTES,
            "DeleteKey" => delete_key::ROUTES,
            "CreateChannel" => create_channel::ROUTES,
            _ => delete_channel::ROUTES,
        };
        let (method, resource) = routes[0];
        let event = json!({
            "httpMethod": method, "resource": resource, "pathParameters": path, "body": body.to_string(),
            "multiValueHeaders": { "idempotency-key": [function] },
            "stageVariables": { "app_client": "console" },
            "requestContext": { "requestId": "a-request", "authorizer": { "claims": claims } },
        });
        self.lose.store(losses, Ordering::SeqCst);
        let config = &self.config(function);
        let store = &Store::connect(config).await.expect("a store");
        let tag_key = &self.app.tag_key();
        let handle = async |request: &Request| match function {
            "CreateKey" => create_key::handle(store, tag_key, request).await,
            "UpdateKey" => update_key::handle(store, request).await,
            "RotateKey" => rotate_key::handle(store, tag_key, request).await,
            "DeleteKey" => delete_key::handle(store, request).await,
            "CreateChannel" => create_channel::handle(store, request).await,
            _ => delete_channel::handle(store, request).await,
        };
        let response = serve(event, config, routes, handle).await;
        assert_eq!(self.lose.load(Ordering::SeqCst), 0, "each fault was injected");
        response
    }
}

/// Makes every kind of edit, each with this many faults in a row, and asserts that each is applied once.
async fn assert_each_edit_is_applied_once(fault: Fault, losses: usize) {
    let app = App::start().await;
    let functions = FaultyFunctions::start(&app, fault).await;
    let admin = app.admin().await;
    let call = async |function: &str, path: &Value, body: Value, status: u16| {
        let response = functions.invoke(losses, function, path.clone(), body).await;
        assert_eq!(response["statusCode"], status, "{function}: {response}");
        serde_json::from_str::<Value>(response["body"].as_str().expect("a body")).unwrap_or_default()
    };
    let send = async |shown: &Value| {
        let secret = shown["secret"].as_str().expect("a secret").to_owned();
        app.send(app.request(Method::POST, "/push").bearer_auth(secret).body(r#"{"title": "Hello"}"#)).await
    };

    call("CreateChannel", &json!({}), json!({ "slug": "ops" }), 201).await;
    let new = json!({
        "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["ops"],
    });
    let first = call("CreateKey", &json!({}), new.clone(), 201).await;
    // A repeat reads that the first was applied, and writes nothing.
    let repeated = functions.invoke(0, "CreateKey", json!({}), new).await;
    assert_eq!(repeated["statusCode"], 409, "{repeated}");
    assert_eq!(repeated["headers"]["location"], format!("/v1/keys/{}", first["key"]["id"].as_str().expect("an id")));
    let keys = admin.get("/keys").await.expect(200).json();
    assert_eq!(keys["keys"], json!([first["key"]]), "one key");
    send(&first).await.expect(202);

    let id = json!({ "id": first["key"]["id"] });
    let path = format!("/keys/{}", first["key"]["id"].as_str().expect("an id"));
    let second = call("RotateKey", &id, json!({ "overlap_seconds": 0 }), 200).await;
    send(&first).await.expect(401);
    let repeated = functions.invoke(0, "RotateKey", id.clone(), json!({ "overlap_seconds": 0 })).await;
    assert_eq!(repeated["statusCode"], 409, "{repeated}");
    send(&second).await.expect(202);

    let renamed = call("UpdateKey", &id, json!({ "name": "Shop", "status": "inactive" }), 200).await;
    let kept = admin.get(&path).await.expect(200).json();
    assert_eq!((&kept["name"], &kept["status"]), (&json!("Shop"), &json!("inactive")));
    assert_eq!(kept["updated_at"], renamed["updated_at"]);

    call("DeleteKey", &id, json!(null), 204).await;
    admin.get(&path).await.expect(404);
    let history = admin.get(&format!("{path}/history")).await.expect(200).json();
    let actions: Vec<_> = history["events"].as_array().expect("events").iter().map(|it| it["action"].clone()).collect();
    assert_eq!(actions, ["deleted", "changed", "rotated", "created"]);

    // The channel's key count is 0 again: it can be deleted.
    call("DeleteChannel", &json!({ "channel": "ops" }), json!(null), 204).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_response_is_lost_is_applied_once() {
    assert_each_edit_is_applied_once(Fault::LoseResponse, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_request_is_lost_is_applied_once() {
    assert_each_edit_is_applied_once(Fault::LoseRequest, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_gets_no_response_is_found_to_be_applied() {
    // The number of attempts of the SDK.
    assert_each_edit_is_applied_once(Fault::LoseResponse, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_never_arrives_fails_and_is_not_applied() {
    let app = App::start().await;
    let functions = FaultyFunctions::start(&app, Fault::LoseRequest).await;
    let admin = app.admin().await;
    app.channels(&["ops", "used"]).await;
    let key = app.key().channels(&["used"]).create().await;
    let (id, path) = (json!({ "id": key.id }), format!("/keys/{}", key.id));
    let before = (admin.get(&path).await.text, admin.get("/channels").await.text);
    let new = json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" });

    for (function, path, body) in [
        ("CreateChannel", json!({}), json!({ "slug": "news" })),
        ("DeleteChannel", json!({ "channel": "ops" }), json!(null)),
        ("CreateKey", json!({}), new.clone()),
        ("RotateKey", id.clone(), json!({ "overlap_seconds": 0 })),
        ("UpdateKey", id.clone(), json!({ "name": "Shop" })),
        ("DeleteKey", id.clone(), json!(null)),
    ] {
        let response = functions.invoke(3, function, path, body).await;
        assert_eq!(response["statusCode"], 503, "{function}: {response}");
    }

    assert_eq!((admin.get(&path).await.text, admin.get("/channels").await.text), before);
    assert_eq!(admin.get("/keys").await.json()["keys"].as_array().map(Vec::len), Some(1));
    // The idempotency keys are unused.
    for (function, path, body, status) in
        [("CreateKey", json!({}), new, 201), ("RotateKey", id, json!({ "overlap_seconds": 0 }), 200)]
    {
        let response = functions.invoke(0, function, path, body).await;
        assert_eq!(response["statusCode"], status, "{function}: {response}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_two_step_change_that_fails_in_between_leaves_a_smaller_scope() {
    let app = App::start().await;
    let slugs: Vec<String> = (0..100).map(|number| format!("c{number:02}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    let key = app.key().channels(&slugs[..50]).create().await;
    let transactions = AtomicUsize::new(0);
    let proxy = FaultProxy::start(app.local().dynamodb_url(), false, move |request| {
        let lost = request.get("TransactItems").is_some() && transactions.fetch_add(1, Ordering::SeqCst) > 0;
        if lost { Fault::LoseRequest } else { Fault::None }
    })
    .await;
    let functions = FaultyFunctions { app: &app, lose: Arc::default(), proxy };

    let body = json!({ "channels": &slugs[50..] });
    let response = functions.invoke(0, "UpdateKey", json!({ "id": key.id }), body).await;

    assert_eq!(response["statusCode"], 503, "{response}");
    let kept = app.admin().await.get(&format!("/keys/{}", key.id)).await.expect(200).json();
    assert_eq!(kept["channels"], json!(&slugs[3..50]));
    app.stop().await;
}
