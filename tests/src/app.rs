//! The product on a free port with a fresh database, and the people and keys that use it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use local::{Local, Options};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use shared::config::Config;
use shared::time::Timestamp;

use crate::{Answer, Device, PushService, calls, leaks, logs};

/// The product, running.
pub struct App {
    local: Option<Local>,
    url: String,
    dynamodb_url: String,
    /// The push service that it is allowed to reach.
    pub push_service: PushService,
    client: Client,
    seen: Arc<Seen>,
}

/// What came back so far: the secrets that were shown, and everything in which none may be.
#[derive(Default)]
struct Seen {
    secrets: Mutex<Vec<String>>,
    answers: Mutex<Vec<u8>>,
}

impl App {
    /// Starts it in memory.
    pub async fn start() -> Self {
        logs::start();
        let push_service = PushService::start().await;
        let options = Options {
            port: 0,
            data: None,
            push_hosts: vec![push_service.address().to_string()],
            functions: None,
            template: PathBuf::from(local::TEMPLATE),
        };
        let local = Local::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        let (url, dynamodb_url) = (local.url().to_owned(), local.dynamodb_url().to_owned());

        Self { local: Some(local), url, dynamodb_url, push_service, client: Client::new(), seen: Arc::default() }
    }

    /// The gateway's address, without the stage.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The embedded product.
    pub fn local(&self) -> &Local {
        self.local.as_ref().expect("it runs until it is stopped")
    }

    /// Somebody who is signed in: `admin@acme` and the like.
    pub async fn person(&self, user: &str) -> Person<'_> {
        let answer = self.client.get(format!("{}/_local/token?user={user}", self.url)).send().await.expect("an answer");
        let token = Answer::of(answer).await.expect(200).json()["id_token"].as_str().expect("a token").to_owned();
        Person { app: self, token }
    }

    /// The admin of the account that most tests are about.
    pub async fn admin(&self) -> Person<'_> {
        self.person("admin@acme").await
    }

    /// A key of that account, to be planned and created.
    pub fn key(&self) -> KeyPlan<'_> {
        KeyPlan {
            app: self,
            body: json!({ "name": "Webshop", "permissions": ["PushNotifications/Send"], "scope": "all" }),
        }
    }

    /// A key of that account that may add subscriptions to every channel.
    pub async fn subscriber(&self) -> Key<'_> {
        self.key().permissions(&["Subscriptions/Write"]).create().await
    }

    /// Makes channels of that account.
    pub async fn channels(&self, slugs: &[&str]) {
        let admin = self.admin().await;
        for slug in slugs {
            let _ = admin.post("/channels", &json!({ "slug": slug })).await.expect(201);
        }
    }

    /// A request without anything that proves who sends it.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/v1{path}", self.url))
    }

    /// Sends a request, and keeps the answer to be searched for secrets.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        let shown = serde_json::from_str::<Value>(&answer.text).ok();
        let shown = shown.as_ref().and_then(|body| body["secret"].as_str());
        let mut answers = self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match shown {
            // The one answer that shows it: everything else in it is searched.
            Some(secret) => {
                answers.extend(answer.text.replacen(secret, "", 1).into_bytes());
                self.seen.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
            }
            None => answers.extend(answer.text.as_bytes()),
        }
        answers.extend(format!("{:?}\n", answer.headers).into_bytes());
        answer
    }

    /// Waits until nothing is left on the queue, not even what is held back.
    pub async fn delivered(&self) {
        let began = Instant::now();
        while !self.local().queue_is_idle().await {
            assert!(began.elapsed() < Duration::from_mins(2), "a message stays on the queue");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts a message on the queue, as if it came from nowhere.
    pub async fn enqueue(&self, body: &str) {
        let call = self.client.post(self.local().queue_url()).header("X-Amz-Target", "AmazonSQS.SendMessage");
        let message =
            json!({ "QueueUrl": format!("{}/000000000000/PushQueue", self.local().queue_url()), "MessageBody": body });
        let sent = call.header("Content-Type", "application/x-amz-json-1.0").body(message.to_string()).send().await;
        assert_eq!(sent.expect("an answer").status(), 200);
    }

    /// Every item of every table, the same text for the same items.
    pub async fn dump(&self) -> String {
        let client = self.dynamodb();
        let mut dump = String::new();
        for table in client.list_tables().send().await.expect("tables").table_names() {
            let mut pages = client.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = AttributeValue::M(item.expect("an item"));
                writeln!(dump, "{table} {}", in_order(&item)).expect("a string takes all");
            }
        }
        dump
    }

    /// What the functions are told, with their tables behind this address: a wire's, or the engine's own.
    pub fn config(&self, dynamodb: &str) -> Config {
        Config::new(self.environment(dynamodb))
    }

    /// The environment of every function, with the tables behind this address.
    pub fn environment(&self, dynamodb: &str) -> HashMap<String, String> {
        let queue = format!("{}/000000000000/PushQueue", self.local().queue_url());
        let push_service = format!("http://{}", self.push_service.address());
        [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "tests"),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_SQS", self.local().queue_url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.local().secrets_url()),
            ("KEYS_TABLE", "KeysTable"),
            ("CHANNELS_TABLE", "ChannelsTable"),
            ("HISTORY_TABLE", "HistoryTable"),
            ("SUBSCRIPTIONS_TABLE", "SubscriptionsTable"),
            ("PUSHES_TABLE", "PushesTable"),
            ("QUEUE_URL", &queue),
            ("PUSH_HOSTS", &push_service),
            ("VAPID_SECRET", "VapidSecret"),
            ("VAPID_SUBJECT", "mailto:admin@example.com"),
            ("CONSOLE_ORIGIN", "http://localhost:3000"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The embedded DynamoDB, for what no request can show.
    pub fn dynamodb(&self) -> DynamoDb {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("tests", "tests", None, None, "tests"))
            .endpoint_url(&self.dynamodb_url);
        DynamoDb::from_conf(config.build())
    }

    /// Stops it, after a search for every secret that it has shown: in its log, its answers and its tables.
    pub async fn stop(mut self) {
        let secrets = std::mem::take(&mut *self.seen.secrets.lock().unwrap_or_else(PoisonError::into_inner));
        let answers = std::mem::take(&mut *self.seen.answers.lock().unwrap_or_else(PoisonError::into_inner));
        let places = [("log", logs::all()), ("answers", answers), ("tables", self.dump().await.into_bytes())];
        for (place, bytes) in &places {
            assert_eq!(leaks::count(&secrets, bytes), 0, "a secret stands in the {place}");
        }
        let local = self.local.take().expect("it runs");
        calls::keep(&local.calls());
        local.stop().await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let forgotten = self.local.is_some() && !std::thread::panicking();
        assert!(!forgotten, "a test ends with app.stop(), which searches for secrets");
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Person<'a> {
    app: &'a App,
    /// The ID token.
    pub token: String,
}

impl Person<'_> {
    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// `POST` of this.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// `PATCH` with this.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any method.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.app.request(method, path).bearer_auth(&self.token);
        self.app.send(with_body(request, body)).await
    }
}

