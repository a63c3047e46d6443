//! One push to many subscriptions, over DynamoDB's limits: every recipient gets it once, and what a recipient costs does not
//! grow with their number.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use futures::stream::{self, StreamExt as _};
use local::lambda::{Handler, in_process};
use serde_json::json;
use tokio::net::TcpListener;

use super::functions::{Queue, authorize, is_write, send};
use super::print::print_line;
use crate::app::App;
use crate::dynamodb_limits::DynamoDbLimits;
use crate::fault_proxy::FaultProxy;

/// The share of a limit from which a partition or an item is named.
const BUSY: f64 = 0.1;

/// The most that a recipient may cost, in write units and read units: of one channel, and of several.
const MAX_UNITS: (f64, f64) = (0.03, 0.12);
const MAX_UNITS_OF_CHANNELS: (f64, f64) = (0.03, 0.3);

/// The number of recipients from which a recipient's share of what a push costs at least is small.
const MANY: usize = 10_000;

/// A push service that only counts.
struct Counter {
    received: Vec<AtomicU8>,
    first: OnceLock<Instant>,
}

/// Sends one push to so many subscriptions, each of which is in every one of so many channels, with at most so many
/// functions at once.
pub async fn run(subscriptions: usize, channels: usize, functions: usize) {
    let received = (0..subscriptions).map(|_| AtomicU8::new(0)).collect();
    let counter = Arc::new(Counter { received, first: OnceLock::new() });
    let address = serve(Arc::clone(&counter)).await;
    let app = App::start().await;
    let slugs: Vec<String> = (0..channels).map(|index| format!("channel-{index}")).collect();
    app.channels(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).await;
    seed(&app, subscriptions, &slugs, address).await;

    let limits = Arc::new(DynamoDbLimits::default());
    let proxy = FaultProxy::with_limits(app.local().dynamodb_url(), Arc::clone(&limits)).await;
    let queue = Queue::new(&app);
    let handlers = in_process(|_| {
        let mut environment = app.local().environment(&proxy.url());
        environment.insert("QUEUE_URL".to_owned(), queue.url());
        environment.insert("PUSH_HOSTS".to_owned(), format!("http://{address}"));
        environment
    });
    let key = app.key().channels(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).create().await;
    let context = authorize(&handlers, &key).await;
    let memory = resident_kilobytes();
    let _ = proxy.take_calls();

    let started = Instant::now();
    let push = send(&handlers, context).await;
    let accepted = started.elapsed();
    let messages = deliver(&queue, &handlers["Deliver"], functions).await;
    let last = started.elapsed();
    let first = counter.first.get().expect("a delivery").duration_since(started);

    let (written, read, calls) = totals(&proxy);
    let of = |units: f64| units / subscriptions as f64;
    print_line(&format!(
        "load: {subscriptions} recipients in {channels} channels, {functions} functions: accepted in {accepted:.0?}, \
         the first after {first:.0?}, all after {last:.1?}; {:.4} write units, {:.4} read units, {:.5} messages and {:.4} calls \
         a recipient; memory +{} MB",
        of(written),
        of(read),
        of(messages as f64),
        of(calls as f64),
        resident_kilobytes().saturating_sub(memory) / 1024,
    ));
    print_line(&format!("load: refused by the limits: {:?}", limits.refused()));
    for (name, share) in limits.busiest(BUSY) {
        print_line(&format!("load: {:.0} % of its limit in some second: {name}", share * 100.0));
    }
    let seen = key.get(&format!("/push/{push}")).await.expect(200).json();
    let expected = json!({ "recipients": subscriptions, "delivered": subscriptions, "gone": 0, "failed": 0 });
    assert_eq!((&seen["status"], &seen["counts"]), (&json!("done"), &expected));
    assert!(counter.received.iter().all(|times| times.load(Ordering::Relaxed) == 1), "each recipient got it once");
    if subscriptions >= MANY {
        let (max_written, max_read) = if channels == 1 { MAX_UNITS } else { MAX_UNITS_OF_CHANNELS };
        assert!(of(written) <= max_written && of(read) <= max_read, "a recipient costs more");
    }
    app.stop().await;
}

