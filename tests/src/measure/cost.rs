//! What one push costs at the tables and the queue, counted on the wire: from the authorizer's write to the last result.

use std::collections::{BTreeMap, HashMap};

use local::functions::{Handler, in_process};
use reqwest::Client;
use serde_json::{Value, json};

use super::say;
use crate::proxy::{Call, Fate, Proxy};
use crate::{App, Key};

/// A queue that nobody takes from but this program.
const QUEUE: &str = "PushDeadLetters";

/// A push to so many recipients, who are all of the account.
pub async fn run(recipients: usize) {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    for _ in 0..recipients {
        subscriber.subscribe(&app.push_service.device(), &[]).await;
    }
    let key = app.key().create().await;
    let wire = Proxy::start(app.laptop().dynamodb_url(), true, |_| Fate::Pass).await;
    let functions = functions(&app, &wire);

    let context = authorize(&functions, &key).await;
    tell("authorizer", &wire.take_calls());
    let sent = send(&functions, context).await;
    tell("send-push", &wire.take_calls());
    let (mut messages, mut calls) = (0, Vec::new());
    while let Some(event) = next_message(&app).await {
        messages += 1;
        let left = functions["Deliver"](event).await.expect("an answer");
        assert_eq!(left["batchItemFailures"], json!([]));
        calls.extend(wire.take_calls());
    }
    tell("deliver", &calls);
    say(&format!("cost: {recipients} recipients: {messages} messages on the queue"));

    let seen = key.get(&format!("/push/{sent}")).await.expect(200).json();
    assert_eq!(
        (seen["status"].as_str(), seen["counts"]["delivered"].as_u64()),
        (Some("done"), Some(recipients as u64))
    );
    app.stop().await;
}

/// The functions, with their tables behind the wire and their queue where nobody else takes from it.
fn functions(app: &App, wire: &Proxy) -> HashMap<String, Handler> {
    in_process(|_| {
        let mut environment = app.laptop().environment(&wire.url());
        environment.insert("QUEUE_URL".to_owned(), queue(app));
        environment
    })
}

fn queue(app: &App) -> String {
    format!("{}/000000000000/{QUEUE}", app.laptop().queue_url())
}

async fn authorize(functions: &HashMap<String, Handler>, key: &Key<'_>) -> Value {
    let event = json!({
        "type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push", "path": "/push", "httpMethod": "POST",
        "headers": { "Authorization": format!("Bearer {}", key.secret) },
        "requestContext": { "requestId": "a-request" },
    });
    functions["Authorizer"](event).await.expect("a policy")["context"].clone()
}

/// Sends; answers the push's id.
async fn send(functions: &HashMap<String, Handler>, context: Value) -> String {
    let event = json!({
        "resource": "/push", "body": json!({ "title": "Hello", "message": "It works" }).to_string(),
        "requestContext": { "requestId": "a-request", "authorizer": context },
    });
    let answer = functions["SendPush"](event).await.expect("an answer");
    let body: Value = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
    body["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

/// The event of the next message, which is taken off the queue.
async fn next_message(app: &App) -> Option<Value> {
    let call = async |operation: &str, mut request: Value| -> Value {
        request["QueueUrl"] = queue(app).into();
        let call =
            Client::new().post(app.laptop().queue_url()).header("X-Amz-Target", format!("AmazonSQS.{operation}"));
        let call = call.header("Content-Type", "application/x-amz-json-1.0").body(request.to_string());
        let answer = call.send().await.expect("an answer").bytes().await.expect("a body");
        serde_json::from_slice(&answer).expect("JSON")
    };
    let received = call("ReceiveMessage", json!({})).await;
    let message = received["Messages"].get(0)?;
    call("DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await;
    Some(json!({ "Records": [{ "messageId": message["MessageId"], "body": message["Body"] }] }))
}

/// Prints the calls of one function and the units that they cost. The engine does not tell what a write costs whose
/// condition fails; it is charged like any other (DynamoDB, condition expressions), and these items are under 1 KB.
fn tell(function: &str, calls: &[Call]) {
    let mut operations: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for call in calls {
        assert!(call.status == 200 || is_write(&call.operation), "{call:?}");
        let (count, units) = operations.entry(&call.operation).or_default();
        *count += 1;
        *units += if call.status == 200 { call.units } else { 1.0 };
    }
    let units = |writes: bool| -> f64 {
        let of_kind = operations.iter().filter(|(operation, _)| is_write(operation) == writes);
        of_kind.fold(0.0, |sum, (_, (_, units))| sum + units)
    };
    let each: Vec<String> =
        operations.iter().map(|(operation, (count, units))| format!("{count} {operation} ({units})")).collect();
    say(&format!("cost: {function}: {} write units, {} read units: {}", units(true), units(false), each.join(", ")));
}

fn is_write(operation: &str) -> bool {
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].contains(&operation)
}
