//! Every recipient of a push gets it once, whatever channels overlap and whatever the push service answers.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::StreamExt as _;
use serde_json::{Value, json};
use shared::channel::{Slug, Slugs};
use shared::push::{Audience, Counts, Progress};
use tests::direct_delivery::Courier;
use tests::fault_proxy::{Proxy, Rewrites};
use tests::{App, Device};

async fn counts(app: &App, id: &Value) -> Value {
    let admin = app.admin().await;
    let push = admin.get(&format!("/pushes/{}", id.as_str().expect("an id"))).await.expect(200).json();
    assert_eq!(push["status"], "done", "{push}");
    push["counts"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_subscribers_in_three_overlapping_channels_get_it_once() {
    let app = App::start().await;
    app.channels(&["a", "b", "c"]).await;
    let subscriber = app.subscriber().await;
    let devices: Vec<Device> = (0..1_000).map(|_| app.push_service.device()).collect();
    let all = ["a", "b", "c"];
    // Each of the seven ways to be in at least one of three channels.
    let ways =
        |index: usize| (0..3).filter(|bit| (1 + index % 7) >> bit & 1 == 1).map(|bit| all[bit]).collect::<Vec<_>>();
    let subscriptions = futures::stream::iter(devices.iter().enumerate());
    let subscribe = async |(index, device)| {
        subscriber.subscribe(device, &ways(index)).await;
    };
    subscriptions.for_each_concurrent(16, subscribe).await;
    let (gone, busy, rest) = (&devices[..10], &devices[10..20], &devices[20..]);
    for device in gone {
        device.answers(&[410]);
    }
    for device in busy {
        device.answers(&[503, 503]);
    }
    let key = app.key().channels(&all).create().await;

    let accepted = key.push(&json!({ "title": "To all", "data": { "n": 1 } })).await.expect(202).json();
    app.delivered().await;

    let plaintext = format!(r#"{{"id":{},"title":"To all","data":{{"n":1}}}}"#, accepted["id"]);
    for device in rest {
        let received = device.received();
        assert_eq!((received.len(), device.attempts()), (1, 1));
        assert_eq!(received[0].plaintext, plaintext);
    }
    for device in busy {
        assert_eq!((device.received().len(), device.attempts()), (1, 3));
        assert_eq!(device.received()[0].plaintext, plaintext);
    }
    for device in gone {
        assert_eq!((device.received().len(), device.attempts()), (0, 1));
    }
    let expected = json!({ "recipients": 1_000, "delivered": 990, "gone": 10, "failed": 0 });
    assert_eq!(counts(&app, &accepted["id"]).await, expected);

    let again = key.push(&json!({ "title": "Again" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 990, "delivered": 990, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &again["id"]).await, expected, "the ten are removed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_push_service_removes_nobody() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let statuses = [500, 502, 429, 400, 401, 403, 413, 301, 308];
    let devices: Vec<Device> = statuses.iter().map(|_| app.push_service.device()).collect();
    for (device, status) in devices.iter().zip(statuses) {
        subscriber.subscribe(device, &[]).await;
        device.answers(&[status, status]);
    }
    let key = app.key().create().await;

    // Without time to live there is one repeat and no more.
    let failed = key.push(&json!({ "title": "Down", "ttl": 0 })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 9, "delivered": 0, "gone": 0, "failed": 9 });
    assert_eq!(counts(&app, &failed["id"]).await, expected);
    let attempts: Vec<usize> = devices.iter().map(Device::attempts).collect();
    assert_eq!(attempts, [2, 2, 2, 1, 1, 1, 1, 1, 1], "only 429 and 5xx are tried again, and no redirect is followed");

    for device in &devices {
        device.answers(&[]);
    }
    let delivered = key.push(&json!({ "title": "Up" })).await.expect(202).json();
    app.delivered().await;
    let expected = json!({ "recipients": 9, "delivered": 9, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &delivered["id"]).await, expected, "nobody was removed");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_404_or_410_is_removed() {
    let app = App::start().await;
    let subscriber = app.subscriber().await;
    let devices = [404, 410].map(|status| {
        let device = app.push_service.device();
        device.answers(&[status]);
        device
    });
    for device in &devices {
        subscriber.subscribe(device, &[]).await;
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
async fn retry_after_is_waited_for() {
    let app = App::start().await;
    let device = app.push_service.device();
    device.answers_retry_after(429, "4");
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;

    let accepted = key.push(&json!({ "title": "Later" })).await.expect(202).json();
    app.delivered().await;

    let admin = app.admin().await;
    let push = admin.get(&format!("/pushes/{}", accepted["id"].as_str().expect("an id"))).await.json();
    let millis = |field: &str| {
        let moment = push[field].as_str().expect("a moment").to_owned();
        shared::time::Timestamp::try_from(moment).expect("a moment").millis()
    };
    assert_eq!(device.attempts(), 2);
    assert!(millis("finished_at") - millis("created_at") >= 4_000, "{push}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_what_another_was_told() {
    let app = App::start().await;
    let (patient, quick) = (app.push_service.device(), app.push_service.device());
    let subscriber = app.subscriber().await;
    for device in [&patient, &quick] {
        subscriber.subscribe(device, &[]).await;
    }
    patient.answers_retry_after(429, "4");
    quick.answers(&[503]);
    let courier = Courier::new(&app, app.laptop().dynamodb_url());
    let push = courier.keep(Audience::All).await;

    assert!(courier.deliver(&push).await);
    let waiting = courier.delivery.store.left_by(&courier.retry(&push)).await.expect("who waits");
    app.delivered().await;

    let seconds: Vec<i64> = waiting.iter().map(|it| push.created_at.seconds_until(it.not_before)).collect();
    assert!(seconds.iter().any(|it| *it >= 4) && seconds.iter().any(|it| *it <= 3), "{seconds:?}");
    assert_eq!((patient.attempts(), quick.attempts()), (2, 2), "each when its time has come");
    let done = courier.find(&push).await.expect("the push");
    assert_eq!((done.counts.recipients, done.counts.delivered), (2, 2));
    let finished = done.finished_at.expect("it is done").millis() - push.created_at.millis();
    assert!(finished >= 4_000, "{finished}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_channels_is_not_tried_again() {
    let app = App::start().await;
    app.channels(&["news", "ops"]).await;
    let subscriber = app.subscriber().await;
    let (leaves, stays) = (app.push_service.device(), app.push_service.device());
    for device in [&leaves, &stays] {
        subscriber.subscribe(device, &["news", "ops"]).await;
        device.answers_retry_after(503, "2");
    }
    let courier = Courier::new(&app, app.laptop().dynamodb_url());
    let ops = Slugs::from([Slug::try_from("ops".to_owned()).expect("a slug")]);
    let ops = courier.delivery.store.resolve(&courier.account, &ops).await.expect("a read").expect("the channel");
    let push = courier.keep(Audience::Channels(ops)).await;

    assert!(courier.deliver(&push).await, "the first attempt");
    subscriber.subscribe(&leaves, &["news"]).await;
    app.delivered().await;

    assert_eq!((leaves.attempts(), stays.attempts()), (1, 2));
    let expected = Counts { recipients: 2, delivered: 1, gone: 1, failed: 0 };
    assert_eq!(courier.find(&push).await.expect("the push").counts, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sender_asks_for_reaches_the_push_service() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let vapid = app.subscriber().await.get("/subscriptions/config").await.expect(200).json();

    for body in
        [json!({ "title": "Plain" }), json!({ "title": "Full", "ttl": 60, "urgency": "very-low", "topic": "offers" })]
    {
        let _ = key.push(&body).await.expect(202);
        app.delivered().await;
    }

    let received = device.received();
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
async fn one_signature_serves_an_origin_for_hours() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;

    for _ in 0..2 {
        let _ = key.push(&json!({ "title": "Hello" })).await.expect(202);
        app.delivered().await;
    }

    let received = device.received();
    let signatures: BTreeSet<_> = received.iter().map(|push| push.headers["Authorization"].as_bytes()).collect();
    assert_eq!((received.len(), signatures.len()), (2, 1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_accepted_before_its_key_was_revoked_is_delivered() {
    let app = App::start().await;
    let device = app.push_service.device();
    device.answers(&[503]);
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;

    let _ = key.push(&json!({ "title": "Still" })).await.expect(202);
    let _ = app.admin().await.delete(&format!("/keys/{}", key.id)).await.expect(204);
    app.delivered().await;

    assert_eq!(device.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_sends_once() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &["ops"]).await;
    let key = app.key().create().await;
    let accepted = key.push(&json!({ "title": "Once" })).await.expect(202).json();
    app.delivered().await;

    let task = json!({ "account": "acme", "push": accepted["id"], "page": 0, "after": null, "attempt": 0 });
    for _ in 0..3 {
        app.laptop().enqueue(&task.to_string()).await;
    }
    app.delivered().await;

    assert_eq!(device.attempts(), 1);
    let expected = json!({ "recipients": 1, "delivered": 1, "gone": 0, "failed": 0 });
    assert_eq!(counts(&app, &accepted["id"]).await, expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_killed_function_is_taken_over_with_the_page_that_it_noted() {
    let app = App::start().await;
    let (first, second) = (app.push_service.device(), app.push_service.device());
    let subscriber = app.subscriber().await;
    subscriber.subscribe(&first, &[]).await;
    let (wire, mut held) = Proxy::hold(app.laptop().dynamodb_url(), Rewrites::NONE).await;
    let (killed, sound) = (Courier::new(&app, &wire.url()), Courier::new(&app, app.laptop().dynamodb_url()));
    let push = sound.keep(Audience::All).await;

    let until_noted = async {
        loop {
            let attempt = held.recv().await.expect("an attempt");
            let reply = wire.apply(&attempt.sent).await;
            let noted = attempt.sent.request["UpdateExpression"] == "SET page = :page, more = :more";
            attempt.answer(reply);
            if noted {
                break;
            }
        }
    };
    tokio::select! {
        _ = killed.deliver(&push) => unreachable!("it is killed before it ends"),
        () = until_noted => {}
    }
    subscriber.subscribe(&second, &[]).await;
    assert!(!sound.deliver(&push).await, "its claim still holds");
    // It is over: the lease ended long ago.
    let text = AttributeValue::S;
    let claim = app.laptop().dynamodb().update_item().table_name("PushesTable");
    let claim = claim.key("pk", text(format!("acme#{}", push.id.as_str()))).key("sk", text("0#0".to_owned()));
    let claim = claim.update_expression("SET lease_ends = :past");
    let claim = claim.expression_attribute_values(":past", AttributeValue::N("0".to_owned()));
    claim.send().await.expect("an update");

    assert!(sound.deliver(&push).await);

    assert_eq!((first.attempts(), second.attempts()), (1, 0), "who came later is on no page of it");
    let push = sound.find(&push).await.expect("the push");
    assert_eq!(
        (push.progress, push.counts),
        (Progress::Done, Counts { recipients: 1, delivered: 1, gone: 0, failed: 0 })
    );
    app.stop().await;
}
