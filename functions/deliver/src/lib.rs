//! Delivers tasks from the queue: each sends a push to the recipients of a range of ids, or splits it.

mod cancellations;
mod delivery;
mod error;
mod range_task;
mod retry_task;
mod tally;
mod task;
mod task_log;
mod transport;
mod work;

use futures::future::join_all;
use serde_json::{Value, json};
use shared::domain::delivery_task::DeliveryTask;
use shared::log::event::LogEvent;

use task_log::TaskLog;

pub use delivery::Delivery;

/// Runs the tasks of an SQS event concurrently, and reports the messages that must come again.
pub async fn handle(delivery: &Delivery, event: Value) -> Value {
    let records = event["Records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let done = join_all(records.iter().map(|record| Box::pin(process(delivery, record)))).await;
    let failures = records.iter().zip(done).filter(|(_, done)| !done);
    let failures: Vec<Value> = failures.map(|(record, _)| json!({ "itemIdentifier": record["messageId"] })).collect();

    json!({ "batchItemFailures": failures })
}

/// Processes a message; `false` if it must come again.
async fn process(delivery: &Delivery, record: &Value) -> bool {
    let body = record["body"].as_str().unwrap_or_default();
    let Ok(task) = serde_json::from_str::<DeliveryTask>(body) else {
        let id = record["messageId"].as_str().unwrap_or_default();
        let cause = Some(format!("message {id} is not a task"));
        LogEvent { outcome: "malformed", cause, ..LogEvent::default() }.write("sent");
        return false;
    };
    let mut log = TaskLog::new(&task);
    let result = task::run(delivery, &task, record["receiptHandle"].as_str(), &mut log).await;
    log.write(&result);

    result.is_ok()
}
