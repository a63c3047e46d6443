//! A function whose tables, secret or queue fail refuses as the contract says, on every route, and does nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::fault_proxy::{Fate, Proxy};
use tests::openapi::{Operation, Security, operations};
use tests::{Answer, App};
use tokio::net::TcpListener;

/// Who asks, and what there is to ask for.
struct Scene {
    app: App,
    token: String,
    secret: String,
    key: String,
    subscription: String,
}

impl Scene {
    async fn new() -> Self {
        let app = App::start_to_fail().await;
        app.channels(&["ops", "news"]).await;
        let both = ["PushNotifications/Send", "Subscriptions/Write"];
        let key = app.key().permissions(&both).with("limits", json!({ "per_day": 1000 })).create().await;
        let subscription = key.subscribe(&app.push_service.device(), &[]).await;
        let (key, secret) = (key.id, key.secret);
        let token = app.admin().await.token;
        Self { app, token, secret, key, subscription }
    }

    /// Asks what an operation has for an example, of things that exist.
    async fn ask(&self, operation: &Operation) -> Answer {
        let path = match operation.path {
            path if path.starts_with("/keys/{id}") => path.replace("{id}", &self.key),
            path if path.starts_with("/subscriptions/{id}") => path.replace("{id}", &self.subscription),
            _ => operation.example_path(),
        };
        let credential = match operation.security {
            Security::Person => &self.token,
            _ => &self.secret,
        };
        let request = self.app.request(operation.method.clone(), &path).bearer_auth(credential);
        let body = match operation.path {
            "/subscriptions" => Some(self.app.push_service.device().subscription(&[])),
            // An edit that finds nothing to change would write nothing.
            "/keys/{id}" if operation.method == Method::PATCH => Some(json!({ "name": "Renamed" })),
            _ => operation.example_body().cloned(),
        };
        self.app.send(body.into_iter().fold(request, |request, body| request.body(body.to_string()))).await
    }

    /// Asks every operation that refuses so, and fails unless each does.
    async fn all_refuse(&self, status: u16, code: &str) {
        let refusing: Vec<_> = operations().into_iter().filter(|operation| operation.refuses(status, code)).collect();
        assert!(!refusing.is_empty(), "no route refuses with {code}");
        let answers = join_all(refusing.iter().map(|operation| self.ask(operation))).await;
        for (operation, answer) in refusing.iter().zip(answers) {
            assert_eq!(answer.refusal(), (status, code.to_owned()), "{}: {}", operation.name(), answer.text);
        }
    }

    async fn stop(self) {
        self.app.laptop().run_functions(|_, _| ());
        self.app.stop().await;
    }
}

fn set(environment: &mut HashMap<String, String>, name: &str, value: &str) {
    environment.insert(name.to_owned(), value.to_owned());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_role_grants_nothing_answers_500_on_every_route() {
    let scene = Scene::new().await;
    let before = scene.app.laptop().dump().await;

    scene.app.laptop().run_functions(|function, environment| match function {
        "Authorizer" => {}
        // A secret that cannot be read is one that does not answer; without its name the function cannot start.
        "GetSubscriptionConfig" => drop(environment.remove("VAPID_SECRET")),
        "PutSubscription" => set(environment, "AWS_ACCESS_KEY_ID", "GetSubscriptionConfig"),
        // It needs nothing, and so may do nothing.
        _ => set(environment, "AWS_ACCESS_KEY_ID", "Preflight"),
    });
    scene.all_refuse(500, "internal").await;

    let uses = |dump: &str| dump.lines().filter(|line| !line.starts_with("KeysTable")).collect::<Vec<_>>().join("\n");
    assert_eq!(uses(&scene.app.laptop().dump().await), uses(&before), "but for the uses nothing has changed");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_nothing_answers_says_503_on_every_route() {
    let scene = Scene::new().await;
    // Nobody listens where somebody did a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let gone = format!("http://{gone}");

    scene.app.laptop().run_functions(|function, environment| {
        if function != "Authorizer" {
            set(environment, "AWS_ENDPOINT_URL_DYNAMODB", &gone);
            set(environment, "AWS_ENDPOINT_URL_SECRETS_MANAGER", &gone);
        }
    });

    scene.all_refuse(503, "unavailable").await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_always_comes_second_is_told_that_others_change_the_same_thing() {
    let scene = Scene::new().await;
    let laptop = scene.app.laptop();
    // A channel that one more key named than there are.
    let update = laptop.dynamodb().update_item().table_name("ChannelsTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("slug", AttributeValue::S("ops".to_owned())).update_expression("SET #keys = :one");
    let update = update.expression_attribute_names("#keys", "keys");
    update.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).send().await.expect("an update");
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let wire = Proxy::losing_transactions(laptop.dynamodb_url(), Fate::Refuse, &left).await;
    let before = laptop.dump().await;

    laptop.run_functions(|_, environment| set(environment, "AWS_ENDPOINT_URL_DYNAMODB", &wire.url()));
    scene.all_refuse(409, "edit_conflict").await;

    assert!(left.load(Ordering::SeqCst) < usize::MAX - 50, "each was tried again and again");
    let edits = |dump: &str| dump.lines().filter(|line| line.starts_with("History")).map(str::to_owned).collect();
    let (before, after): (Vec<String>, Vec<String>) = (edits(&before), edits(&laptop.dump().await));
    assert_eq!(after, before, "nothing was edited");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_is_not_answered_yet_is_in_flight_on_both_routes() {
    let scene = Scene::new().await;
    let queue = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", queue.local_addr().expect("an address"));
    scene.app.laptop().run_functions(|function, environment| {
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
        // The first has come as far as the queue, which does not answer until the second is refused.
        let second = async {
            let (held, _) = queue.accept().await.expect("a connection");
            let second = send(path).await;
            drop(held);
            second
        };
        let second = tokio::select! {
            second = second => second,
            first = send(path) => panic!("the first is answered: {}", first.text),
        };
        assert_eq!(second.refusal(), (409, "idempotency_in_flight".to_owned()), "{path}");
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_lost_all_its_channels_subscribes_to_none() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().permissions(&["Subscriptions/Write"]).channels(&["ops"]).create().await;
    let update = app.laptop().dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(key.id.clone())).update_expression("SET channels = :none");
    update.expression_attribute_values(":none", AttributeValue::M(HashMap::new())).send().await.expect("an update");

    let answer = key.put(&app.push_service.device().subscription(&["ops"])).await;

    assert_eq!(answer.refusal(), (403, "empty_scope".to_owned()));
    app.stop().await;
}
