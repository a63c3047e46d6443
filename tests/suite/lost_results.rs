//! A delivery whose last write is never answered is not forgotten: its message comes again, and finds it done.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deliver::{Delivery, Sender};
use serde_json::{Value, json};
use shared::account::Account;
use shared::config::Config;
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

fn config(app: &App, dynamodb: &str) -> Config {
    let queue = format!("{}/000000000000/PushQueue", app.local().queue_url());
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_SQS", app.local().queue_url()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", app.local().secrets_url()),
        ("CHANNELS_TABLE", "ChannelsTable"),
        ("SUBSCRIPTIONS_TABLE", "SubscriptionsTable"),
        ("PUSHES_TABLE", "PushesTable"),
        ("QUEUE_URL", &queue),
        ("VAPID_SECRET", "VapidSecret"),
    ];
    Config::new(
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<HashMap<_, _>>(),
    )
}

fn delivery(app: &App, dynamodb: &str) -> Delivery {
    let config = config(app, dynamodb);
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
    let wire = Proxy::start(app.local().dynamodb_url(), false, move |request| {
        let results = request.get("TransactItems").is_some();
        let lost = results && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if lost { Fate::LoseAnswer } else { Fate::Pass }
    })
    .await;
    let (lossy, sound) = (delivery(&app, &wire.url()), delivery(&app, app.local().dynamodb_url()));
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
