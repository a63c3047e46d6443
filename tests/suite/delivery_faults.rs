//! A delivery whose writes are held or never answered is not forgotten: its message comes again, and finds it done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::push::{Audience, Counts, Progress};
use tests::App;
use tests::direct_delivery::Courier;
use tests::fault_proxy::{Fate, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_tried_again_is_not_forgotten_if_the_last_write_is_never_answered() {
    let app = App::start().await;
    let device = app.push_service.device();
    device.answers(&[503]);
    app.subscriber().await.subscribe(&device, &[]).await;
    // As many as the SDK tries: the results are written, and nobody tells the function.
    let left = Arc::new(AtomicUsize::new(3));
    let wire = Proxy::losing_transactions(app.laptop().dynamodb_url(), Fate::LoseAnswer, &left).await;
    let (lossy, sound) = (Courier::new(&app, &wire.url()), Courier::new(&app, app.laptop().dynamodb_url()));
    let push = sound.keep(Audience::All).await;

    let (first, second) = (lossy.deliver(&push).await, sound.deliver(&push).await);
    app.delivered().await;

    assert_eq!((first, second), (false, true), "the message must come again");
    assert_eq!((device.attempts(), device.received().len()), (2, 1));
    let push = sound.find(&push).await.expect("the push");
    assert_eq!(push.progress, Progress::Done);
    assert_eq!(push.counts, Counts { recipients: 1, delivered: 1, gone: 0, failed: 0 });
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_other_pages_hold_it_begins_and_ends_all_the_same() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let conflicts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&conflicts);
    // The plain writes to the push itself, each held twice before it passes.
    let wire = Proxy::start(app.laptop().dynamodb_url(), false, move |request| {
        let moves_on = request["UpdateExpression"].as_str().is_some_and(|change| change.starts_with("SET progress"));
        let held = moves_on && counted.fetch_add(1, Ordering::SeqCst) % 3 < 2;
        if held { Fate::Conflict } else { Fate::Pass }
    })
    .await;
    let courier = Courier::new(&app, &wire.url());
    let push = courier.keep(Audience::All).await;

    assert!(courier.deliver(&push).await, "its message is done with");

    assert_eq!((conflicts.load(Ordering::SeqCst), device.received().len()), (6, 1));
    assert_eq!(courier.find(&push).await.expect("the push").progress, Progress::Done);
    app.stop().await;
}
