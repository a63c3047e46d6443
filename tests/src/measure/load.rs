//! One push to many subscriptions, over DynamoDB's limits: every recipient gets it once, and what a recipient costs does not
//! grow with their number.

#![expect(clippy::cast_precision_loss, reason = "numbers of calls and of subscriptions are exact as floats")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use local::lambda::Handler;
use serde_json::json;

use super::functions::{Queue, authorize, is_write, send};
use super::gateway_process::resident;
use super::print::print_line;
use crate::app::App;
use crate::dynamodb_limits::DynamoDbLimits;
use crate::fault_proxy::FaultProxy;
use crate::many_subscriptions::{CountingPushService, Response, seed};

/// The share of a limit from which a partition or an item is named.
const BUSY: f64 = 0.1;

/// The most that a recipient may cost, in write units and read units: of one channel, and of several.
const MAX_UNITS: (f64, f64) = (0.03, 0.12);
const MAX_UNITS_OF_CHANNELS: (f64, f64) = (0.03, 0.3);

/// The number of recipients from which a recipient's share of what a push costs at least is small.
const MANY: usize = 10_000;

/// Sends one push to `subscriptions`, each of which is in every one of `channels`, with at most `functions` at once. The
/// approximate numbers of subscriptions say `counted`. With `faulty`, the push service rejects some and breaks connections.
pub async fn run(subscriptions: usize, counted: usize, channels: usize, functions: usize, faulty: bool) {
    let service = CountingPushService::start(subscriptions, faulty).await;
    let app = App::start().await;
    let slugs: Vec<String> = (0..channels).map(|index| format!("channel-{index}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    app.channels(&slugs).await;
    seed(&app, subscriptions, counted, &slugs, service.address()).await;

    let limits = Arc::new(DynamoDbLimits::default());
    let proxy = FaultProxy::with_limits(app.local().dynamodb_url(), Arc::clone(&limits)).await;
    let queue = Queue::new(&app);
    let handlers = super::functions::functions(&app, &proxy.url(), service.address());
    let key = app.key().channels(&slugs).create().await;
    let context = authorize(&handlers, &key).await;
    let memory = resident(std::process::id());
    let _ = proxy.take_calls();

    let started = Instant::now();
    let push = send(&handlers, context).await;
    let accepted = started.elapsed();
    let messages = deliver(&queue, &handlers["Deliver"], functions).await;
    let total = started.elapsed();
    let first = service.first().duration_since(started);

    let (written, read, calls) = totals(&proxy);
    let of = |units: f64| units / subscriptions as f64;
    print_line(&format!(
        "load: {subscriptions} recipients in {channels} channels, {functions} functions: accepted in {accepted:.0?}, \
         the first after {first:.0?}, all after {total:.1?}; {:.4} write units, {:.4} read units, {:.5} messages and {:.4} calls \
         a recipient; memory +{} MB",
        of(written),
        of(read),
        of(messages as f64),
        of(calls as f64),
        resident(std::process::id()).saturating_sub(memory) / 1024,
    ));
    print_line(&format!("load: refused by the limits: {:?}", limits.refused()));
    for (name, share) in limits.busiest(BUSY) {
        print_line(&format!("load: {:.0} % of its limit in some second: {name}", share * 100.0));
    }
    let seen = key.get(&format!("/push/{push}")).await.expect(200).json();
    let (gone, broken) = if faulty { expected_faults(subscriptions) } else { (0, 0) };
    let expected = json!({ "recipients": subscriptions, "delivered": subscriptions - gone, "gone": gone, "failed": 0 });
    assert_eq!((&seen["status"], &seen["counts"]), (&json!("done"), &expected));
    let accepted = service.accepted();
    let lost = accepted.iter().map(|times| usize::from(*times == 0)).sum::<usize>() - gone;
    let twice = accepted.iter().map(|times| usize::from(times.saturating_sub(1))).sum::<usize>();
    print_line(&format!("load: {lost} lost, {twice} sent again after a broken connection; {}", seen["counts"]));
    assert_eq!((lost, twice), (0, broken), "each recipient got it once");
    if subscriptions >= MANY && counted == subscriptions && !faulty {
        let (max_written, max_read) = if channels == 1 { MAX_UNITS } else { MAX_UNITS_OF_CHANNELS };
        assert!(of(written) <= max_written && of(read) <= max_read, "a recipient costs more");
    }
    app.stop().await;
}

/// The subscriptions that are gone, and those whose connection breaks, at a faulty push service.
fn expected_faults(subscriptions: usize) -> (usize, usize) {
    let responses = (0..subscriptions).map(Response::of);
    let of_kind = |kind: fn(&Response) -> bool| responses.clone().filter(kind).count();
    (of_kind(|it| matches!(it, Response::Gone(_))), of_kind(|it| *it == Response::Broken))
}

/// Runs `functions` at once for the queue's messages until none is left; the number of messages.
async fn deliver(queue: &Queue<'_>, deliver: &Handler, functions: usize) -> usize {
    let (messages, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let function = async |_| {
        loop {
            busy.fetch_add(1, Ordering::SeqCst);
            let message = queue.receive().await;
            if let Some(message) = &message {
                messages.fetch_add(1, Ordering::Relaxed);
                let response = deliver(message.event()).await.expect("a response");
                assert_eq!(response["batchItemFailures"], json!([]), "no task comes again");
                queue.delete(message).await;
            }
            let others = busy.fetch_sub(1, Ordering::SeqCst) - 1;
            if message.is_none() {
                if others == 0 && queue.is_empty().await {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    stream::iter(0..functions).for_each_concurrent(None, function).await;
    messages.into_inner()
}

/// The write units, read units and calls that the proxy recorded, and each operation printed.
fn totals(proxy: &FaultProxy) -> (f64, f64, usize) {
    let (mut written, mut read) = (0.0, 0.0);
    let mut operations: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    let calls = proxy.take_calls();
    for call in &calls {
        let of_operation = operations.entry(call.operation.clone()).or_default();
        *of_operation = (of_operation.0 + 1, of_operation.1 + call.units);
        *if is_write(&call.operation) { &mut written } else { &mut read } += call.units;
    }
    let each: Vec<String> =
        operations.iter().map(|(operation, (count, units))| format!("{count} {operation} ({units})")).collect();
    print_line(&format!("load: {}", each.join(", ")));
    (written, read, calls.len())
}
