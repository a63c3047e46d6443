//! SQS over HTTP, as far as functions use it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Response},
    routing::post,
};
use serde_json::{Map, Value, json};

use super::{Message, QueueSettings, Queues};
use crate::{
    services::aws_json::{error, fault, reply, target},
    template::{
        intrinsics::{ACCOUNT, REGION},
        number,
    },
};

/// The most that a message or a batch may hold, in bytes.
const LIMIT: usize = 1024 * 1024;
/// The longest that a message may be hidden, in seconds.
const LONGEST_HIDDEN: u64 = 43_200;

/// The HTTP side of the queues.
pub(crate) fn router(queues: Arc<Queues>) -> Router {
    Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(8 * LIMIT)).with_state(queues)
}

/// Why a call is refused, or what went wrong here.
enum Refusal {
    Error(&'static str, String),
    Fault(std::io::Error),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Fault(error)
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Error("com.amazonaws.sqs#InvalidParameterValue", message.into())
}

async fn answer(State(queues): State<Arc<Queues>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    match perform(&queues, target(&headers), &request).await {
        Ok(value) => reply(&value),
        Err(Refusal::Error(kind, message)) => error(kind, &message),
        Err(Refusal::Fault(error)) => {
            tracing::error!(%error, "the queue's journal cannot be written");
            fault("The queue cannot keep this.")
        }
    }
}

async fn perform(queues: &Queues, operation: &str, request: &Value) -> Result<Value, Refusal> {
    let name = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let queue = queues.settings(name).ok_or_else(|| {
        Refusal::Error("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.".to_owned())
    })?;
    let receipt = || request["ReceiptHandle"].as_str().ok_or_else(|| invalid("A ReceiptHandle is needed."));
    match operation {
        "AmazonSQS.SendMessage" => send(queues, queue, request),
        "AmazonSQS.SendMessageBatch" => send_batch(queues, queue, request),
        "AmazonSQS.ReceiveMessage" => receive(queues, queue, request).await,
        "AmazonSQS.DeleteMessage" => {
            queues.delete(queue, receipt()?)?;
            Ok(json!({}))
        }
        "AmazonSQS.ChangeMessageVisibility" => {
            let hidden = seconds(&request["VisibilityTimeout"], LONGEST_HIDDEN)?
                .ok_or_else(|| invalid("A VisibilityTimeout is needed."))?;
            if queues.change_visibility(queue, receipt()?, hidden)? {
                Ok(json!({}))
            } else {
                let message = "The message is not in flight with this receipt.".to_owned();
                Err(Refusal::Error("com.amazonaws.sqs#MessageNotInflight", message))
            }
        }
        "AmazonSQS.GetQueueAttributes" => Ok(attributes(queues, queue)),
        _ => {
            let message = format!("This machine's queue does not know {operation}.");
            Err(Refusal::Error("com.amazonaws.sqs#UnsupportedOperation", message))
        }
    }
}

fn seconds(value: &Value, at_most: u64) -> Result<Option<Duration>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    match number(value) {
        Some(seconds) if seconds <= at_most => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(invalid(format!("A time of {value} is not between 0 and {at_most} seconds."))),
    }
}

fn md5(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

fn send(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, Refusal> {
    let body = request["MessageBody"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| invalid("The request must contain the parameter MessageBody."))?;
    if body.len() > LIMIT {
        return Err(invalid("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."));
    }
    // XML's letters, which is what SQS takes.
    let odd = |letter: char| letter < ' ' && !"\t\n\r".contains(letter) || "\u{fffe}\u{ffff}".contains(letter);
    if body.contains(odd) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 and above.";
        return Err(Refusal::Error("com.amazonaws.sqs#InvalidMessageContents", message.to_owned()));
    }
    for unknown in ["MessageAttributes", "MessageSystemAttributes"] {
        if request[unknown].as_object().is_some_and(|it| !it.is_empty()) {
            let message = format!("This machine's queue does not keep {unknown}.");
            return Err(Refusal::Error("com.amazonaws.sqs#UnsupportedOperation", message));
        }
    }
    let delay = seconds(&request["DelaySeconds"], 900)?;
    let id = queues.send(queue, body.to_owned(), delay)?;
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5(body) }))
}

