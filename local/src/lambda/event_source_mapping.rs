//! Takes messages from a queue and invokes the function that they are for, as Lambda's event source mapping does.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::{
    lambda::invoke::{Functions, Running},
    services::sqs::{Message, Queues, server::record},
    template::EventSource,
};

/// Polls until `stop` says so; what is being worked on then is let end.
pub(crate) async fn poll(
    source: EventSource,
    queues: Arc<Queues>,
    functions: Functions,
    running: Running,
    mut stop: watch::Receiver<bool>,
) {
    let source = Arc::new(source);
    let free = Arc::new(Semaphore::new(source.concurrency));
    loop {
        let taken = async {
            let permit = Arc::clone(&free).acquire_owned().await.ok()?;
            let queue = queues.settings(&source.queue)?;
            let messages = queues.next(queue, source.batch_size, None).await;
            Some((permit, messages))
        };
        let (permit, messages) = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            taken = taken => match taken {
                Some(taken) => taken,
                None => return,
            },
        };
        let (source, queues, functions) = (Arc::clone(&source), Arc::clone(&queues), functions.clone());
        drop(running.spawn(async move {
            work(&source, &queues, &functions, messages).await;
            drop(permit);
        }));
    }
}

/// Invokes the function and deletes what it dealt with; the rest becomes visible again in its time.
async fn work(source: &EventSource, queues: &Queues, functions: &Functions, messages: Vec<Message>) {
    let records: Vec<Value> = messages.iter().map(|message| record(message, &source.queue_arn)).collect();
    let answer = functions.invoke(&source.function, json!({ "Records": records })).await;
    let failed = match answer {
        Err(_) => None,
        Ok(answer) if source.reports_failures => failures(&answer, &messages),
        Ok(_) => Some(HashSet::new()),
    };
    tracing::info!(
        function = source.function,
        messages = messages.len(),
        failed = failed.as_ref().map_or(messages.len(), HashSet::len),
        "batch"
    );
    let Some(failed) = failed else { return };
    let Some(queue) = queues.settings(&source.queue) else { return };
    for message in messages.iter().filter(|message| !failed.contains(&message.id)) {
        if let Some(receipt) = &message.receipt
            && let Err(error) = queues.delete(queue, receipt)
        {
            tracing::error!(%error, "a message that was dealt with stays on the queue");
        }
    }
}

/// The messages that the function reports as failed; nothing if the report is not one, which fails them all.
fn failures(answer: &Value, messages: &[Message]) -> Option<HashSet<String>> {
    let list = match answer {
        Value::Null => return Some(HashSet::new()),
        Value::Object(answer) => answer.get("batchItemFailures"),
        _ => return None,
    };
    let list = match list {
        None | Some(Value::Null) => return Some(HashSet::new()),
        Some(list) => list.as_array()?,
    };
    list.iter()
        .map(|item| {
            let id = item.get("itemIdentifier")?.as_str()?;
            messages.iter().any(|message| message.id == id).then(|| id.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_lambda_reads_it() {
        let message = |id: &str| Message {
            id: id.into(),
            queue: "q".into(),
            body: "b".into(),
            sent: 0,
            visible: 0,
            receives: 1,
            first_received: None,
            receipt: None,
        };
        let messages = [message("1"), message("2")];
        for (answer, failed) in [
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
            let expected = failed.map(|ids| ids.into_iter().map(str::to_owned).collect());
            assert_eq!(failures(&answer, &messages), expected, "{answer}");
        }
    }
}
