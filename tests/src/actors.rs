//! The people and keys that use the product.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use shared::time::Timestamp;

use crate::{Answer, App, Device};

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Person<'a> {
    pub(crate) app: &'a App,
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
    pub(crate) app: &'a App,
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
        let (_, account) = user.split_once('@').expect("a person of an account");
        Key {
            app: self.app,
            account: account.to_owned(),
            id: text(&answer["key"]["id"]),
            secret: text(&answer["secret"]),
        }
    }
}

/// A key with its secret.
#[derive(Clone)]
pub struct Key<'a> {
    app: &'a App,
    /// Its account, as the tests call it.
    account: String,
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
        self.sent(self.app.send(with_body(request, body)).await)
    }

    /// `POST /push` with this body and this `Idempotency-Key`.
    pub async fn push_named(&self, name: &str, body: &Value) -> Answer {
        let request = self.app.request(Method::POST, "/push").bearer_auth(&self.secret);
        self.sent(self.app.send(with_body(request.header("Idempotency-Key", name), Some(body))).await)
    }

    /// Remembers what was accepted, so that it can be waited for.
    fn sent(&self, answer: Answer) -> Answer {
        if answer.status == 202 {
            self.app.accepted(&self.account, &answer);
        }
        answer
    }

    /// Ends its time.
    pub async fn expire(&self) {
        // Over HTTP an end lies in the future.
        match self.app.on_laptop() {
            Some(_) => self.set("expires_at", Timestamp::now().plus_seconds(-1)).await,
            None => self.wait_for_its_end().await,
        }
    }

    /// Sets a moment of it in the store.
    pub async fn set(&self, attribute: &str, moment: Timestamp) {
        let update = self.app.laptop().dynamodb().update_item().table_name("KeysTable");
        let update = update.key("account", AttributeValue::S(self.account.clone()));
        let update = update.key("id", AttributeValue::S(self.id.clone()));
        let update = update.update_expression("SET #moment = :moment").expression_attribute_names("#moment", attribute);
        let update = update.expression_attribute_values(":moment", AttributeValue::N(moment.millis().to_string()));
        update.send().await.expect("an update");
    }

    /// The same key, with another of its secrets.
    #[must_use]
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self.clone() }
    }

    /// Gives it an end that is near, and lets it pass, with a second for a clock that is late.
    async fn wait_for_its_end(&self) {
        let end = Timestamp::now().plus_seconds(2).to_string();
        let admin = self.app.person(&format!("admin@{}", self.account)).await;
        let _ = admin.patch(&format!("/keys/{}", self.id), &json!({ "expires_at": end })).await.expect(200);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }

    /// How often it was used, as the admin sees it.
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
