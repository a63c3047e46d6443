//! Kills: of functions while they deliver one push, and of the whole program while it accepts pushes. Nobody is lost, the
//! counts are exact, and only pages in flight are sent twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::functions::{Queue, authorize, functions, send};
use super::gateway_process::GatewayProcess;
use super::print::print_line;
use crate::app::App;
use crate::many_subscriptions::{CountingPushService, seed};
use push_service::{Browser, PushService};

/// The number of recipients of the push whose functions are killed.
const RECIPIENTS: usize = 10_000;

/// The number of recipients of a page.
const PAGE: usize = 100;

/// The number of browsers that each push of the killed program goes to.
const BROWSERS: usize = 10;

/// The number of clients that send at once.
const SENDERS: usize = 4;

/// The time from the last start in which every accepted push must be done.
const RECOVERY: Duration = Duration::from_mins(2);

/// Kills `functions` during one push, and then the program as often as `programs` says while clients send.
pub async fn run(functions: usize, programs: usize) {
    kill_functions(functions).await;
    // With none there is nothing to assert.
    if programs > 0 {
        kill_programs(programs).await;
    }
}

async fn kill_functions(kills: usize) {
    let service = CountingPushService::start(RECIPIENTS, false).await;
    let app = App::start().await;
    seed(&app, RECIPIENTS, RECIPIENTS, &[], service.address()).await;
    let queue = Queue::new(&app);
    let functions = functions(&app, app.local().dynamodb_url(), service.address());
    let key = app.key().create().await;
    let push = send(&functions, authorize(&functions, &key).await).await;

    let (mut killed, mut progress) = (0, 0);
    while let Some(message) = queue.receive().await {
        loop {
            // A function that is killed sends nothing and writes nothing from then on; what it has sent arrives.
            let run = functions["Deliver"](message.event());
            let life = Duration::from_millis(rand::rng().random_range(0..40));
            let ended = if killed < kills { tokio::time::timeout(life, run).await.ok() } else { Some(run.await) };
            let seen = key.get(&format!("/push/{push}")).await.expect(200).json();
            let delivered = seen["counts"]["delivered"].as_u64().expect("a number");
            assert!(delivered >= progress, "the progress is monotone");
            progress = delivered;
            if let Some(response) = ended {
                assert_eq!(response.expect("a response")["batchItemFailures"], json!([]));
                break;
            }
            killed += 1;
            end_leases(&app).await;
        }
        queue.delete(&message).await;
    }

    let seen = key.get(&format!("/push/{push}")).await.expect(200).json();
    let received = service.accepted();
    let lost = received.iter().map(|times| usize::from(*times == 0)).sum::<usize>();
    let twice: usize = received.iter().map(|times| usize::from(times.saturating_sub(1))).sum();
    print_line(&format!(
        "kills: {killed} functions in a push to {RECIPIENTS}: {lost} lost, {twice} sent again; {seen}"
    ));
    let expected = json!({ "recipients": RECIPIENTS, "delivered": RECIPIENTS, "gone": 0, "failed": 0 });
    assert_eq!((&seen["status"], &seen["counts"]), (&json!("done"), &expected));
    assert_eq!(killed, kills, "the push lasts as long as the kills");
    assert!(lost == 0 && twice <= kills * PAGE, "at most the page in flight is sent again");
    app.stop().await;
}

/// Ends every lease, as its time does.
async fn end_leases(app: &App) {
    let client = app.local().dynamodb();
    let past = AttributeValue::N("0".to_owned());
    let mut items = client.scan().table_name("PushesTable").filter_expression("lease_ends > :past");
    items = items.expression_attribute_values(":past", past.clone());
    let mut items = items.into_paginator().items().send();
    while let Some(item) = items.next().await {
        let item = item.expect("an item");
        let update = client.update_item().table_name("PushesTable").key("pk", item["pk"].clone());
        let update = update.key("sk", item["sk"].clone()).update_expression("SET lease_ends = :past");
        update.expression_attribute_values(":past", past.clone()).send().await.expect("an update");
    }
}

async fn kill_programs(kills: usize) {
    let service = PushService::start().await;
    let mut gateway = GatewayProcess::start(service.address());
    let token = gateway.id_token("admin@acme").await;
    let page_key = gateway.create_key(&token, "Subscriptions/Write", None).await;
    let key = gateway.create_key(&token, "PushNotifications/Send", None).await;
    let browsers: Vec<Browser> = (0..BROWSERS).map(|_| service.browser()).collect();
    for browser in &browsers {
        let body = browser.subscription(&[]).to_string();
        assert_eq!(gateway.call(Method::PUT, "/subscriptions", &page_key.secret, Some(&body)).await.0, 201);
    }

    let mut accepted = Vec::new();
    for _ in 0..kills {
        let life = Duration::from_millis(rand::rng().random_range(50..1_500));
        let (stop, stopped) = watch::channel(());
        let senders = (0..SENDERS).map(|_| send_until(&gateway, &key.secret, stopped.clone()));
        let senders = futures::future::join_all(senders);
        let kill = async {
            tokio::time::sleep(life).await;
            drop(stop);
        };
        let (sent, ()) = tokio::join!(senders, kill);
        accepted.extend(sent.into_iter().flatten());
        gateway.kill_and_restart();
    }

    let started = Instant::now();
    for id in &accepted {
        let path = format!("/push/{id}");
        loop {
            let (status, push) = gateway.call(Method::GET, &path, &key.secret, None).await;
            if push["status"] == "done" {
                assert_eq!(push["counts"]["delivered"], json!(BROWSERS), "{push}");
                break;
            }
            assert!(started.elapsed() < RECOVERY, "{id} is not done: {status} {push}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let recovery = started.elapsed();
    let again: usize = browsers.iter().map(|browser| check_received(browser, &accepted)).sum();
    print_line(&format!(
        "kills: {kills} of the program: {} pushes accepted, 0 lost, all done {recovery:.0?} after the last start; {again} of \
         {} sent again",
        accepted.len(),
        accepted.len() * BROWSERS,
    ));
}

/// Sends until it is told to stop, or until there is no response; the accepted pushes.
async fn send_until(gateway: &GatewayProcess, secret: &str, mut stopped: watch::Receiver<()>) -> Vec<String> {
    let mut accepted = Vec::new();
    while stopped.has_changed().is_ok() {
        match gateway.send_push(secret).await {
            Some(id) => accepted.push(id),
            None => {
                let _ = stopped.changed().await;
            }
        }
    }
    accepted
}

/// Asserts that a browser received every accepted push; how often it got one again.
fn check_received(browser: &Browser, accepted: &[String]) -> usize {
    let mut times: HashMap<String, usize> = HashMap::new();
    for push in browser.received() {
        let content: Value = serde_json::from_str(&push.plaintext).expect("JSON");
        *times.entry(content["id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    let lost: Vec<&String> = accepted.iter().filter(|id| !times.contains_key(*id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    times.values().map(|times| times - 1).sum()
}
