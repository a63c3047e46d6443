//! Functions that a measuring program invokes itself, with a queue that only it receives from.

use std::collections::HashMap;
use std::net::SocketAddr;

use local::lambda::{Handler, in_process};
use reqwest::Client;
use serde_json::{Value, json};

use crate::actors::Key;
use crate::app::App;

/// The queue for the messages: only this program receives from it.
const QUEUE: &str = "PushDeadLetterQueue";

/// The time after which a message comes again, in seconds: longer than any task takes here.
const VISIBILITY_TIMEOUT: u32 = 3_600;

/// The queue.
pub(super) struct Queue<'a> {
    app: &'a App,
    client: Client,
}

/// A message.
pub(super) struct Message(Value);

impl<'a> Queue<'a> {
    pub(super) fn new(app: &'a App) -> Self {
        Self { app, client: Client::new() }
    }

    pub(super) fn url(&self) -> String {
        format!("{}/000000000000/{QUEUE}", self.app.local().queue_url())
    }

    /// The next message.
    pub(super) async fn receive(&self) -> Option<Message> {
        let received = self.call("ReceiveMessage", json!({ "VisibilityTimeout": VISIBILITY_TIMEOUT })).await;
        received["Messages"].get(0).cloned().map(Message)
    }

    /// Deletes a message.
    pub(super) async fn delete(&self, message: &Message) {
        self.call("DeleteMessage", json!({ "ReceiptHandle": message.0["ReceiptHandle"] })).await;
    }

    /// Whether no message is left.
    pub(super) async fn is_empty(&self) -> bool {
        let attributes = self.call("GetQueueAttributes", json!({ "AttributeNames": ["All"] })).await;
        let states = ["", "NotVisible", "Delayed"];
        states.iter().all(|state| attributes["Attributes"][format!("ApproximateNumberOfMessages{state}")] == "0")
    }

    async fn call(&self, operation: &str, mut request: Value) -> Value {
        request["QueueUrl"] = self.url().into();
        let local = self.app.local();
        let call = self.client.post(local.queue_url()).header("X-Amz-Target", format!("AmazonSQS.{operation}"));
        let call = call.header("X-Amz-Security-Token", local.session_token());
        let call = call.header("Content-Type", "application/x-amz-json-1.0").body(request.to_string());
        let response = call.send().await.expect("a response").bytes().await.expect("a body");
        if response.is_empty() { Value::Null } else { serde_json::from_slice(&response).expect("JSON") }
    }
}

impl Message {
    /// The event of this message.
    pub(super) fn event(&self) -> Value {
        json!({ "Records": [{ "messageId": self.0["MessageId"], "body": self.0["Body"] }] })
    }
}

/// The functions, with DynamoDB at this URL and this push service.
pub(super) fn functions(app: &App, dynamodb: &str, push_service: SocketAddr) -> HashMap<String, Handler> {
    in_process(|_| {
        let mut environment = app.local().environment(dynamodb);
        environment.insert("QUEUE_URL".to_owned(), Queue::new(app).url());
        environment.insert("PUSH_HOSTS".to_owned(), format!("http://{push_service}"));
        environment
    })
}

/// Invokes the authorizer; returns its context.
pub(super) async fn authorize(functions: &HashMap<String, Handler>, key: &Key<'_>) -> Value {
    let event = json!({
        "type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push", "path": "/push", "httpMethod": "POST",
        "headers": { "Authorization": format!("Bearer {}", key.secret) },
        "requestContext": { "requestId": "a-request" },
    });
    let policy = functions["Authorizer"](event).await.expect("a policy");
    assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Allow");
    policy["context"].clone()
}

/// Sends a push; returns its id.
pub(super) async fn send(functions: &HashMap<String, Handler>, context: Value) -> String {
    let event = json!({
        "httpMethod": "POST", "resource": "/push",
        "body": json!({ "title": "Hello", "message": "It works" }).to_string(),
        "requestContext": { "requestId": "a-request", "authorizer": context },
    });
    let response = functions["SendPush"](event).await.expect("a response");
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
    body["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

/// Whether an operation of DynamoDB writes.
pub(super) fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].contains(&operation)
}
