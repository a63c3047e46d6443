//! The deliver function without its queue: the test hands it each task, over a fault proxy if it wants one.

use std::net::SocketAddr;

use deliver::Delivery;
use serde_json::{Value, json};
use shared::config::Config;
use shared::domain::account::Account;
use shared::domain::audience::Audience;
use shared::domain::delivery_task::DeliveryTask;
use shared::domain::id::{KeyId, PushId};
use shared::domain::notification::{Ttl, Urgency};
use shared::domain::push::{DeliveryCounts, Push, PushStatus};
use shared::domain::time::Timestamp;
use shared::store::{PendingRetry, Store};

use crate::app::App;

/// The deliver function for pushes of the account `acme`.
pub struct DirectDelivery {
    /// The account.
    pub account: Account,
    /// The tables.
    pub store: Store,
    delivery: Delivery,
}

impl DirectDelivery {
    /// The function of this app, with DynamoDB at this URL.
    pub async fn new(app: &App, dynamodb: &str) -> Self {
        Self::with_push_service(app, dynamodb, app.push_service.address()).await
    }

    /// The same, with another push service.
    pub async fn with_push_service(app: &App, dynamodb: &str, push_service: SocketAddr) -> Self {
        let mut environment = app.local().environment(dynamodb);
        environment.insert("PUSH_HOSTS".to_owned(), format!("http://{push_service}"));
        environment.insert("VAPID_SUBJECT".to_owned(), "mailto:tests@example.com".to_owned());
        let config = &Config::new(environment);
        Self {
            account: Account::try_from("acme".to_owned()).expect("an account"),
            store: Store::connect(config).await.expect("a store"),
            delivery: Delivery::connect(config).await.expect("the services"),
        }
    }

    /// Saves a push to this audience without putting it on the queue.
    pub async fn save_push(&self, audience: Audience) -> Push {
        self.save_push_of(KeyId::generate(Timestamp::now()), audience).await
    }

    /// The same for a push that this key sends.
    pub async fn save_push_of(&self, key: KeyId, audience: Audience) -> Push {
        let now = Timestamp::now();
        let push = Push {
            id: PushId::generate(now),
            key,
            key_name: None,
            notification: serde_json::from_str(r#"{"title": "Hello"}"#).expect("a notification"),
            audience,
            ttl: Ttl::default(),
            urgency: Urgency::default(),
            topic: None,
            request_id: "a-request".to_owned(),
            created_at: now,
            finished_at: None,
            status: PushStatus::Queued,
            counts: DeliveryCounts::default(),
        };
        self.store.save_push(&self.account, &push).await.expect("a save");
        push
    }

    /// Delivers the first task of a push. Returns false if the function reports the message as failed, so that SQS
    /// delivers it again.
    pub async fn deliver(&self, push: &Push) -> bool {
        let task = serde_json::to_string(&DeliveryTask::first(&self.account, &push.id)).expect("a task");
        let event = json!({ "Records": [{ "messageId": "m", "body": task }] });
        let response = deliver::handle(&self.delivery, event).await;
        match response["batchItemFailures"].as_array().map(Vec::as_slice) {
            Some([]) => true,
            Some([Value::Object(again)]) if again["itemIdentifier"] == "m" => false,
            _ => panic!("not a batch response: {response}"),
        }
    }

    /// The recipients of a push's first page that are to be retried.
    pub async fn pending_retries(&self, push: &Push) -> Vec<PendingRetry> {
        let first = DeliveryTask::first(&self.account, &push.id);
        let open = self.store.open_retries(&first).await.expect("a read");
        open.into_iter().flat_map(|(_, pending)| pending).collect()
    }

    /// The push as it is now; `None` if it was deleted.
    pub async fn find(&self, push: &Push) -> Option<Push> {
        self.store.push(&self.account, &push.id, Timestamp::now()).await.expect("a read")
    }
}
