//! Delivery under faults: if its writes conflict or get no response, the message is delivered again and nothing is
//! lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use shared::domain::audience::Audience;
use shared::domain::delivery_task::DeliveryTask;
use shared::domain::push::{DeliveryCounts, PushStatus};
use shared::domain::time::Timestamp;
use shared::store::Lease;
use tests::App;
use tests::direct_delivery::DirectDelivery;
use tests::fault_proxy::{Fault, FaultProxy};
use tests::many_subscriptions;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_not_lost_if_the_last_write_gets_no_response() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    browser.respond_with(&[503]);
    app.subscriber().await.subscribe(&browser, &[]).await;
    // The number of attempts of the SDK: the results are written, and the function gets no response.
    let left = Arc::new(AtomicUsize::new(3));
    let proxy = FaultProxy::with_transaction_faults(app.local().dynamodb_url(), Fault::LoseResponse, &left).await;
    let (faulty, sound) =
        (DirectDelivery::new(&app, &proxy.url()).await, DirectDelivery::new(&app, app.local().dynamodb_url()).await);
    let push = sound.save_push(Audience::All).await;

    let (first, second) = (faulty.deliver(&push).await, sound.deliver(&push).await);
    app.delivered().await;

    assert_eq!((first, second), (false, true), "SQS must deliver the message again");
    assert_eq!((browser.attempts(), browser.received().len()), (2, 1));
    let push = sound.find(&push).await.expect("the push");
    assert_eq!(push.status, PushStatus::Done);
    assert_eq!(push.counts, DeliveryCounts { recipients: 1, delivered: 1, gone: 0, failed: 0 });
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_starts_and_finishes_despite_conflicts_with_its_other_pages() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let conflicts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&conflicts);
    // Each write to the push itself conflicts twice before it is applied.
    let proxy = FaultProxy::start(app.local().dynamodb_url(), false, move |request| {
        let moves_on = request["UpdateExpression"].as_str().is_some_and(|change| change.starts_with("SET progress"));
        let conflict = moves_on && counted.fetch_add(1, Ordering::SeqCst) % 3 < 2;
        if conflict { Fault::Conflict } else { Fault::None }
    })
    .await;
    let direct = DirectDelivery::new(&app, &proxy.url()).await;
    let push = direct.save_push(Audience::All).await;

    assert!(direct.deliver(&push).await, "the message is done");

    assert_eq!((conflicts.load(Ordering::SeqCst), browser.received().len()), (6, 1));
    assert_eq!(direct.find(&push).await.expect("the push").status, PushStatus::Done);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_another_function_holds_comes_again_when_its_lease_ends() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let direct = DirectDelivery::new(&app, app.local().dynamodb_url()).await;
    let push = direct.save_push(Audience::All).await;
    // As a function that was killed.
    let (task, now) = (DeliveryTask::first(&direct.account, &push.id), Timestamp::now());
    let lease = direct.store.lease_task(&task, "killed", now, now.plus_seconds(3)).await.expect("a lease");
    assert!(matches!(lease, Lease::Acquired(None)), "{lease:?}");

    app.local().enqueue(&serde_json::to_string(&task).expect("JSON")).await;
    app.delivered().await;

    let waited = direct.find(&push).await.expect("the push").finished_at.expect("it is done").millis() - now.millis();
    assert!((3_000..30_000).contains(&waited), "the visibility timeout is 360 seconds: {waited} ms");
    assert_eq!(browser.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_push_service_does_not_hold_a_page() {
    const RECIPIENTS: usize = 100;
    let app = App::start().await;
    // It answers 429 to everything, slowly: each answer halves the window, down to one request at a time.
    let answer = || async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        StatusCode::TOO_MANY_REQUESTS
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    many_subscriptions::seed(&app, RECIPIENTS, RECIPIENTS, &[], address).await;
    let direct = DirectDelivery::with_push_service(&app, app.local().dynamodb_url(), address).await;
    let push = direct.save_push(Audience::All).await;

    let started = Instant::now();
    assert!(direct.deliver(&push).await);

    // One at a time, the page would take 32 seconds.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(direct.pending_retries(&push).await.len(), RECIPIENTS, "nobody is given up");
    service.abort();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_service_that_does_not_answer_is_not_waited_for_by_each_recipient() {
    const RECIPIENTS: usize = 400;
    let app = App::start().await;
    // It accepts connections, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.push(connection);
        }
    });
    many_subscriptions::seed(&app, RECIPIENTS, RECIPIENTS, &[], address).await;
    let direct = DirectDelivery::with_push_service(&app, app.local().dynamodb_url(), address).await;
    let push = direct.save_push(Audience::All).await;

    assert!(direct.deliver(&push).await);

    // The window of a new origin, and what was sent between its first unanswered request and its third.
    let connections = connections.load(Ordering::SeqCst);
    assert!((20..=22).contains(&connections), "{connections}");
    assert_eq!(direct.pending_retries(&push).await.len(), RECIPIENTS, "nobody is given up");
    let push = direct.find(&push).await.expect("the push");
    assert_eq!((push.status, push.counts.failed), (PushStatus::Sending, 0));
    silent.abort();
    app.stop().await;
}
