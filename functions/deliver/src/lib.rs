//! Takes tasks from the queue: sends a push to one page of its audience, and leaves the rest to the tasks that it puts.

mod sender;
mod task;
mod web_push;

use futures::future::join_all;
use serde_json::{Value, json};
use shared::queue::Queue;
use shared::store::Store;
use shared::task::Task;
use shared::vapid_secret::VapidSecret;

pub use sender::Sender;

/// What a delivery needs.
pub struct Delivery {
    /// The tables.
    pub store: Store,
    /// Where the tasks come from and go to.
    pub queue: Queue,
    /// The signing keys.
    pub vapid: VapidSecret,
    /// The way to the push services.
    pub sender: Sender,
}

/// Does the tasks of an SQS event, all at once, and answers which messages must come again.
pub async fn handle(delivery: &Delivery, event: Value) -> Value {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let done = join_all(records.iter().map(|record| Box::pin(message(delivery, record)))).await;
    let failures = records.iter().zip(done).filter(|(_, done)| !done);
    let failures: Vec<Value> = failures.map(|(record, _)| json!({ "itemIdentifier": record["messageId"] })).collect();

    json!({ "batchItemFailures": failures })
}

/// Whether a message is done with.
async fn message(delivery: &Delivery, record: &Value) -> bool {
    let body = record["body"].as_str().unwrap_or_default();
    let Ok(task) = serde_json::from_str::<Task>(body) else {
        tracing::error!(message_id = record["messageId"].as_str(), "a message is not a task");
        return false;
    };
    match task::carry_out(delivery, &task).await {
        Ok(()) => true,
        Err(cause) => {
            let push = task.push.as_str();
            tracing::warn!(push, page = task.page, attempt = task.attempt, %cause, "a task must come again");
            false
        }
    }
}