fn send_batch(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, Refusal> {
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = |kind, message: &str| Err(Refusal::Error(kind, message.to_owned()));
    if entries.is_empty() {
        return refused("com.amazonaws.sqs#EmptyBatchRequest", "There should be at least one entry.");
    }
    if entries.len() > 10 {
        return refused("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "At most 10 entries are allowed.");
    }
    let size: usize = entries.iter().filter_map(|entry| entry["MessageBody"].as_str()).map(str::len).sum();
    if size > LIMIT {
        return refused("com.amazonaws.sqs#BatchRequestTooLong", "A batch must be shorter than 1048576 bytes.");
    }
    let ids: std::collections::BTreeSet<_> = entries.iter().filter_map(|entry| entry["Id"].as_str()).collect();
    if ids.len() != entries.len() {
        return refused("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "Each entry needs an Id of its own.");
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match send(queues, queue, entry) {
            Ok(mut sent) => {
                sent["Id"] = entry["Id"].clone();
                successful.push(sent);
            }
            Err(Refusal::Error(kind, message)) => {
                let code = kind.rsplit('#').next();
                failed.push(json!({ "Id": entry["Id"], "SenderFault": true, "Code": code, "Message": message }));
            }
            Err(Refusal::Fault(error)) => {
                tracing::error!(%error, "the queue's journal cannot be written");
                failed.push(json!({ "Id": entry["Id"], "SenderFault": false, "Code": "InternalError" }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

async fn receive(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, Refusal> {
    let at_most = match &request["MaxNumberOfMessages"] {
        Value::Null => 1,
        value => number(value)
            .and_then(|it| usize::try_from(it).ok())
            .filter(|it| (1..=10).contains(it))
            .ok_or_else(|| invalid("MaxNumberOfMessages is not between 1 and 10."))?,
    };
    let hidden = seconds(&request["VisibilityTimeout"], LONGEST_HIDDEN)?;
    let wait = seconds(&request["WaitTimeSeconds"], 20)?.unwrap_or_default();
    let received = if wait.is_zero() {
        queues.receive(queue, at_most, hidden)
    } else {
        tokio::time::timeout(wait, queues.next(queue, at_most, hidden)).await.unwrap_or_default()
    };
    let messages: Vec<Value> = received.iter().map(wire).collect();
    Ok(json!({ "Messages": messages }))
}

fn wire(message: &Message) -> Value {
    json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5(&message.body),
        "Attributes": system_attributes(message),
    })
}

fn system_attributes(message: &Message) -> Value {
    json!({
        "ApproximateReceiveCount": message.receives.to_string(),
        "SentTimestamp": message.sent.to_string(),
        "SenderId": ACCOUNT,
        "ApproximateFirstReceiveTimestamp": message.first_received.unwrap_or_default().to_string(),
    })
}

fn attributes(queues: &Queues, queue: &QueueSettings) -> Value {
    let counts = queues.counts(queue);
    let arn = |name: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
    let mut all = Map::new();
    for (name, value) in [
        ("QueueArn", arn(&queue.name)),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("VisibilityTimeout", queue.visibility_timeout.as_secs().to_string()),
        ("MessageRetentionPeriod", queue.retention.as_secs().to_string()),
        ("DelaySeconds", queue.delay.as_secs().to_string()),
    ] {
        all.insert(name.to_owned(), value.into());
    }
    if let (Some(target), Some(limit)) = (&queue.dead_letters, queue.max_receives) {
        let policy = json!({ "deadLetterTargetArn": arn(target), "maxReceiveCount": limit });
        all.insert("RedrivePolicy".to_owned(), policy.to_string().into());
    }
    json!({ "Attributes": all })
}

/// A message as a function's SQS event holds it.
pub(crate) fn record(message: &Message, queue_arn: &str) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": system_attributes(message),
        "messageAttributes": {},
        "md5OfBody": md5(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    })
}
