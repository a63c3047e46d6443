//! Failures of DynamoDB, Secrets Manager and SQS: each route returns its documented problem, without an effect.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::fault_proxy::{Fault, FaultProxy};
use tests::openapi::{Operation, Security, operations};
use tests::{App, Response};
use tokio::net::TcpListener;

/// An app with credentials, and the ids of existing objects.
struct Scene {
    app: App,
    token: String,
    secret: String,
    key: String,
    subscription: String,
}

impl Scene {
    async fn new() -> Self {
        let app = App::start_with_fault_injection().await;
        app.channels(&["ops", "news"]).await;
        let key = app.key().all_permissions().with("limits", json!({ "per_day": 1000 })).create().await;
        let subscription = key.subscribe(&app.push_service.browser(), &[]).await;
        let (key, secret) = (key.id, key.secret);
        let token = app.admin().await.token;
        Self { app, token, secret, key, subscription }
    }

    /// Sends the example of an operation, for objects that exist.
    async fn send(&self, operation: &Operation) -> Response {
        let path = match operation.path {
            path if path.starts_with("/keys/{id}") => path.replace("{id}", &self.key),
            path if path.starts_with("/subscriptions/{id}") => path.replace("{id}", &self.subscription),
            _ => operation.example_path(),
        };
        let credential = match operation.security {
            Security::User => &self.token,
            _ => &self.secret,
        };
        let request = self.app.request(operation.method.clone(), &path).bearer_auth(credential);
        let body = match operation.path {
            "/subscriptions" => Some(self.app.push_service.browser().subscription(&[])),
            // An edit without a change would not write.
            "/keys/{id}" if operation.method == Method::PATCH => Some(json!({ "name": "Renamed" })),
            _ => operation.example_body().cloned(),
        };
        self.app.send(body.into_iter().fold(request, |request, body| request.body(body.to_string()))).await
    }

    /// Sends a request to every operation that documents this problem, and asserts that each returns it.
    async fn assert_all(&self, status: u16, code: &str) {
        let documenting: Vec<_> =
            operations().into_iter().filter(|operation| operation.documents(status, code)).collect();
        assert!(!documenting.is_empty(), "no route documents {code}");
        let responses = join_all(documenting.iter().map(|operation| self.send(operation))).await;
        for (operation, response) in documenting.iter().zip(responses) {
            response.assert_problem_in(format_args!("{}: {}", operation.name(), response.text), status, code);
        }
    }

    async fn stop(self) {
        self.app.local().run_functions(|_, _| ());
        self.app.stop().await;
    }
}

fn set(environment: &mut HashMap<String, String>, name: &str, value: &str) {
    environment.insert(name.to_owned(), value.to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_role_grants_nothing_returns_500_on_every_route() {
    let scene = Scene::new().await;
    let before = scene.app.local().dump().await;

    scene.app.local().run_functions(|function, environment| match function {
        "Authorizer" => {}
        // A denied read of the secret is a 503. Without the secret's name the function cannot start, which is a 500.
        "GetSubscriptionConfig" => drop(environment.remove("VAPID_SECRET")),
        "PutSubscription" => set(environment, "AWS_ACCESS_KEY_ID", "GetSubscriptionConfig"),
        // The role of preflight grants nothing.
        _ => set(environment, "AWS_ACCESS_KEY_ID", "Preflight"),
    });
    scene.assert_all(500, "internal").await;

    let without_keys =
        |dump: &str| dump.lines().filter(|line| !line.starts_with("KeysTable")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_keys(&scene.app.local().dump().await), without_keys(&before), "nothing changed but the usage");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_services_are_down_returns_503_on_every_route() {
    let scene = Scene::new().await;
    // The port is free again, so connections are refused.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let gone = format!("http://{gone}");

    scene.app.local().run_functions(|function, environment| {
        if function != "Authorizer" {
            set(environment, "AWS_ENDPOINT_URL_DYNAMODB", &gone);
            set(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER", &gone);
        }
    });

    scene.assert_all(503, "unavailable").await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_always_conflicts_returns_409_on_every_route() {
    let scene = Scene::new().await;
    let local = scene.app.local();
    // The channel counts one key more than there are.
    let update = local.dynamodb().update_item().table_name("ChannelsTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("slug", AttributeValue::S("ops".to_owned())).update_expression("SET #keys = :one");
    let update = update.expression_attribute_names("#keys", "keys");
    update.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).send().await.expect("an update");
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let proxy = FaultProxy::with_transaction_faults(local.dynamodb_url(), Fault::ConditionFailed, &left).await;
    let before = local.dump().await;

    local.run_functions(|_, environment| set(environment, "AWS_ENDPOINT_URL_DYNAMODB", &proxy.url()));
    scene.assert_all(409, "edit_conflict").await;

    assert!(left.load(Ordering::SeqCst) < usize::MAX - 50, "each was retried");
    let edits = |dump: &str| dump.lines().filter(|line| line.starts_with("History")).map(str::to_owned).collect();
    let (before, after): (Vec<String>, Vec<String>) = (edits(&before), edits(&local.dump().await));
    assert_eq!(after, before, "nothing was edited");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_send_is_409_while_the_first_is_in_flight() {
    let scene = Scene::new().await;
    let queue = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", queue.local_addr().expect("an address"));
    scene.app.local().run_functions(|function, environment| {
        if function == "SendPush" {
            set(environment, "AWS_ENDPOINT_URL_SQS", &address);
            set(environment, "QUEUE_URL", &format!("{address}/000000000000/PushQueue"));
        }
    });
    let send = |path: &'static str| {
        let request = scene.app.request(reqwest::Method::POST, path).bearer_auth(&scene.secret);
        let request = request.header("Idempotency-Key", path).body(json!({ "title": "Hello" }).to_string());
        scene.app.send(request)
    };
    for path in ["/push", "/channels/ops/push"] {
        // The first request waits for the queue, which does not respond until the second one is rejected.
        let second = async {
            let (held, _) = queue.accept().await.expect("a connection");
            let second = send(path).await;
            drop(held);
            second
        };
        let second = tokio::select! {
            second = second => second,
            first = send(path) => panic!("the first got a response: {}", first.text),
        };
        second.assert_problem_in(format_args!("{path}"), 409, "idempotency_in_flight");
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_channels_cannot_subscribe() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().permissions(&["Subscriptions/Write"]).channels(&["ops"]).create().await;
    let update = app.local().dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(key.id.clone())).update_expression("SET channels = :none");
    update.expression_attribute_values(":none", AttributeValue::M(HashMap::new())).send().await.expect("an update");

    let response = key.put(&app.push_service.browser().subscription(&["ops"])).await;

    response.assert_problem(403, "empty_scope");
    app.stop().await;
}
