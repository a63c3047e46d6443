//! A delivery by itself, with no queue before it: it is given its tasks one by one, over whatever wire the test has.

use deliver::{Delivery, Sender};
use serde_json::{Value, json};
use shared::account::Account;
use shared::key::KeyId;
use shared::push::{Audience, Counts, Progress, Push, PushId, Ttl, Urgency};
use shared::queue::Queue;
use shared::store::Store;
use shared::subscription::PushHosts;
use shared::task::Task;
use shared::time::Timestamp;
use shared::vapid_secret::VapidSecret;

use crate::App;

/// A delivery of the account `acme`.
pub struct Courier {
    /// What it is for.
    pub account: Account,
    /// What it needs.
    pub delivery: Delivery,
}

impl Courier {
    /// Of this product, with its tables behind this address.
    pub fn new(app: &App, dynamodb: &str) -> Self {
        let config = app.laptop().config(dynamodb);
        let hosts = PushHosts::parse(&format!("http://{}", app.push_service.address()));
        let delivery = Delivery {
            store: Store::connect(&config).expect("a store"),
            queue: Queue::connect(&config).expect("a queue"),
            vapid: VapidSecret::connect(&config).expect("a secret"),
            sender: Sender::new(hosts, "mailto:tests@example.com".to_owned()).expect("a sender"),
        };
        Self { account: Account::try_from("acme".to_owned()).expect("an account"), delivery }
    }

    /// Keeps a push to these, which no queue knows of.
    pub async fn keep(&self, audience: Audience) -> Push {
        let now = Timestamp::now();
        let push = Push {
            id: PushId::generate(now),
            key: KeyId::generate(now),
            content: serde_json::from_str(r#"{"title": "Hello"}"#).expect("content"),
            audience,
            ttl: Ttl::default(),
            urgency: Urgency::default(),
            topic: None,
            request_id: "a-request".to_owned(),
            created_at: now,
            finished_at: None,
            progress: Progress::Queued,
            counts: Counts::default(),
        };
        self.delivery.store.keep_push(&self.account, &push).await.expect("it is kept");
        push
    }

    /// Lets it do the first task of a push; whether its message is done with, or must come again.
    pub async fn deliver(&self, push: &Push) -> bool {
        let task = serde_json::to_string(&Task::first(&self.account, &push.id)).expect("a task");
        let event = json!({ "Records": [{ "messageId": "m", "body": task }] });
        let answer = deliver::handle(&self.delivery, event).await;
        match answer["batchItemFailures"].as_array().map(Vec::as_slice) {
            Some([]) => true,
            Some([Value::Object(again)]) if again["itemIdentifier"] == "m" => false,
            _ => panic!("no answer of a batch: {answer}"),
        }
    }

    /// The task that tries those again whom the first one left.
    pub fn retry(&self, push: &Push) -> Task {
        Task { attempt: 1, ..Task::first(&self.account, &push.id) }
    }

    /// The push as it is now, if it still is.
    pub async fn find(&self, push: &Push) -> Option<Push> {
        self.delivery.store.push(&self.account, &push.id, Timestamp::now()).await.expect("a read")
    }
}
