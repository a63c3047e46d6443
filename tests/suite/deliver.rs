//! Delivery: each recipient of a push gets it once, for any overlap of channels and any response of the push service.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::StreamExt as _;
use serde_json::{Value, json};
use shared::domain::account::Account;
use shared::domain::audience::Audience;
use shared::domain::channel::{Slug, Slugs};
use shared::domain::delivery_task::DeliveryTask;
use shared::domain::id::PushId;
use shared::domain::push::{DeliveryCounts, PushStatus};
use tests::direct_delivery::DirectDelivery;
use tests::fault_proxy::{FaultProxy, Rewrites};
use tests::{App, Browser, many_subscriptions};

async fn counts(app: &App, id: &Value) -> Value {
    let admin = app.admin().await;
    let push = admin.get(&format!("/pushes/{}", id.as_str().expect("an id"))).await.expect(200).json();
    assert_eq!(push["status"], "done", "{push}");
    push["counts"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_subscribers_of_three_overlapping_channels_get_one_push_each() {
    let app = App::start().await;
    app.channels(&["a", "b", "c"]).await;
    let subscriber = app.subscriber().await;
    let browsers: Vec<Browser> = (0..1_000).map(|_| app.push_service.browser()).collect();
    let all = ["a", "b", "c"];
    // The seven channels_of to be in at least one of three channels.
    let channels_of =
        |index: usize| (0..3).filter(|bit| (1 + index % 7) >> bit & 1 == 1).map(|bit| all[bit]).collect::<Vec<_>>();
    let subscriptions = futures::stream::iter(browsers.iter().enumerate());
    let subscribe = async |(index, browser)| {
        subscriber.subscribe(browser, &channels_of(index)).await;
    };
    subscriptions.for_each_concurrent(16, subscribe).await;
    let (gone, busy, rest) = (&browsers[..10], &browsers[10..20], &browsers[20..]);
    for browser in gone {
        browser.respond_with(&[410]);
    }
    for browser in busy {
        browser.respond_with(&[503, 503]);
    }
    let key = app.key().channels(&all).create().await;

    let accepted = key.push(&json!({ "title": "To all", "data": { "n": 1 } })).await.expect(202).json();
    app.delivered().await;

    let plaintext = format!(r#"{{"id":{},"title":"To all","data":{{"n":1}}}}"#, accepted["id"]);
    for browser in rest {
        let received = browser.received();
        assert_eq!((received.len(), browser.attempts()), (1, 1));
        assert_eq!(received[0].plaintext, plaintext);
    }
    for browser in busy {
        assert_eq!((browser.received().len(), browser.attempts()), (1, 3));
        assert_eq!(browser.received()[0].plaintext, plaintext);
    }
    for browser in gone {
        assert_eq!((browser.received().len(), browser.attempts()), (0, 1));
    }
    let expected = json!({ "recipients": 1_000, "delivered": 990, "gone": 10, "failed": 0 });
    assert_eq!(counts(&app, &accepted["id"]).await, expected);

    let again = key.push(&json!({ "title": "Again" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 990, "delivered": 990, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &again["id"]).await, expected, "the ten subscriptions were removed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_push_service_removes_no_subscription() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let statuses = [500, 502, 429, 400, 401, 403, 413, 301, 308];
    let browsers: Vec<Browser> = statuses.iter().map(|_| app.push_service.browser()).collect();
    for (browser, status) in browsers.iter().zip(statuses) {
        subscriber.subscribe(browser, &[]).await;
        browser.respond_with(&[status, status]);
    }
    let key = app.key().create().await;

    // With a TTL of 0 there is exactly one retry.
    let failed = key.push(&json!({ "title": "Down", "ttl": 0 })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 9, "delivered": 0, "gone": 0, "failed": 9 });
    assert_eq!(counts(&app, &failed["id"]).await, expected);
    let attempts: Vec<usize> = browsers.iter().map(Browser::attempts).collect();
    assert_eq!(attempts, [2, 2, 2, 1, 1, 1, 1, 1, 1], "only 429 and 5xx are retried, and no redirect is followed");

    for browser in &browsers {
        browser.respond_with(&[]);
    }
    let delivered = key.push(&json!({ "title": "Up" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 9, "delivered": 9, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &delivered["id"]).await, expected, "no subscription was removed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_404_or_410_is_removed() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let browsers = [404, 410].map(|status| {
        let browser = app.push_service.browser();
        browser.respond_with(&[status]);
        browser
    });
    for browser in &browsers {
        subscriber.subscribe(browser, &[]).await;
    }
    let key = app.key().create().await;

    let accepted = key.push(&json!({ "title": "Hello?" })).await.expect(202).json();
    app.delivered().await;

    let expected = json!({ "recipients": 2, "delivered": 0, "gone": 2, "failed": 0 });
    assert_eq!(counts(&app, &accepted["id"]).await, expected);
    let dry_run = key.push(&json!({ "title": "Hello?", "dry_run": true })).await.expect(200).json();
    assert_eq!(dry_run["recipients"], json!({ "count": 0, "exact": true }));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_for_retry_after() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    browser.respond_with_retry_after(429, "4");
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;

    let accepted = key.push(&json!({ "title": "Later" })).await.expect(202).json();
    app.delivered().await;

    let admin = app.admin().await;
    let push = admin.get(&format!("/pushes/{}", accepted["id"].as_str().expect("an id"))).await.json();
    let millis = |field: &str| {
        let timestamp = push[field].as_str().expect("a timestamp").to_owned();
        shared::domain::time::Timestamp::try_from(timestamp).expect("a timestamp").millis()
    };
    assert_eq!(browser.attempts(), 2);
    assert!(millis("finished_at") - millis("created_at") >= 4_000, "{push}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_waits_for_its_own_retry_after() {
    let app = App::start().await;
    let (patient, quick) = (app.push_service.browser(), app.push_service.browser());
    let subscriber = app.subscriber().await;
    for browser in [&patient, &quick] {
        subscriber.subscribe(browser, &[]).await;
    }
    patient.respond_with_retry_after(429, "4");
    quick.respond_with(&[503]);
    let direct = DirectDelivery::new(&app, app.local().dynamodb_url()).await;
    let push = direct.save_push(Audience::All).await;

    assert!(direct.deliver(&push).await);
    let waiting = direct.pending_retries(&push).await;
    app.delivered().await;

    let seconds: Vec<i64> = waiting.iter().map(|it| push.created_at.seconds_until(it.not_before)).collect();
    assert!(seconds.iter().any(|it| *it >= 4) && seconds.iter().any(|it| *it <= 3), "{seconds:?}");
    assert_eq!((patient.attempts(), quick.attempts()), (2, 2), "each after its own Retry-After");
    let done = direct.find(&push).await.expect("the push");
    assert_eq!((done.counts.recipients, done.counts.delivered), (2, 2));
    let finished = done.finished_at.expect("it is done").millis() - push.created_at.millis();
    assert!(finished >= 4_000, "{finished}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_left_the_channels_is_not_retried() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let subscriber = app.subscriber().await;
    let (leaves, stays) = (app.push_service.browser(), app.push_service.browser());
    for browser in [&leaves, &stays] {
        subscriber.subscribe(browser, &["news", "ops"]).await;
        browser.respond_with_retry_after(503, "2");
    }
    let direct = DirectDelivery::new(&app, app.local().dynamodb_url()).await;
    let ops = Slugs::from([Slug::try_from("ops".to_owned()).expect("a slug")]);
    let ops = direct.store.resolve(&direct.account, &ops).await.expect("a read").expect("the channel");
    let push = direct.save_push(Audience::Channels(ops)).await;

    assert!(direct.deliver(&push).await, "the first attempt");
    subscriber.subscribe(&leaves, &["news"]).await;
    app.delivered().await;

    assert_eq!((leaves.attempts(), stays.attempts()), (1, 2));
    let expected = DeliveryCounts { recipients: 2, delivered: 1, gone: 1, failed: 0 };
    assert_eq!(direct.find(&push).await.expect("the push").counts, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ttl_urgency_and_topic_reach_the_push_service() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let vapid = app.subscriber().await.get("/subscriptions/config").await.expect(200).json();

    for body in
        [json!({ "title": "Plain" }), json!({ "title": "Full", "ttl": 60, "urgency": "very-low", "topic": "offers" })]
    {
        key.push(&body).await.expect(202);
        app.delivered().await;
    }

    let received = browser.received();
    let header = |index: usize, name: &str| {
        received[index].headers.get(name).map(|value| value.to_str().expect("text").to_owned())
    };
    let ttl = |index: usize| header(index, "TTL").expect("a TTL").parse::<u32>().expect("a number");
    assert!((86_390..=86_400).contains(&ttl(0)) && (50..=60).contains(&ttl(1)));
    assert_eq!((header(0, "Urgency").as_deref(), header(0, "Topic")), (Some("normal"), None));
    assert_eq!((header(1, "Urgency").as_deref(), header(1, "Topic").as_deref()), (Some("very-low"), Some("offers")));
    assert!(received.iter().all(|push| push.signed_by == vapid["vapid_public_key"]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_vapid_token_is_reused_for_an_origin() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;

    for _ in 0..2 {
        key.push(&json!({ "title": "Hello" })).await.expect(202);
        app.delivered().await;
    }

    let received = browser.received();
    let signatures: BTreeSet<_> = received.iter().map(|push| push.headers["Authorization"].as_bytes()).collect();
    assert_eq!((received.len(), signatures.len()), (2, 1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_accepted_before_its_key_was_revoked_is_delivered() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    browser.respond_with(&[503]);
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;

    key.push(&json!({ "title": "Still" })).await.expect(202);
    app.admin().await.delete(&format!("/keys/{}", key.id)).await.expect(204);
    app.delivered().await;

    assert_eq!(browser.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_delivered_twice_sends_once() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &["ops"]).await;
    let key = app.key().create().await;
    let accepted = key.push(&json!({ "title": "Once" })).await.expect(202).json();
    app.delivered().await;

    let account = Account::try_from("acme".to_owned()).expect("an account");
    let push = PushId::try_from(accepted["id"].as_str().expect("an id").to_owned()).expect("an id");
    let task = serde_json::to_string(&DeliveryTask::first(&account, &push)).expect("a task");
    for _ in 0..3 {
        app.local().enqueue(&task).await;
    }
    app.delivered().await;

    assert_eq!(browser.attempts(), 1);
    let expected = json!({ "recipients": 1, "delivered": 1, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &accepted["id"]).await, expected);
    app.stop().await;
}

/// Kills a delivery to 130 subscriptions, at the record of its first page: after the record is `applied`, or before. Then lets
/// another function deliver. The push service responds first with `busy`. Returns how many subscriptions were sent to once,
/// and how many twice.
async fn kill_at_the_first_record(applied: bool, busy: &[u16]) -> (usize, usize) {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let browsers: Vec<Browser> = (0..130).map(|_| app.push_service.browser()).collect();
    for browser in &browsers {
        subscriber.subscribe(browser, &[]).await;
        browser.respond_with(busy);
    }
    let (proxy, mut held) = FaultProxy::hold(app.local().dynamodb_url(), Rewrites::NONE).await;
    let (killed, sound) =
        (DirectDelivery::new(&app, &proxy.url()).await, DirectDelivery::new(&app, app.local().dynamodb_url()).await);
    let push = sound.save_push(Audience::All).await;

    let until_recorded = async {
        loop {
            let attempt = held.recv().await.expect("an attempt");
            let records = attempt.sent.request.to_string().contains("#cursor = :last");
            if !records || applied {
                let reply = proxy.apply(&attempt.sent).await;
                attempt.respond(reply);
            }
            if records {
                break;
            }
        }
    };
    tokio::select! {
        _ = killed.deliver(&push) => unreachable!("it is killed before it ends"),
        () = until_recorded => {}
    }
    let seen = sound.find(&push).await.expect("the push");
    assert!(!sound.deliver(&push).await, "the lease is still held");
    // The lease expires.
    let text = AttributeValue::S;
    let lease = app.local().dynamodb().update_item().table_name("PushesTable");
    let lease = lease.key("pk", text(format!("acme#{}#", push.id.as_str()))).key("sk", text("00#".to_owned()));
    let lease = lease.condition_expression("attribute_exists(pk)").update_expression("SET lease_ends = :past");
    lease.expression_attribute_values(":past", AttributeValue::N("0".to_owned())).send().await.expect("an update");

    // The app's own function, with its own role.
    let task = serde_json::to_string(&DeliveryTask::first(&sound.account, &push.id)).expect("a task");
    app.local().enqueue(&task).await;
    app.delivered().await;

    let push = sound.find(&push).await.expect("the push");
    assert_eq!((seen.status, push.status), (PushStatus::Sending, PushStatus::Done));
    assert_eq!(push.counts, DeliveryCounts { recipients: 130, delivered: 130, gone: 0, failed: 0 });
    let times = |times| browsers.iter().filter(|browser| browser.attempts() == times).count();
    let result = (times(1), times(2));
    app.stop().await;
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_killed_function_goes_on_after_the_last_recorded_page() {
    assert_eq!(Box::pin(kill_at_the_first_record(true, &[])).await, (130, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retries_of_a_killed_function_s_pages_are_not_lost() {
    assert_eq!(Box::pin(kill_at_the_first_record(true, &[503])).await, (0, 130));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_page_in_flight_of_a_killed_function_is_sent_twice() {
    assert_eq!(Box::pin(kill_at_the_first_record(false, &[])).await, (30, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_an_unknown_kind_does_not_keep_the_others_from_their_push() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let (known, unknown) = (app.push_service.browser(), app.push_service.browser());
    subscriber.subscribe(&known, &[]).await;
    let id = subscriber.subscribe(&unknown, &[]).await;
    // As a newer version writes it.
    let text = AttributeValue::S;
    let update = app.local().dynamodb().update_item().table_name("SubscriptionsTable");
    let update = update.key("pk", text(format!("{}#{}", app.account("acme"), &id[..1]))).key("sk", text(id));
    let update =
        update.update_expression("SET kind = :kind").expression_attribute_values(":kind", text("newer".to_owned()));
    update.send().await.expect("an update");

    let push = app.key().create().await.push(&json!({ "title": "Hello" })).await.expect(202).json();
    app.delivered().await;

    assert_eq!((known.attempts(), unknown.attempts()), (1, 0));
    let expected = json!({ "recipients": 1, "delivered": 1, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &push["id"]).await, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_is_split_and_shows_its_progress() {
    const OTHERS: usize = 2_000;
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    // At a host that is not allowed, so that each has failed at once.
    many_subscriptions::seed(&app, OTHERS, OTHERS, &[], "127.0.0.1:9".parse().expect("an address")).await;
    let hold = browser.hold();
    let key = app.key().create().await;

    let id = key.push(&json!({ "title": "To all" })).await.expect(202).json()["id"].clone();
    let path = format!("/push/{}", id.as_str().expect("an id"));
    let (mut seen, mut failed) = (Vec::new(), 0);
    while failed < 1_000 {
        let push = key.get(&path).await.expect(200).json();
        failed = push["counts"]["failed"].as_u64().expect("a number");
        seen.push(push);
    }
    drop(hold);
    app.delivered().await;

    assert_eq!(seen.last().expect("a push")["status"], "sending", "before its end: {seen:?}");
    let failed: Vec<u64> = seen.iter().map(|push| push["counts"]["failed"].as_u64().expect("a number")).collect();
    assert!(failed.is_sorted(), "{failed:?}");
    let expected = json!({ "recipients": OTHERS + 1, "delivered": 1, "gone": 0, "failed": OTHERS });
    assert_eq!(counts(&app, &id).await, expected);
    app.stop().await;
}
