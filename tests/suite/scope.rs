//! A key reaches the channels it was given and no others: the whole table, on both routes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tests::{Answer, App, Key};

/// The keys of the table: of scope `all`, of the channels `ops` and `news`, and one whose channels were taken away.
struct Keys<'a> {
    all: Key<'a>,
    some: Key<'a>,
    /// Only where the tables can be written to.
    none: Option<Key<'a>>,
}

/// The channels `ops`, `news` and `sales`, and the keys.
async fn keys(app: &App) -> Keys<'_> {
    app.channels(&["ops", "news", "sales"]).await;
    let (all, some) = (app.key().create().await, app.key().channels(&["ops", "news"]).create().await);
    let Some(laptop) = app.if_laptop() else {
        return Keys { all, some, none: None };
    };
    // No request makes such a key.
    let none = app.key().channels(&["sales"]).create().await;
    let update = laptop.dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(none.id.clone()));
    let update = update.update_expression("SET channels = :none");
    update.expression_attribute_values(":none", AttributeValue::M([].into())).send().await.expect("an update");

    Keys { all, some, none: Some(none) }
}

/// What is expected of a send.
#[derive(Clone, Copy)]
enum Expected {
    Everyone,
    Channels(&'static [&'static str]),
    /// These mistakes' places.
    Mistakes(&'static [&'static str]),
    /// The channels that do not exist, in words.
    Unknown(&'static str),
    /// The channels refused, in words.
    Violation(&'static str),
    EmptyScope,
}

#[track_caller]
fn check(answer: &Answer, expected: Expected, case: &str) {
    let body = answer.json();
    match expected {
        Expected::Everyone => {
            assert_eq!(answer.status, 202, "{case}: {body}");
            assert_eq!(body["audience"], json!({ "all": true, "channels": [] }), "{case}");
        }
        Expected::Channels(slugs) => {
            assert_eq!(answer.status, 202, "{case}: {body}");
            assert_eq!(body["audience"], json!({ "all": false, "channels": slugs }), "{case}");
        }
        Expected::Mistakes(places) => {
            assert_eq!(answer.refusal(), (400, "invalid_body".to_owned()), "{case}: {body}");
            assert_eq!(answer.places(), places, "{case}");
        }
        Expected::Unknown(slugs) => {
            assert_eq!(answer.refusal(), (422, "unknown_channel".to_owned()), "{case}: {body}");
            assert_eq!(body["detail"], format!("There is no channel: {slugs}"), "{case}");
        }
        Expected::Violation(slugs) => {
            assert_eq!(answer.refusal(), (403, "scope_violation".to_owned()), "{case}: {body}");
            assert_eq!(answer.says("refused"), slugs, "{case}");
            assert_eq!(answer.says("allowed"), "news ops", "{case}");
            assert_eq!(answer.says("detail"), format!("This key may not send to: {slugs}"), "{case}");
        }
        Expected::EmptyScope => {
            assert_eq!(answer.refusal(), (403, "empty_scope".to_owned()), "{case}: {body}");
        }
    }
}

/// A send that names these channels.
fn to(slugs: &[&str]) -> Value {
    json!({ "title": "Hello", "target": { "channels": slugs } })
}

/// A send that names none.
fn to_no_target() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_in_the_body_is_decided_by_the_table() {
    use Expected::{Channels, EmptyScope, Everyone, Unknown, Violation};

    let app = App::start().await;
    let Keys { all, some, none } = keys(&app).await;
    for (body, of_all, of_some) in [
        (to_no_target(), Everyone, Channels(&["news", "ops"])),
        (to(&["ops"]), Channels(&["ops"]), Channels(&["ops"])),
        (to(&["ops", "news"]), Channels(&["news", "ops"]), Channels(&["news", "ops"])),
        (to(&["ops", "ops", "ops"]), Channels(&["ops"]), Channels(&["ops"])),
        (to(&["sales"]), Channels(&["sales"]), Violation("sales")),
        (to(&["ops", "sales"]), Channels(&["ops", "sales"]), Violation("sales")),
        (to(&["sales", "sales"]), Channels(&["sales"]), Violation("sales")),
        (to(&["nope"]), Unknown("nope"), Violation("nope")),
        (to(&["sales", "ops", "nope"]), Unknown("nope"), Violation("nope sales")),
        (to(&["zz", "nope", "ops"]), Unknown("nope zz"), Violation("nope zz")),
    ] {
        let case = body.to_string();
        check(&all.push(&body).await, of_all, &format!("all, {case}"));
        check(&some.push(&body).await, of_some, &format!("channels, {case}"));
        if let Some(none) = &none {
            check(&none.push(&body).await, EmptyScope, &format!("no channels, {case}"));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_in_the_path_is_decided_by_the_same_table() {
    use Expected::{Channels, EmptyScope, Unknown, Violation};

    let app = App::start().await;
    let Keys { all, some, none } = keys(&app).await;
    let body = json!({ "title": "Hello" });
    for (channel, of_all, of_some) in [
        ("ops", Channels(&["ops"]), Channels(&["ops"])),
        ("news", Channels(&["news"]), Channels(&["news"])),
        ("sales", Channels(&["sales"]), Violation("sales")),
        ("nope", Unknown("nope"), Violation("nope")),
    ] {
        check(&all.push_to(channel, &body).await, of_all, &format!("all, {channel}"));
        check(&some.push_to(channel, &body).await, of_some, &format!("channels, {channel}"));
        if let Some(none) = &none {
            check(&none.push_to(channel, &body).await, EmptyScope, &format!("no channels, {channel}"));
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_target_is_400_and_never_everyone() {
    let app = App::start().await;
    let Keys { all, some, none } = keys(&app).await;
    for (target, places) in [
        (json!({}), &["/target/channels"][..]),
        (json!(null), &["/target"]),
        (json!([]), &["/target"]),
        (json!(["ops"]), &["/target"]),
        (json!("ops"), &["/target"]),
        (json!(true), &["/target"]),
        (json!(0), &["/target"]),
        (json!({ "channels": [] }), &["/target/channels"]),
        (json!({ "channels": null }), &["/target/channels"]),
        (json!({ "channels": "ops" }), &["/target/channels"]),
        (json!({ "channels": { "ops": true } }), &["/target/channels"]),
        (json!({ "channels": false }), &["/target/channels"]),
        (json!({ "channels": 1 }), &["/target/channels"]),
        (json!({ "channels": [null] }), &["/target/channels/0"]),
        (json!({ "channels": ["ops", 1] }), &["/target/channels/1"]),
        (json!({ "channels": [["ops"]] }), &["/target/channels/0"]),
        (json!({ "channels": [""] }), &["/target/channels/0"]),
        (json!({ "channels": ["*"] }), &["/target/channels/0"]),
        (json!({ "channels": ["OPS"] }), &["/target/channels/0"]),
        (json!({ "channels": ["ops", " ops", "ops "] }), &["/target/channels/1", "/target/channels/2"]),
        (json!({ "channel": "ops" }), &["/target/channels", "/target/channel"]),
        (json!({ "channels": ["ops"], "all": true }), &["/target/all"]),
        // Before any scope is looked at: these would be a violation and an unknown channel.
        (json!({ "channels": ["sales", "nope", "-"] }), &["/target/channels/2"]),
    ] {
        let body = json!({ "title": "Hello", "target": target });
        for (key, name) in [(&all, "all"), (&some, "channels")] {
            check(&key.push(&body).await, Expected::Mistakes(places), &format!("{name}, {target}"));
        }
        // The authorizer, which sees no body, refuses a key that reaches nobody.
        if let Some(none) = &none {
            check(&none.push(&body).await, Expected::EmptyScope, &target.to_string());
        }
    }
    let sent = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(sent["pushes"], json!([]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_slug_in_the_path_is_400_before_any_scope() {
    let app = App::start().await;
    let Keys { all, some, none } = keys(&app).await;
    let too_long = "a".repeat(65);
    for slug in ["OPS", "ops-", "-ops", "a_b", "%20ops", "ops%20", "ops%00", "*", "%C3%B6ps", "ops,news", &too_long] {
        for (key, name) in [(Some(&all), "all"), (Some(&some), "channels"), (none.as_ref(), "no channels")] {
            let Some(key) = key else { continue };
            let answer = key.push_to(slug, &json!({ "title": "Hello" })).await;
            assert_eq!(answer.refusal(), (400, "invalid_parameter".to_owned()), "{name}, {slug}: {}", answer.text);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_beside_a_channel_in_the_path_is_400() {
    let app = App::start().await;
    let Keys { all, some, .. } = keys(&app).await;
    for target in [json!({}), json!(null), json!({ "channels": ["ops"] }), json!({ "channels": ["sales"] })] {
        let body = json!({ "title": "Hello", "target": target });
        for key in [&all, &some] {
            check(&key.push_to("ops", &body).await, Expected::Mistakes(&["/target"]), &target.to_string());
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_and_the_handler_refuse_with_the_same_bytes() {
    let app = App::start().await;
    let Keys { some, .. } = keys(&app).await;
    for channel in ["sales", "nope", "a-channel-that-nobody-ever-made"] {
        let authorizer = some.push_to(channel, &json!({ "title": "Hello" })).await.expect(403);
        let target = json!({ "title": "Hello", "target": { "channels": [channel] } });
        let handler = some.push(&target).await.expect(403);

        assert_eq!(authorizer.without_request_id(), handler.without_request_id());
        assert_eq!(authorizer.header("Content-Type"), handler.header("Content-Type"));
    }
    // In the order of the documentation, to the byte.
    let answer = some.push_to("sales", &json!({ "title": "Hello" })).await;
    let expected = concat!(
        r#"{"type":"/v1/problems/scope_violation","title":"Channel outside the key's scope","status":403,"#,
        r#""code":"scope_violation","detail":"This key may not send to: sales","request_id":"<id>","#,
        r#""refused":"sales","allowed":"news ops"}"#
    );
    assert_eq!(answer.without_request_id(), expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_nothing_about_which_channels_exist() {
    let app = App::start().await;
    let Keys { some, .. } = keys(&app).await;
    let ask = async |channel: &str| {
        let body = json!({ "title": "Hello", "target": { "channels": [channel] } });
        let answers = [some.push(&body).await, some.push_to(channel, &json!({ "title": "Hello" })).await];
        answers.map(|answer| (answer.status, answer.without_request_id().replace(channel, "<channel>")))
    };
    assert_eq!(ask("sales").await, ask("absent").await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_with_nobody_in_it_is_accepted_and_done() {
    let app = App::start().await;
    let Keys { all, some, .. } = keys(&app).await;
    let hello = json!({ "title": "Hello" });
    for (key, answer) in
        [(&all, all.push(&hello).await), (&all, all.push_to("sales", &hello).await), (&some, some.push(&hello).await)]
    {
        let id = answer.expect(202).json()["id"].as_str().expect("an id").to_owned();
        app.delivered().await;
        let push = key.get(&format!("/push/{id}")).await.expect(200).json();
        let nobody = json!({ "recipients": 0, "delivered": 0, "gone": 0, "failed": 0 });
        assert_eq!((&push["status"], &push["counts"]), (&json!("done"), &nobody));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_audience_gets_it_and_nobody_else() {
    let app = App::start().await;
    let Keys { all, some, .. } = keys(&app).await;
    let subscriber = app.subscriber().await;
    let devices = [&["ops"][..], &["news"], &["sales"], &["ops", "news", "sales"], &[]].map(|channels| {
        let device = app.push_service.device();
        (device, channels)
    });
    for (device, channels) in &devices {
        subscriber.subscribe(device, channels).await;
    }
    let mut expected = [0; 5];
    for (key, body, reached) in [
        (&all, to_no_target(), [1, 1, 1, 1, 1]),
        (&some, to_no_target(), [1, 1, 0, 1, 0]),
        (&some, to(&["ops", "news"]), [1, 1, 0, 1, 0]),
        (&some, to(&["news"]), [0, 1, 0, 1, 0]),
        (&all, to(&["sales", "ops"]), [1, 0, 1, 1, 0]),
        (&some, to(&["sales"]), [0, 0, 0, 0, 0]),
    ] {
        let _ = key.push(&body).await;
        app.delivered().await;
        expected.iter_mut().zip(reached).for_each(|(sum, one)| *sum += one);
        let attempts: Vec<usize> = devices.iter().map(|(device, _)| device.attempts()).collect();
        assert_eq!(attempts, expected, "{body}");
    }
    app.stop().await;
}
