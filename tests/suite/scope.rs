//! Scope: a key reaches exactly the channels of its scope. The whole table of decisions, on both routes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tests::{App, Key, Response};

/// The keys of the table: with scope `all`, with the channels `ops` and `news`, and with no channels.
struct Keys<'a> {
    all: Key<'a>,
    some: Key<'a>,
    /// `None` if the tables cannot be written.
    none: Option<Key<'a>>,
}

/// Creates the channels `ops`, `news` and `sales`, and the keys.
async fn keys(app: &App) -> Keys<'_> {
    app.channels(&["ops", "news", "sales"]).await;
    let (all, some) = (app.key().create().await, app.key().channels(&["ops", "news"]).create().await);
    let Some(local) = app.if_local() else {
        return Keys { all, some, none: None };
    };
    // The API cannot create a key without channels.
    let none = app.key().channels(&["sales"]).create().await;
    let update = local.dynamodb().update_item().table_name("KeysTable");
    let update = update.key("account", AttributeValue::S("acme".to_owned()));
    let update = update.key("id", AttributeValue::S(none.id.clone()));
    let update = update.update_expression("SET channels = :none");
    update.expression_attribute_values(":none", AttributeValue::M([].into())).send().await.expect("an update");

    Keys { all, some, none: Some(none) }
}

/// The expected response to a send.
#[derive(Clone, Copy)]
enum Expected {
    Everyone,
    Channels(&'static [&'static str]),
    /// Field errors with these pointers.
    FieldErrors(&'static [&'static str]),
    /// The channels that do not exist, separated by spaces.
    Unknown(&'static str),
    /// The channels outside the scope, separated by spaces.
    Violation(&'static str),
    EmptyScope,
}

#[track_caller]
fn check(response: &Response, expected: Expected, case: &str) {
    let body = response.json();
    match expected {
        Expected::Everyone => {
            assert_eq!(response.status, 202, "{case}: {body}");
            assert_eq!(body["audience"], json!({ "all": true, "channels": [] }), "{case}");
        }
        Expected::Channels(slugs) => {
            assert_eq!(response.status, 202, "{case}: {body}");
            assert_eq!(body["audience"], json!({ "all": false, "channels": slugs }), "{case}");
        }
        Expected::FieldErrors(pointers) => {
            response.assert_problem_in(format_args!("{case}: {body}"), 400, "invalid_body");
            assert_eq!(response.pointers(), pointers, "{case}");
        }
        Expected::Unknown(slugs) => {
            response.assert_problem_in(format_args!("{case}: {body}"), 422, "unknown_channel");
            assert_eq!(body["detail"], format!("Unknown channels: {slugs}"), "{case}");
        }
        Expected::Violation(slugs) => {
            response.assert_problem_in(format_args!("{case}: {body}"), 403, "scope_violation");
            response.assert_text_in(format_args!("{case}"), "refused", slugs);
            response.assert_text_in(format_args!("{case}"), "allowed", "news ops");
            response.assert_text_in(format_args!("{case}"), "detail", &format!("This key may not send to: {slugs}"));
        }
        Expected::EmptyScope => {
            response.assert_problem_in(format_args!("{case}: {body}"), 403, "empty_scope");
        }
    }
}

/// A send to these channels.
fn to(slugs: &[&str]) -> Value {
    json!({ "title": "Hello", "target": { "channels": slugs } })
}

/// A send without a target.
fn to_no_target() -> Value {
    json!({ "title": "Hello" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_in_the_body_follows_the_scope_table() {
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
async fn a_channel_in_the_path_follows_the_scope_table() {
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
    for (target, pointers) in [
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
        // Validation comes before the scope: these would be out of scope and unknown.
        (json!({ "channels": ["sales", "nope", "-"] }), &["/target/channels/2"]),
    ] {
        let body = json!({ "title": "Hello", "target": target });
        for (key, name) in [(&all, "all"), (&some, "channels")] {
            check(&key.push(&body).await, Expected::FieldErrors(pointers), &format!("{name}, {target}"));
        }
        // The authorizer does not see the body, and denies a key without channels.
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
            let response = key.push_to(slug, &json!({ "title": "Hello" })).await;
            response.assert_problem_in(format_args!("{name}, {slug}: {}", response.text), 400, "invalid_parameter");
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
            check(&key.push_to("ops", &body).await, Expected::FieldErrors(&["/target"]), &target.to_string());
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_and_the_handler_deny_with_the_same_bytes() {
    let app = App::start().await;
    let Keys { some, .. } = keys(&app).await;
    for channel in ["sales", "nope", "a-channel-that-nobody-ever-made"] {
        let authorizer = some.push_to(channel, &json!({ "title": "Hello" })).await.expect(403);
        let target = json!({ "title": "Hello", "target": { "channels": [channel] } });
        let handler = some.push(&target).await.expect(403);

        assert_eq!(authorizer.without_request_id(), handler.without_request_id());
        assert_eq!(authorizer.header("Content-Type"), handler.header("Content-Type"));
    }
    // With the fields in the documented order.
    let response = some.push_to("sales", &json!({ "title": "Hello" })).await;
    let expected = concat!(
        r#"{"type":"/v1/problems/scope_violation","title":"Channel outside the key's scope","status":403,"#,
        r#""code":"scope_violation","detail":"This key may not send to: sales","request_id":"<id>","#,
        r#""refused":"sales","allowed":"news ops"}"#
    );
    assert_eq!(response.without_request_id(), expected);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_does_not_reveal_which_channels_exist() {
    let app = App::start().await;
    let Keys { some, .. } = keys(&app).await;
    let ask = async |channel: &str| {
        let body = json!({ "title": "Hello", "target": { "channels": [channel] } });
        let responses = [some.push(&body).await, some.push_to(channel, &json!({ "title": "Hello" })).await];
        responses.map(|response| (response.status, response.without_request_id().replace(channel, "<channel>")))
    };
    assert_eq!(ask("sales").await, ask("absent").await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_an_empty_audience_is_accepted_and_done() {
    let app = App::start().await;
    let Keys { all, some, .. } = keys(&app).await;
    let hello = json!({ "title": "Hello" });
    for (key, response) in
        [(&all, all.push(&hello).await), (&all, all.push_to("sales", &hello).await), (&some, some.push(&hello).await)]
    {
        let id = response.expect(202).json()["id"].as_str().expect("an id").to_owned();
        app.delivered().await;
        let push = key.get(&format!("/push/{id}")).await.expect(200).json();
        let nobody = json!({ "recipients": 0, "delivered": 0, "gone": 0, "failed": 0 });
        assert_eq!((&push["status"], &push["counts"]), (&json!("done"), &nobody));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_audience_gets_a_push() {
    let app = App::start().await;
    let Keys { all, some, .. } = keys(&app).await;
    let subscriber = app.subscriber().await;
    let browsers = [&["ops"][..], &["news"], &["sales"], &["ops", "news", "sales"], &[]].map(|channels| {
        let browser = app.push_service.browser();
        (browser, channels)
    });
    for (browser, channels) in &browsers {
        subscriber.subscribe(browser, channels).await;
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
        let attempts: Vec<usize> = browsers.iter().map(|(browser, _)| browser.attempts()).collect();
        assert_eq!(attempts, expected, "{body}");
    }
    app.stop().await;
}