/// A key that is going to be created.
pub struct KeyPlan<'a> {
    app: &'a App,
    /// The body of `POST /keys`.
    pub body: Value,
}

impl<'a> KeyPlan<'a> {
    /// Scoped to these channels, which exist.
    #[must_use]
    pub fn channels(mut self, slugs: &[&str]) -> Self {
        self.body["scope"] = json!("channels");
        self.body["channels"] = json!(slugs);
        self
    }

    /// With these permissions.
    #[must_use]
    pub fn permissions(mut self, permissions: &[&str]) -> Self {
        self.body["permissions"] = json!(permissions);
        self
    }

    /// With a field of this value.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.body[field] = value;
        self
    }

    /// Created by the admin of the account that most tests are about.
    pub async fn create(self) -> Key<'a> {
        self.create_as("admin@acme").await
    }

    /// Created by this person, for his account.
    pub async fn create_as(self, user: &str) -> Key<'a> {
        let admin = self.app.person(user).await;
        let answer = admin.post("/keys", &self.body).await.expect(201).json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Key { app: self.app, id: text(&answer["key"]["id"]), secret: text(&answer["secret"]) }
    }
}

/// A key with its secret.
#[derive(Clone)]
pub struct Key<'a> {
    app: &'a App,
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Key<'_> {
    /// `POST /push` with this body.
    pub async fn push(&self, body: &Value) -> Answer {
        self.send(Method::POST, "/push", Some(body)).await
    }

    /// `POST /channels/{channel}/push` with this body.
    pub async fn push_to(&self, channel: &str, body: &Value) -> Answer {
        self.send(Method::POST, &format!("/channels/{channel}/push"), Some(body)).await
    }

    /// Puts a device into these channels; answers the subscription's id.
    pub async fn subscribe(&self, device: &Device, channels: &[&str]) -> String {
        let answer = self.put(&device.subscription(channels)).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// `PUT /subscriptions` with this body.
    pub async fn put(&self, body: &Value) -> Answer {
        self.send(Method::PUT, "/subscriptions", Some(body)).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Any method.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.app.request(method, path).bearer_auth(&self.secret);
        self.app.send(with_body(request, body)).await
    }

    /// The same key, with another of its secrets.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Ends its time in the store: over HTTP an end lies in the future.
    pub async fn expire(&self) {
        self.set("expires_at", Timestamp::now().plus_seconds(-1)).await;
    }

    /// Sets a moment of it in the store.
    pub async fn set(&self, attribute: &str, moment: Timestamp) {
        let update = self.app.dynamodb().update_item().table_name("KeysTable");
        let update = update.key("account", AttributeValue::S("acme".to_owned()));
        let update = update.key("id", AttributeValue::S(self.id.clone()));
        let update = update.update_expression("SET #moment = :moment").expression_attribute_names("#moment", attribute);
        let update = update.expression_attribute_values(":moment", AttributeValue::N(moment.millis().to_string()));
        update.send().await.expect("an update");
    }

    /// How often it was used, as the admin sees it.
    pub async fn uses(&self) -> u64 {
        let admin = self.app.admin().await;
        admin.get(&format!("/keys/{}", self.id)).await.expect(200).json()["usage"]["total"].as_u64().expect("a number")
    }
}

/// An attribute as text, maps in the order of their names.
fn in_order(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let entries: BTreeMap<&String, String> = map.iter().map(|(name, value)| (name, in_order(value))).collect();
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn with_body(request: reqwest::RequestBuilder, body: Option<&Value>) -> reqwest::RequestBuilder {
    match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    }
}
