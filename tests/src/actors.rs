//! The actors of the tests: users who are signed in, and API keys.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::permission::Permission;
use shared::domain::time::Timestamp;

use crate::app::App;
use crate::response::Response;
use push_service::Browser;

/// The permissions of the key of [`App::key`]: all but that of a publishable key. It sends, and reads the results.
pub fn sender_permissions() -> Vec<&'static str> {
    let others = Permission::ALL.into_iter().filter(|permission| *permission != Permission::WriteSubscriptions);
    others.map(Permission::name).collect()
}

impl App {
    /// A user who is signed in, such as `admin@acme`.
    pub async fn user(&self, email: &str) -> User<'_> {
        User { app: self, token: self.id_token(email).await }
    }

    /// The admin of the account `acme`, which most tests use.
    pub async fn admin(&self) -> User<'_> {
        self.user("admin@acme").await
    }

    /// A key of the account `acme` that may send to everyone, to be changed and created.
    pub fn key(&self) -> KeyBuilder<'_> {
        KeyBuilder {
            app: self,
            body: json!({ "name": "Webshop", "permissions": sender_permissions(), "scope": "all" }),
        }
    }

    /// A key of the account `acme` that may write subscriptions of every channel.
    pub async fn subscriber(&self) -> Key<'_> {
        self.key().permissions(&["Subscriptions/Write"]).create().await
    }

    /// Creates channels of the account `acme`.
    pub async fn channels(&self, slugs: &[&str]) {
        let admin = self.admin().await;
        for slug in slugs {
            admin.post("/channels", &json!({ "slug": slug })).await.expect(201);
        }
    }
}

/// A user who is signed in.
#[derive(Clone)]
pub struct User<'a> {
    app: &'a App,
    /// The ID token.
    pub token: String,
}

impl User<'_> {
    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    /// Sends a `POST` with this body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a `PATCH` with this body.
    pub async fn patch(&self, path: &str, body: &Value) -> Response {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Sends a `DELETE`.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request with any method.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.app.request(method, path).bearer_auth(&self.token);
        self.app.send(with_body(request, body)).await
    }
}

/// A key before it is created.
pub struct KeyBuilder<'a> {
    app: &'a App,
    /// The body of `POST /keys`.
    pub body: Value,
}

impl<'a> KeyBuilder<'a> {
    /// Sets the scope to these channels, which must exist.
    #[must_use]
    pub fn channels(mut self, slugs: &[&str]) -> Self {
        self.body["scope"] = json!("channels");
        self.body["channels"] = json!(slugs);
        self
    }

    /// Sets the permissions.
    #[must_use]
    pub fn permissions(mut self, permissions: &[&str]) -> Self {
        self.body["permissions"] = json!(permissions);
        self
    }

    /// Sets every permission that exists.
    #[must_use]
    pub fn all_permissions(self) -> Self {
        self.permissions(&Permission::ALL.map(Permission::name))
    }

    /// Sets a field of the body.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.body[field] = value;
        self
    }

    /// Creates the key as the admin of the account `acme`.
    pub async fn create(self) -> Key<'a> {
        self.create_as("admin@acme").await
    }

    /// Creates the key as this admin, in their account.
    pub async fn create_as(self, email: &str) -> Key<'a> {
        let admin = self.app.user(email).await;
        let created = admin.post("/keys", &self.body).await.expect(201).json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let (_, account) = email.split_once('@').expect("a user of an account");
        Key {
            app: self.app,
            account: account.to_owned(),
            id: text(&created["key"]["id"]),
            secret: text(&created["secret"]),
        }
    }
}

/// An API key with its secret.
#[derive(Clone)]
pub struct Key<'a> {
    app: &'a App,
    /// The account, by the name that the tests use.
    account: String,
    /// The id.
    pub id: String,
    /// The secret that this actor sends.
    pub secret: String,
}

impl Key<'_> {
    /// Sends `POST /push` with this body.
    pub async fn push(&self, body: &Value) -> Response {
        self.send(Method::POST, "/push", Some(body)).await
    }

    /// Sends `POST /channels/{channel}/push` with this body.
    pub async fn push_to(&self, channel: &str, body: &Value) -> Response {
        self.send(Method::POST, &format!("/channels/{channel}/push"), Some(body)).await
    }

    /// Subscribes a browser to these channels; returns the subscription's id.
    pub async fn subscribe(&self, browser: &Browser, channels: &[&str]) -> String {
        let response = self.put(&browser.subscription(channels)).await;
        assert!(matches!(response.status, 200 | 201), "{}", response.text);
        response.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The application server key that the API returns for `PushManager.subscribe`.
    pub async fn application_server_key(&self) -> String {
        let config = self.get("/subscriptions/config").await.expect(200).json();
        config["vapid_public_key"].as_str().expect("a key").to_owned()
    }

    /// Sends `PUT /subscriptions` with this body.
    pub async fn put(&self, body: &Value) -> Response {
        self.send(Method::PUT, "/subscriptions", Some(body)).await
    }

    /// Sends a `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    /// Sends a `DELETE`.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request with any method.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.app.request(method, path).bearer_auth(&self.secret);
        self.record_accepted(self.app.send(with_body(request, body)).await)
    }

    /// Sends `POST /push` with this body and this `Idempotency-Key`.
    pub async fn push_with_idempotency_key(&self, idempotency_key: &str, body: &Value) -> Response {
        let request = self.app.request(Method::POST, "/push").bearer_auth(&self.secret);
        let request = with_body(request.header("Idempotency-Key", idempotency_key), Some(body));
        self.record_accepted(self.app.send(request).await)
    }

    /// Records an accepted push, so that `App::delivered` waits for it.
    fn record_accepted(&self, response: Response) -> Response {
        if response.status == 202 {
            self.app.record_accepted(&self.account, &response);
        }
        response
    }

    /// Makes the key expire.
    pub async fn expire(&self) {
        // The API takes only an `expires_at` in the future.
        match self.app.as_local() {
            Some(_) => self.set("expires_at", Timestamp::now().plus_seconds(-1)).await,
            None => self.expire_in_two_seconds().await,
        }
    }

    /// Sets a timestamp of the key's item in the table.
    pub async fn set(&self, attribute: &str, timestamp: Timestamp) {
        let update = self.app.local().dynamodb().update_item().table_name("KeysTable");
        let update = update.key("account", AttributeValue::S(self.account.clone()));
        let update = update.key("id", AttributeValue::S(self.id.clone()));
        let update = update.update_expression("SET #attribute = :timestamp");
        let update = update.expression_attribute_names("#attribute", attribute);
        let update =
            update.expression_attribute_values(":timestamp", AttributeValue::N(timestamp.millis().to_string()));
        update.send().await.expect("an update");
    }

    /// The same key, with another of its secrets.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Sets an `expires_at` two seconds ahead and waits until it has passed, with a second for clock skew.
    async fn expire_in_two_seconds(&self) {
        let end = Timestamp::now().plus_seconds(2).to_string();
        let admin = self.app.user(&format!("admin@{}", self.account)).await;
        admin.patch(&format!("/keys/{}", self.id), &json!({ "expires_at": end })).await.expect(200);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    /// The total of the key's usage, as the admin sees it.
    pub async fn uses(&self) -> u64 {
        let admin = self.app.admin().await;
        admin.get(&format!("/keys/{}", self.id)).await.expect(200).json()["usage"]["total"].as_u64().expect("a number")
    }
}

fn with_body(request: reqwest::RequestBuilder, body: Option<&Value>) -> reqwest::RequestBuilder {
    match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    }
}
