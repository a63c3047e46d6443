//! The deliver function without its queue: the test hands it each task, over a fault proxy if it wants one.

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

use crate::app::App;

/// The deliver function for pushes of the account `acme`.
pub struct DirectDelivery {
    /// The account.
    pub account: Account,
    /// The function's clients.
    pub delivery: Delivery,
}

impl DirectDelivery {
    /// The function of this app, with DynamoDB at this URL.
    pub fn new(app: &App, dynamodb: &str) -> Self {
        let config = app.local().config(dynamodb);
        let hosts = PushHosts::parse(&format!("http://{}", app.push_service.address()));
        let delivery = Delivery {
            store: Store::connect(&config).expect("a store"),
            queue: Queue::connect(&config).expect("a queue"),
            vapid: VapidSecret::connect(&config).expect("a secret"),
            sender: Sender::new(hosts, "mailto:tests@example.com".to_owned()).expect("a sender"),
        };
        Self { account: Account::try_from("acme".to_owned()).expect("an account"), delivery }
    }

    /// Saves a push to this audience without putting it on the queue.
    pub async fn save_push(&self, audience: Audience) -> Push {
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
        self.delivery.store.keep_push(&self.account, &push).await.expect("a save");
        push
    }

    /// Delivers the first task of a push. Returns false if the function reports the message as failed, so that SQS
    /// delivers it again.
    pub async fn deliver(&self, push: &Push) -> bool {
        let task = serde_json::to_string(&Task::first(&self.account, &push.id)).expect("a task");
        let event = json!({ "Records": [{ "messageId": "m", "body": task }] });
        let response = deliver::handle(&self.delivery, event).await;
        match response["batchItemFailures"].as_array().map(Vec::as_slice) {
            Some([]) => true,
            Some([Value::Object(again)]) if again["itemIdentifier"] == "m" => false,
            _ => panic!("not a batch response: {response}"),
        }
    }

    /// The task of the first retry.
    pub fn retry_task(&self, push: &Push) -> Task {
        Task { attempt: 1, ..Task::first(&self.account, &push.id) }
    }

    /// The push as it is now; `None` if it was deleted.
    pub async fn find(&self, push: &Push) -> Option<Push> {
        self.delivery.store.push(&self.account, &push.id, Timestamp::now()).await.expect("a read")
    }
}
