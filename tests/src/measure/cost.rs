//! The cost of one push in capacity units and queue messages, from the authorizer's write to the last result, and the
//! number of DynamoDB calls that the authorizer makes for an allowed request. The fault proxy counts both.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::domain::time::Timestamp;

use super::functions::{Queue, authorize, functions, is_write, send};
use super::print::print_line;
use crate::actors::Key;
use crate::app::App;
use crate::fault_proxy::{Fault, FaultProxy, RecordedCall};

/// Write units and read units.
type Units = (f64, f64);

/// The documented cost: recipients, then the units of the authorizer, of send-push and of deliver, then the messages.
/// The table in `docs/operations.md` is calculated from these. How many read units deliver needs depends a little on how the
/// ids are spread over the partitions, and on how often it looks whether the push is canceled.
const DOCUMENTED: [(usize, Units, Units, Units, usize); 3] = [
    (1, (1.0, 0.0), (2.0, 0.0), (4.0, 19.0), 1),
    (100, (1.0, 0.0), (2.0, 0.0), (4.0, 19.0), 1),
    (1_000, (1.0, 0.0), (2.0, 0.0), (13.0, 87.0), 1),
];

/// The difference from the documented read units that the ids can make.
const MAX_DIFFERENCE: f64 = 0.2;

/// Measures allowed requests, a push to one recipient, and a push to `recipients`.
pub async fn run(recipients: usize) {
    allowed_requests().await;
    push(1).await;
    push(recipients).await;
}

/// Measures the calls for allowed requests.
async fn allowed_requests() {
    let app = App::start().await;
    let proxy = FaultProxy::start(app.local().dynamodb_url(), true, |_| Fault::None).await;
    let functions = functions(&app, &proxy.url(), app.push_service.address());
    let limits = json!({ "per_minute": 60, "per_day": 1_000 });
    let (plain, limited) = (app.key().create().await, app.key().with("limits", limits).create().await);
    let calls = async |what: &str, key: &Key<'_>| {
        let _ = authorize(&functions, key).await;
        let calls: Vec<String> = proxy.take_calls().into_iter().map(|call| call.operation).collect();
        print_line(&format!("cost: authorizer, {what}: {}: {}", calls.len(), calls.join(", ")));
        calls.len()
    };
    let mut all = Vec::new();

    // The first request of a key creates its counters.
    let _ = calls("the first request of a key", &plain).await;
    all.push(calls("a plain key", &plain).await);
    let _ = calls("the first request of a key with limits", &limited).await;
    all.push(calls("a key with limits", &limited).await);
    let (admin, rotate) = (app.admin().await, format!("/keys/{}/rotate", limited.id));
    let rotated = admin.post(&rotate, &json!({ "overlap_seconds": 600 })).await.expect(200).json();
    let new = limited.with_secret(rotated["secret"].as_str().expect("a secret"));
    all.push(calls("the new secret after a rotation", &new).await);
    all.push(calls("the old secret after a rotation", &limited).await);
    move_usage_to_yesterday(&app, &plain).await;
    all.push(calls("the first request of a day", &plain).await);

    assert_eq!(all, [1, 1, 1, 2, 1]);
    app.stop().await;
}

/// Moves a key's usage of today to yesterday.
async fn move_usage_to_yesterday(app: &App, key: &Key<'_>) {
    let today = Timestamp::now().day();
    let update = app.local().dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(key.id.clone()));
    let update = update.update_expression("SET #yesterday = #today REMOVE #today");
    let update = update.expression_attribute_names("#today", format!("d{today}"));
    let update = update.expression_attribute_names("#yesterday", format!("d{}", today - 1));
    update.condition_expression("attribute_exists(#today)").send().await.expect("an update");
}

async fn push(recipients: usize) {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    for _ in 0..recipients {
        subscriber.subscribe(&app.push_service.browser(), &[]).await;
    }
    let key = app.key().create().await;
    let proxy = FaultProxy::start(app.local().dynamodb_url(), true, |_| Fault::None).await;
    let functions = functions(&app, &proxy.url(), app.push_service.address());

    let context = authorize(&functions, &key).await;
    let authorizer = report("authorizer", &proxy.take_calls());
    let sent = send(&functions, context).await;
    let send_push = report("send-push", &proxy.take_calls());
    let (mut messages, mut calls) = (0, Vec::new());
    let queue = Queue::new(&app);
    while let Some(message) = queue.receive().await {
        queue.delete(&message).await;
        messages += 1;
        let left = functions["Deliver"](message.event()).await.expect("a response");
        assert_eq!(left["batchItemFailures"], json!([]));
        calls.extend(proxy.take_calls());
    }
    let deliver = report("deliver", &calls);
    print_line(&format!("cost: {recipients} recipients: {messages} messages on the queue"));
    if let Some(documented) = DOCUMENTED.iter().find(|(documented, ..)| *documented == recipients) {
        let (_, _, _, (_, read), _) = *documented;
        assert!((deliver.1 - read).abs() <= MAX_DIFFERENCE * read, "{} read units instead of {read}", deliver.1);
        assert_eq!((recipients, authorizer, send_push, (deliver.0, read), messages), *documented);
    }

    let seen = key.get(&format!("/push/{sent}")).await.expect(200).json();
    assert_eq!(
        (seen["status"].as_str(), seen["counts"]["delivered"].as_u64()),
        (Some("done"), Some(recipients as u64))
    );
    app.stop().await;
}

/// Prints the calls of one function with their units. The embedded database does not return the units of a write whose
/// condition failed. DynamoDB charges it like any other write, here 1 unit: these items are under 1 KB.
fn report(function: &str, calls: &[RecordedCall]) -> Units {
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
    let (written, read) = (units(true), units(false));
    print_line(&format!("cost: {function}: {written} write units, {read} read units: {}", each.join(", ")));
    (written, read)
}
