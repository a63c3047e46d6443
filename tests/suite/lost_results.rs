//! A delivery whose last write is never answered is not forgotten: its message comes again, and finds it done.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use deliver::{Delivery, Sender};
use serde_json::{Value, json};
use shared::account::Account;
use shared::key::KeyId;
use shared::push::{Audience, Counts, Progress, Push, PushId, Ttl, Urgency};
use shared::queue::Queue;
use shared::store::Store;
use shared::subscription::PushHosts;
use shared::task::Task;
use shared::time::Timestamp;
use shared::vapid_secret::VapidSecret;
use tests::App;
use tests::proxy::{Fate, Proxy};

fn delivery(app: &App, dynamodb: &str) -> Delivery {
    let config = app.laptop().config(dynamodb);
    let hosts = PushHosts::parse(&format!("http://{}", app.push_service.address()));
    Delivery {
        store: Store::connect(&config).expect("a store"),
        queue: Queue::connect(&config).expect("a queue"),
        vapid: VapidSecret::connect(&config).expect("a secret"),
        sender: Sender::new(hosts, "mailto:tests@example.com".to_owned()).expect("a sender"),
    }
}

fn push() -> Push {
    let now = Timestamp::now();
    Push {
        id: PushId::generate(now),
        key: KeyId::generate(now),
        content: serde_json::from_str(r#"{"title": "Hello"}"#).expect("content"),
        audience: Audience::All,
        ttl: Ttl::default(),
        urgency: Urgency::default(),
        topic: None,
        request_id: "a-request".to_owned(),
        created_at: now,
        finished_at: None,
        progress: Progress::Queued,
        counts: Counts::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_tried_again_is_not_forgotten_if_the_last_write_is_never_answered() {
    let app = App::start().await;
    let device = app.push_service.device();
    device.answers(&[503]);
    app.subscriber().await.subscribe(&device, &[]).await;
    // As many as the SDK tries: the results are written, and nobody tells the function.
    let left = Arc::new(AtomicUsize::new(3));
    let wire = Proxy::losing_transactions(app.laptop().dynamodb_url(), Fate::LoseAnswer, &left).await;
    let (lossy, sound) = (delivery(&app, &wire.url()), delivery(&app, app.laptop().dynamodb_url()));
    let (account, push) = (Account::try_from("acme".to_owned()).expect("an account"), push());
    sound.store.add_push(&account, &push).await.expect("a push");
    let task = serde_json::to_string(&Task::first(&account, &push.id)).expect("a task");
    let event = json!({ "Records": [{ "messageId": "m", "body": task }] });

    let first: Value = deliver::handle(&lossy, event.clone()).await;
    let second: Value = deliver::handle(&sound, event).await;
    app.delivered().await;

    assert_eq!(first["batchItemFailures"], json!([{ "itemIdentifier": "m" }]), "the message must come again");
    assert_eq!(second["batchItemFailures"], json!([]));
    assert_eq!((device.attempts(), device.received().len()), (2, 1));
    let push = sound.store.push(&account, &push.id, Timestamp::now()).await.expect("a read").expect("the push");
    assert_eq!(push.progress, Progress::Done);
    assert_eq!(push.counts, Counts { recipients: 1, delivered: 1, gone: 0, failed: 0 });
    app.stop().await;
}
