//! The SQS API over HTTP.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Response},
    routing::post,
};
use serde_json::{Map, Value, json};

use crate::services::aws_json::{client_error, server_error, success, target};
use crate::services::sqs::message::{Message, md5_hex};
use crate::services::sqs::queues::Queues;
use crate::template::QueueSettings;
use crate::template::values::{ACCOUNT_ID, REGION, integer};

/// SQS's quota for a message and for all messages of a batch.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The maximum visibility timeout in seconds (12 hours).
const MAX_VISIBILITY_TIMEOUT: u64 = 43_200;
/// The maximum length of a message group's ID.
const MAX_GROUP_LENGTH: usize = 128;
/// The maximum delay in seconds.
const MAX_DELAY: u64 = 900;
/// The maximum wait of a long poll in seconds.
const MAX_WAIT_TIME: u64 = 20;

/// Serves the queues.
pub(crate) fn router(queues: Arc<Queues>) -> Router {
    Router::new().route("/", post(handle)).layer(DefaultBodyLimit::max(8 * MAX_MESSAGE_BYTES)).with_state(queues)
}

/// An error of a request.
enum SqsError {
    /// A client error: its type and its message.
    Client(&'static str, String),
    /// The journal cannot be written.
    Server(std::io::Error),
}

impl From<std::io::Error> for SqsError {
    fn from(error: std::io::Error) -> Self {
        Self::Server(error)
    }
}

fn invalid(message: impl Into<String>) -> SqsError {
    SqsError::Client("com.amazonaws.sqs#InvalidParameterValue", message.into())
}

async fn handle(State(queues): State<Arc<Queues>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    match perform(&queues, target(&headers), &request).await {
        Ok(value) => success(&value),
        Err(SqsError::Client(error_type, message)) => client_error(error_type, &message),
        Err(SqsError::Server(error)) => {
            tracing::error!(%error, "the queue's journal cannot be written");
            server_error("The message cannot be stored.")
        }
    }
}

async fn perform(queues: &Queues, operation: &str, request: &Value) -> Result<Value, SqsError> {
    let name = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let queue = queues.settings(name).ok_or_else(|| {
        SqsError::Client("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.".to_owned())
    })?;
    let receipt_handle = || request["ReceiptHandle"].as_str().ok_or_else(|| invalid("A ReceiptHandle is required."));
    match operation {
        "AmazonSQS.SendMessage" => send(queues, queue, request),
        "AmazonSQS.SendMessageBatch" => send_batch(queues, queue, request),
        "AmazonSQS.ReceiveMessage" => receive(queues, queue, request).await,
        "AmazonSQS.DeleteMessage" => {
            queues.delete(queue, receipt_handle()?)?;
            Ok(json!({}))
        }
        "AmazonSQS.ChangeMessageVisibility" => {
            let timeout = seconds(&request["VisibilityTimeout"], MAX_VISIBILITY_TIMEOUT)?
                .ok_or_else(|| invalid("A VisibilityTimeout is required."))?;
            if queues.change_visibility(queue, receipt_handle()?, timeout)? {
                Ok(json!({}))
            } else {
                let message = "The message is not in flight with this receipt handle.".to_owned();
                Err(SqsError::Client("com.amazonaws.sqs#MessageNotInflight", message))
            }
        }
        "AmazonSQS.GetQueueAttributes" => Ok(queue_attributes(queues, queue)),
        _ => {
            let message = format!("This machine does not support {operation}.");
            Err(SqsError::Client("com.amazonaws.sqs#UnsupportedOperation", message))
        }
    }
}

fn seconds(value: &Value, max: u64) -> Result<Option<Duration>, SqsError> {
    if value.is_null() {
        return Ok(None);
    }
    match integer(value) {
        Some(seconds) if seconds <= max => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(invalid(format!("A time of {value} is not between 0 and {max} seconds."))),
    }
}

fn send(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, SqsError> {
    let body = request["MessageBody"].as_str().filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| invalid("The request must contain the parameter MessageBody."))?;
    if body.len() > MAX_MESSAGE_BYTES {
        return Err(invalid("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."));
    }
    // SQS accepts the characters of XML 1.0.
    let invalid_in_xml = |c: char| c < ' ' && !"\t\n\r".contains(c) || "\u{fffe}\u{ffff}".contains(c);
    if body.contains(invalid_in_xml) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 and above.";
        return Err(SqsError::Client("com.amazonaws.sqs#InvalidMessageContents", message.to_owned()));
    }
    for unsupported in ["MessageAttributes", "MessageSystemAttributes"] {
        if request[unsupported].as_object().is_some_and(|it| !it.is_empty()) {
            let message = format!("This machine does not support {unsupported}.");
            return Err(SqsError::Client("com.amazonaws.sqs#UnsupportedOperation", message));
        }
    }
    let delay = seconds(&request["DelaySeconds"], MAX_DELAY)?;
    let group = request["MessageGroupId"].as_str().map(str::to_owned);
    if group.as_ref().is_some_and(|group| !(1..=MAX_GROUP_LENGTH).contains(&group.len())) {
        return Err(invalid("Value for parameter MessageGroupId is invalid. Reason: it has 1 to 128 characters."));
    }
    let id = queues.send(queue, body.to_owned(), group, delay)?;
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5_hex(body) }))
}

