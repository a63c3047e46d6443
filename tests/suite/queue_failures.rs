//! Queue failures: an unqueued push is deleted, or taken over by the next request with its `Idempotency-Key`.

use std::collections::HashMap;

use local::lambda::{Handler, in_process};
use serde_json::{Value, json};
use shared::domain::audience::Audience;
use shared::domain::push::PushStatus;
use shared::store::DeliveryState;
use tests::direct_delivery::DirectDelivery;
use tests::fault_proxy::{FaultProxy, Rewrites};
use tests::{App, Key};

/// A URL without a server.
const CLOSED_PORT: &str = "http://127.0.0.1:9";

/// The function `send-push` with its own role, and SQS at this URL.
fn send_push(app: &App, queue: &str) -> Handler {
    let mut functions: HashMap<String, Handler> = in_process(|function| {
        let mut environment = app.local().environment(app.local().dynamodb_url());
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
        environment.insert("AWS_ENDPOINT_URL_SQS".to_owned(), queue.to_owned());
        environment
    });
    functions.remove("SendPush").expect("the function")
}

/// Sends to everyone with the context of this key; returns the status and the body.
async fn send(function: &Handler, key: &Key<'_>, idempotency_key: Option<&str>) -> (Value, Value) {
    let event = json!({
        "httpMethod": "POST",
        "resource": "/push",
        "body": json!({ "title": "Hello" }).to_string(),
        "multiValueHeaders": idempotency_key.map_or(json!({}), |key| json!({ "idempotency-key": [key] })),
        "requestContext": {
            "requestId": "a-request",
            "authorizer": {
                "version": "1", "request_id": "a-request",
                "account": "acme", "key_id": key.id, "scope": "all", "channels": "{}",
            },
        },
    });
    let response = function(event).await.expect("a response");
    let body = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
    (response["statusCode"].clone(), body)
}

async fn pushes(app: &App) -> Vec<Value> {
    app.admin().await.get("/pushes").await.expect(200).json()["pushes"].as_array().expect("pushes").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unqueued_push_without_an_idempotency_key_is_deleted() {
    let app = App::start().await;
    let key = app.key().create().await;

    let (status, body) = send(&send_push(&app, CLOSED_PORT), &key, None).await;

    assert_eq!((status, &body["code"]), (json!(503), &json!("unavailable")));
    assert_eq!(pushes(&app).await, Vec::<Value>::new());
    // Its entry in the list of its key remains, and is skipped: the page has the push before it.
    let sound = send_push(&app, app.local().queue_url());
    let (_, older) = send(&sound, &key, None).await;
    for _ in 0..3 {
        let _ = send(&send_push(&app, CLOSED_PORT), &key, None).await;
    }
    app.delivered().await;
    let path = format!("/pushes?key_id={}&limit=1", key.id);
    let page = app.admin().await.get(&path).await.expect(200).json();
    assert_eq!(
        (&page["pushes"][0]["id"], &page["pushes"][0]["key"]),
        (&older["id"], &json!({ "id": key.id, "name": null }))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unqueued_push_with_an_idempotency_key_is_taken_over_by_the_next_request() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let (broken, sound) = (send_push(&app, CLOSED_PORT), send_push(&app, app.local().queue_url()));

    let (status, _) = send(&broken, &key, Some("order-17")).await;
    assert_eq!(status, 503);
    let saved = pushes(&app).await;
    let (status, taken_over) = send(&sound, &key, Some("order-17")).await;
    assert_eq!(status, 202);
    let (status, repeated) = send(&sound, &key, Some("order-17")).await;
    app.delivered().await;

    assert_eq!((status, &repeated), (json!(202), &taken_over));
    assert_eq!((saved.len(), &saved[0]["id"]), (1, &taken_over["id"]), "the saved push is taken over");
    let since = |push: &Value| push["created_at"].as_str().expect("a timestamp").to_owned();
    assert!(since(&saved[0]) < since(&taken_over), "created_at is the time of acceptance");
    assert_eq!(since(&pushes(&app).await[0]), since(&taken_over));
    assert_eq!(browser.received().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_push_is_not_taken_over() {
    let app = App::start().await;
    let (admin, browser) = (app.admin().await, app.push_service.browser());
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let (broken, sound) = (send_push(&app, CLOSED_PORT), send_push(&app, app.local().queue_url()));
    assert_eq!(send(&broken, &key, Some("order-17")).await.0, 503);
    let saved = pushes(&app).await[0]["id"].as_str().expect("an id").to_owned();

    admin.post(&format!("/pushes/{saved}/cancel"), &json!({})).await.expect(200);
    let (status, _) = send(&sound, &key, Some("order-17")).await;
    app.delivered().await;

    assert_eq!((status, &pushes(&app).await[0]["status"]), (json!(202), &json!("canceled")));
    assert_eq!(browser.attempts(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_queued_without_a_response_is_accepted() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let (silent, mut held) = FaultProxy::hold(app.local().queue_url(), Rewrites::NONE).await;
    let function = send_push(&app, &silent.url());

    let queue = async {
        while let Some(attempt) = held.recv().await {
            silent.apply(&attempt.sent).await;
            app.delivered().await;
            // No response.
            drop(attempt);
        }
    };
    let (status, body) = tokio::select! {
        answered = send(&function, &key, None) => answered,
        () = queue => unreachable!("the proxy runs until the test ends"),
    };

    assert_eq!(status, 202, "{body}");
    let saved = pushes(&app).await;
    assert_eq!((saved.len(), &saved[0]["id"], &saved[0]["status"]), (1, &body["id"], &json!("done")));
    assert_eq!(browser.attempts(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_starts_after_its_push_was_deleted_sends_nothing() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let (proxy, mut held) = FaultProxy::hold(app.local().dynamodb_url(), Rewrites::NONE).await;
    let (direct, sender) =
        (DirectDelivery::new(&app, &proxy.url()).await, DirectDelivery::new(&app, app.local().dynamodb_url()).await);
    let push = sender.save_push(Audience::All).await;

    let mut state = None;
    let forwarding = async {
        while let Some(attempt) = held.recv().await {
            if attempt.sent.request["UpdateExpression"] == "SET progress = :sending" {
                // The delivery has read the push and leased its task. Now the sender deletes the push.
                state = Some(sender.store.delete_unqueued_push(&sender.account, &push.id).await.expect("a response"));
            }
            let reply = proxy.apply(&attempt.sent).await;
            attempt.respond(reply);
        }
    };
    let done = tokio::select! {
        done = direct.deliver(&push) => done,
        () = forwarding => unreachable!("the proxy runs until the test ends"),
    };

    assert_eq!((done, state), (false, Some(DeliveryState::NotStarted)));
    assert!(sender.deliver(&push).await, "the second delivery has nothing to do");
    assert!(sender.find(&push).await.is_none());
    assert_eq!(browser.attempts(), 0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_delivery_has_started_is_not_deleted() {
    let app = App::start().await;
    let direct = DirectDelivery::new(&app, app.local().dynamodb_url()).await;
    let push = direct.save_push(Audience::All).await;

    assert!(direct.deliver(&push).await);

    let store = &direct.store;
    assert_eq!(
        store.delete_unqueued_push(&direct.account, &push.id).await.expect("a response"),
        DeliveryState::Started
    );
    assert_eq!(store.save_push(&direct.account, &push).await.expect("a response"), DeliveryState::Started);
    assert_eq!(direct.find(&push).await.expect("the push").status, PushStatus::Done);
    app.stop().await;
}
