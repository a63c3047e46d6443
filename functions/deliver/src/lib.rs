//! Takes tasks from the queue: sends a push to one page of its audience, and leaves the rest to the tasks that it puts.

mod retry;
mod task;
mod task_log;
mod transport;

use futures::future::join_all;
use serde_json::{Value, json};
use shared::aws::queue::Queue;
use shared::aws::vapid_secret::VapidSecret;
use shared::domain::delivery_task::Task;
use shared::log::event::Event;
use shared::store::Store;

use task_log::Report;

pub use transport::web_push::Sender;

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
        let id = record["messageId"].as_str().unwrap_or_default();
        let line = Event { outcome: "malformed", cause: Some(format!("message {id} is no task")), ..Event::default() };
        line.write("sent");
        return false;
    };
    let mut report = Report::new(&task);
    let done = task::carry_out(delivery, &task, &mut report).await;
    report.write(&done);

    done.is_ok()
}