fn send_batch(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, SqsError> {
    let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rejected = |error_type, message: &str| Err(SqsError::Client(error_type, message.to_owned()));
    if entries.is_empty() {
        return rejected("com.amazonaws.sqs#EmptyBatchRequest", "There should be at least one entry.");
    }
    if entries.len() > 10 {
        return rejected("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "At most 10 entries are allowed.");
    }
    let size: usize = entries.iter().filter_map(|entry| entry["MessageBody"].as_str()).map(str::len).sum();
    if size > MAX_MESSAGE_BYTES {
        return rejected("com.amazonaws.sqs#BatchRequestTooLong", "A batch must be shorter than 1048576 bytes.");
    }
    let ids: BTreeSet<_> = entries.iter().filter_map(|entry| entry["Id"].as_str()).collect();
    if ids.len() != entries.len() {
        return rejected("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "Each entry needs an Id of its own.");
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match send(queues, queue, entry) {
            Ok(mut sent) => {
                sent["Id"] = entry["Id"].clone();
                successful.push(sent);
            }
            Err(SqsError::Client(error_type, message)) => {
                let code = error_type.rsplit('#').next();
                failed.push(json!({ "Id": entry["Id"], "SenderFault": true, "Code": code, "Message": message }));
            }
            Err(SqsError::Server(error)) => {
                tracing::error!(%error, "the queue's journal cannot be written");
                failed.push(json!({ "Id": entry["Id"], "SenderFault": false, "Code": "InternalError" }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

async fn receive(queues: &Queues, queue: &QueueSettings, request: &Value) -> Result<Value, SqsError> {
    let max = match &request["MaxNumberOfMessages"] {
        Value::Null => 1,
        value => integer(value)
            .and_then(|it| usize::try_from(it).ok())
            .filter(|it| (1..=10).contains(it))
            .ok_or_else(|| invalid("MaxNumberOfMessages is not between 1 and 10."))?,
    };
    let timeout = seconds(&request["VisibilityTimeout"], MAX_VISIBILITY_TIMEOUT)?;
    let wait = seconds(&request["WaitTimeSeconds"], MAX_WAIT_TIME)?.unwrap_or_default();
    let received = if wait.is_zero() {
        queues.receive(queue, max, timeout)
    } else {
        tokio::time::timeout(wait, queues.next(queue, max, timeout)).await.unwrap_or_default()
    };
    let messages: Vec<Value> = received.iter().map(received_message).collect();
    Ok(json!({ "Messages": messages }))
}

/// A message in a response of `ReceiveMessage`.
fn received_message(message: &Message) -> Value {
    json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.body,
        "MD5OfBody": message.body_md5(),
        "Attributes": message.system_attributes(),
    })
}

fn queue_attributes(queues: &Queues, queue: &QueueSettings) -> Value {
    let counts = queues.counts(queue);
    let arn = |name: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}");
    let mut attributes = Map::new();
    for (name, value) in [
        ("QueueArn", arn(&queue.name)),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("VisibilityTimeout", queue.visibility_timeout.as_secs().to_string()),
        ("MessageRetentionPeriod", queue.retention.as_secs().to_string()),
        ("DelaySeconds", queue.delay.as_secs().to_string()),
    ] {
        attributes.insert(name.to_owned(), value.into());
    }
    if let (Some(target), Some(limit)) = (&queue.dead_letter_queue, queue.max_receive_count) {
        let policy = json!({ "deadLetterTargetArn": arn(target), "maxReceiveCount": limit });
        attributes.insert("RedrivePolicy".to_owned(), policy.to_string().into());
    }
    json!({ "Attributes": attributes })
}