/// Runs so many functions at once for the queue's messages until none is left; the number of messages.
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

/// Writes the subscriptions as the store does, without its transactions.
async fn seed(app: &App, subscriptions: usize, slugs: &[String], push_service: SocketAddr) {
    let client = app.local().dynamodb();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: usize| AttributeValue::N(value.to_string());
    let mut ids = Vec::new();
    for slug in slugs {
        let update =
            client.update_item().table_name("ChannelsTable").key("account", text("acme")).key("slug", text(slug));
        let update =
            update.update_expression("SET subscriptions = :n").expression_attribute_values(":n", number(subscriptions));
        let update = update.return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        let channel = update.send().await.expect("an update").attributes.expect("a channel");
        ids.push(channel["id"].as_s().expect("an id").clone());
    }
    let update = client.update_item().table_name("ChannelsTable").key("account", text("acme#count"));
    let update = update.key("slug", text("subscriptions")).update_expression("SET n = :n");
    update.expression_attribute_values(":n", number(subscriptions)).send().await.expect("an update");

    let vapid = app.local().vapid_secret().await;
    let vapid = vapid["current"].as_str().unwrap_or("a-key").to_owned();
    let channels: AttributeValue =
        AttributeValue::M(ids.iter().zip(slugs).map(|(id, slug)| (id.clone(), text(slug))).collect());
    let items = (0..subscriptions).flat_map(|index| {
        // As evenly spread as digests.
        let id = format!("{:032x}", (index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        // As long as an endpoint of FCM.
        let endpoint = format!("http://{push_service}/{index}/{}", "x".repeat(160));
        let target = [
            ("kind", text("web_push")),
            ("endpoint", text(&endpoint)),
            ("p256dh", text("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")),
            ("auth", text("BTBZMqHH6r4Tts7J_aSIgg")),
            ("vapid", text(&vapid)),
        ];
        let item = |partition: String, more: Vec<(&str, AttributeValue)>| {
            let key = [("pk", AttributeValue::S(partition)), ("sk", text(&id))];
            let item = key.into_iter().chain(target.clone()).chain(more);
            let put =
                PutRequest::builder().set_item(Some(item.map(|(name, value)| (name.to_owned(), value)).collect()));
            WriteRequest::builder().put_request(put.build().expect("an item")).build()
        };
        let record = vec![
            ("created_at", number(0)),
            ("updated_at", number(0)),
            ("channels", channels.clone()),
            ("revision", text("12345678")),
        ];
        let record = item(format!("acme#{}", &id[..1]), record);
        let memberships: Vec<_> =
            ids.iter().map(|channel| item(format!("acme#{channel}#{}", &id[..1]), Vec::new())).collect();
        std::iter::once(record).chain(memberships)
    });
    let mut batch = Vec::with_capacity(25);
    let mut items = items.peekable();
    while let Some(item) = items.next() {
        batch.push(item);
        if batch.len() == 25 || items.peek().is_none() {
            let write = client.batch_write_item().request_items("SubscriptionsTable", std::mem::take(&mut batch));
            let left = write.send().await.expect("a write").unprocessed_items;
            assert!(left.is_none_or(|left| left.is_empty()));
        }
    }
}

/// Serves the push service.
async fn serve(counter: Arc<Counter>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let accept = async |State(counter): State<Arc<Counter>>, Path((index, _)): Path<(usize, String)>| {
        counter.received[index].fetch_add(1, Ordering::Relaxed);
        counter.first.get_or_init(Instant::now);
        StatusCode::CREATED
    };
    let router = Router::new().route("/{index}/{rest}", post(accept)).with_state(counter);
    tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
    address
}

/// The resident memory of this process.
fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
