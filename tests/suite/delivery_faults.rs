//! Delivery under faults: if its writes conflict or get no response, the message is delivered again and nothing is
//! lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::domain::audience::Audience;
use shared::domain::push::{DeliveryCounts, PushStatus};
use tests::App;
use tests::direct_delivery::DirectDelivery;
use tests::fault_proxy::{Fault, FaultProxy};

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
