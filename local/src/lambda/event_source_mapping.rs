//! Polls a queue and invokes a function with its messages, as a Lambda event source mapping does.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::lambda::invoke::Functions;
use crate::services::sqs::{Message, Queues};
use crate::template::EventSourceMapping;
use crate::template::values::REGION;

/// Polls until it is cancelled; `batches` tracks the batches in progress, which are not cancelled.
pub(crate) async fn poll(
    mapping: EventSourceMapping,
    queues: Arc<Queues>,
    functions: Functions,
    batches: TaskTracker,
    cancelled: CancellationToken,
) {
    let mapping = Arc::new(mapping);
    let slots = Arc::new(Semaphore::new(mapping.max_concurrency));
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
            let queue = queues.settings(&mapping.queue)?;
            let messages = queues.next(queue, mapping.batch_size, None).await;
            Some((slot, messages))
        };
        let Some(Some((slot, messages))) = cancelled.run_until_cancelled(next).await else { return };
        let (mapping, queues, functions) = (Arc::clone(&mapping), Arc::clone(&queues), functions.clone());
        batches.spawn(async move {
            process(&mapping, &queues, &functions, messages).await;
            drop(slot);
        });
    }
}

/// Invokes the function and deletes the messages that did not fail. The others become visible after their visibility
/// timeout.
async fn process(mapping: &EventSourceMapping, queues: &Queues, functions: &Functions, messages: Vec<Message>) {
    let records: Vec<Value> = messages.iter().map(|message| record(message, &mapping.queue_arn)).collect();
    let response = functions.invoke(&mapping.function, json!({ "Records": records })).await;
    let failures = match response {
        Err(_) => None,
        Ok(response) if mapping.reports_failures => batch_item_failures(&response, &messages),
        Ok(_) => Some(HashSet::new()),
    };
    tracing::info!(
        function = mapping.function,
        messages = messages.len(),
        failed = failures.as_ref().map_or(messages.len(), HashSet::len),
        "batch"
    );
    let Some(failures) = failures else { return };
    let Some(queue) = queues.settings(&mapping.queue) else { return };
    for message in messages.iter().filter(|message| !failures.contains(&message.id)) {
        if let Some(receipt_handle) = &message.receipt_handle
            && let Err(error) = queues.delete(queue, receipt_handle)
        {
            tracing::error!(%error, "a processed message cannot be deleted from the queue");
        }
    }
}

/// A record of a function's SQS event.
fn record(message: &Message, queue_arn: &str) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": {},
        "md5OfBody": message.body_md5(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    })
}

/// The IDs of the messages that the function reports as failed; `None` for an invalid report, with which Lambda
/// considers the whole batch failed.
fn batch_item_failures(response: &Value, messages: &[Message]) -> Option<HashSet<String>> {
    let failures = match response {
        Value::Null => return Some(HashSet::new()),
        Value::Object(response) => response.get("batchItemFailures"),
        _ => return None,
    };
    let failures = match failures {
        None | Some(Value::Null) => return Some(HashSet::new()),
        Some(failures) => failures.as_array()?,
    };
    failures
        .iter()
        .map(|failure| {
            let id = failure.get("itemIdentifier")?.as_str()?;
            messages.iter().any(|message| message.id == id).then(|| id.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_failures_is_parsed_as_lambda_parses_it() {
        let message = |id: &str| Message {
            id: id.into(),
            queue: "q".into(),
            body: "b".into(),
            group: None,
            sent_at: 0,
            visible_at: 0,
            receive_count: 1,
            first_received_at: None,
            receipt_handle: None,
        };
        let messages = [message("1"), message("2")];
        for (response, failures) in [
            (json!(null), Some(vec![])),
            (json!({}), Some(vec![])),
            (json!({"batchItemFailures": null}), Some(vec![])),
            (json!({"batchItemFailures": []}), Some(vec![])),
            (json!({"batchItemFailures": [{"itemIdentifier": "2"}]}), Some(vec!["2"])),
            (json!({"batchItemFailures": [{"itemIdentifier": "3"}]}), None),
            (json!({"batchItemFailures": [{"itemIdentifier": ""}]}), None),
            (json!({"batchItemFailures": [{"itemIdentifier": null}]}), None),
            (json!({"batchItemFailures": [{"other": "1"}]}), None),
            (json!("text"), None),
        ] {
            let expected = failures.map(|ids| ids.into_iter().map(str::to_owned).collect());
            assert_eq!(batch_item_failures(&response, &messages), expected, "{response}");
        }
    }
}
