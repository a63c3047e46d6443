//! A push that the queue does not take was never accepted: it is forgotten, or taken over by whoever repeats its name.

use std::collections::HashMap;

use local::functions::{Handler, in_process};
use serde_json::{Value, json};
use shared::push::{Audience, Progress};
use shared::store::Begun;
use tests::direct_delivery::Courier;
use tests::fault_proxy::{Proxy, Rewrites};
use tests::{App, Key};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// `send-push` with its own role, and the queue behind this address.
fn send_push(app: &App, queue: &str) -> Handler {
    let mut functions: HashMap<String, Handler> = in_process(|function| {
        let mut environment = app.laptop().environment(app.laptop().dynamodb_url());
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
        environment.insert("AWS_ENDPOINT_URL_SQS".to_owned(), queue.to_owned());
        environment
    });
    functions.remove("SendPush").expect("the function")
}

/// Sends to everybody, as the authorizer lets this key; answers the status and the body.
async fn send(function: &Handler, key: &Key<'_>, name: Option<&str>) -> (Value, Value) {
    let event = json!({
        "resource": "/push",
        "body": json!({ "title": "Hello" }).to_string(),
        "multiValueHeaders": name.map_or(json!({}), |name| json!({ "idempotency-key": [name] })),
        "requestContext": {
            "requestId": "a-request",
            "authorizer": { "account": "acme", "key_id": key.id, "scope": "all", "channels": "{}" },
        },
    });
    let answer = function(event).await.expect("an answer");
    let body = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
    (answer["statusCode"].clone(), body)
}

async fn pushes(app: &App) -> Vec<Value> {
    app.admin().await.get("/pushes").await.expect(200).json()["pushes"].as_array().expect("pushes").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_without_a_name_is_as_if_it_had_never_been() {
    let app = App::start().await;
    let key = app.key().create().await;

    let (status, body) = send(&send_push(&app, NOWHERE), &key, None).await;

    assert_eq!((status, &body["code"]), (json!(503), &json!("unavailable")));
    assert_eq!(pushes(&app).await, Vec::<Value>::new());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_push_is_taken_over_at_once_by_whoever_repeats_it() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let (broken, sound) = (send_push(&app, NOWHERE), send_push(&app, app.laptop().queue_url()));

    let (status, _) = send(&broken, &key, Some("order-17")).await;
    assert_eq!(status, 503);
    let kept = pushes(&app).await;
    let (status, taken_over) = send(&sound, &key, Some("order-17")).await;
    assert_eq!(status, 202);
    let (status, repeated) = send(&sound, &key, Some("order-17")).await;
    app.delivered().await;

    assert_eq!((status, &repeated), (json!(202), &taken_over));
    assert_eq!((kept.len(), &kept[0]["id"]), (1, &taken_over["id"]), "the push that was kept goes on");
    let since = |push: &Value| push["created_at"].as_str().expect("a moment").to_owned();
    assert!(since(&kept[0]) < since(&taken_over), "its time begins when it is accepted");
    assert_eq!(since(&pushes(&app).await[0]), since(&taken_over));
    assert_eq!(device.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_on_its_way_although_the_queue_never_said_so_is_accepted() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let (silent, mut held) = Proxy::hold(app.laptop().queue_url(), Rewrites::NONE).await;
    let function = send_push(&app, &silent.url());

    let queue = async {
        while let Some(attempt) = held.recv().await {
            silent.apply(&attempt.sent).await;
            app.delivered().await;
            // Never answered.
            drop(attempt);
        }
    };
    let (status, body) = tokio::select! {
        answered = send(&function, &key, None) => answered,
        () = queue => unreachable!("the wire is there"),
    };

    assert_eq!(status, 202, "{body}");
    let kept = pushes(&app).await;
    assert_eq!((kept.len(), &kept[0]["id"], &kept[0]["status"]), (1, &body["id"], &json!("done")));
    assert_eq!(device.attempts(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_begins_after_its_push_was_taken_back_sends_nothing() {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let (wire, mut held) = Proxy::hold(app.laptop().dynamodb_url(), Rewrites::NONE).await;
    let (courier, sender) = (Courier::new(&app, &wire.url()), Courier::new(&app, app.laptop().dynamodb_url()));
    let push = sender.keep(Audience::All).await;

    let mut begun = None;
    let carrying = async {
        while let Some(attempt) = held.recv().await {
            if attempt.sent.request["UpdateExpression"] == "SET progress = :sending" {
                // Read, claimed, and about to begin: now whoever sent it gives it up.
                begun = Some(sender.delivery.store.forget_push(&sender.account, &push.id).await.expect("an answer"));
            }
            let reply = wire.apply(&attempt.sent).await;
            attempt.answer(reply);
        }
    };
    let done = tokio::select! {
        done = courier.deliver(&push) => done,
        () = carrying => unreachable!("the wire is there"),
    };

    assert_eq!((done, begun), (false, Some(Begun::NotYet)));
    assert!(sender.deliver(&push).await, "the message comes again, and there is nothing to do");
    assert!(sender.find(&push).await.is_none());
    assert_eq!(device.attempts(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_delivery_has_begun_is_not_taken_back() {
    let app = App::start().await;
    let courier = Courier::new(&app, app.laptop().dynamodb_url());
    let push = courier.keep(Audience::All).await;

    assert!(courier.deliver(&push).await);

    let store = &courier.delivery.store;
    assert_eq!(store.forget_push(&courier.account, &push.id).await.expect("an answer"), Begun::Yes);
    assert_eq!(store.keep_push(&courier.account, &push).await.expect("an answer"), Begun::Yes);
    assert_eq!(courier.find(&push).await.expect("the push").progress, Progress::Done);
    app.stop().await;
}
