//! The body of a push: its fields, its field errors and its size.

use serde_json::{Value, json};
use shared::domain::json::LenientJson;
use tests::{App, Key, redact};

/// The body of a push with a plaintext of exactly this many bytes.
async fn of_size(key: &Key<'_>, bytes: usize) -> Value {
    let mut body = json!({ "title": "Large", "message": "", "dry_run": true });
    let empty = key.push(&body).await.expect(200).json()["bytes"].as_u64().expect("a number");
    let padding = bytes - usize::try_from(empty).expect("a size");
    // With characters of two bytes: the limit counts bytes.
    body["message"] = format!("{}{}", "ß".repeat(padding / 2), "x".repeat(padding % 2)).into();
    body["dry_run"] = false.into();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_has_at_most_3993_bytes() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;

    let max = of_size(&key, 3_993).await;
    let accepted = key.push(&max).await.expect(202);
    assert_eq!(accepted.json()["bytes"], 3_993);
    let too_large = of_size(&key, 3_994).await;
    let rejected = key.push(&too_large).await.expect(413);
    insta::assert_snapshot!(redact(&rejected.json()), @r#"
    {
      "code": "push_too_large",
      "detail": "The push has 3994 bytes; the maximum is 3993",
      "request_id": "<uuid>",
      "status": 413,
      "title": "The push is too large",
      "type": "/v1/problems/push_too_large"
    }
    "#);
    let mut dry = too_large.clone();
    dry["dry_run"] = true.into();
    key.push(&dry).await.assert_problem_in("a dry run has the same limit", 413, "push_too_large");
    app.delivered().await;

    let received = browser.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].plaintext.len(), 3_993, "the plaintext has the size of the response");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_error_of_a_push_has_its_pointer() {
    let app = App::start().await;
    let key = app.key().create().await;
    let body = json!({
        "title": " ", "message": 1, "url": "javascript:alert(1)", "icon": "data:image/png;base64,AA==", "image": "x.png",
        "badge": 3, "actions": [{ "action": "open" }, { "action": "", "title": "Go", "icon": "//", "url": "/" }],
        "data": [], "ttl": 2_419_201, "urgency": "urgent", "topic": "a b", "dry_run": "yes", "target": { "channel": "ops" },
        "silent": true,
    });

    let response = key.push(&body).await.expect(400);

    insta::assert_snapshot!(response.field_errors().join("\n"), @r"
    /title: has at least one visible character
    /message: is not a string
    /url: is not an http or https URL, or a path that begins with /, of visible characters alone
    /icon: is not an http or https URL, or a path that begins with /, of visible characters alone
    /image: is not an http or https URL, or a path that begins with /, of visible characters alone
    /badge: is not a string
    /actions/0/title: is required
    /actions/1/action: has at least one visible character
    /actions/1/icon: is not an http or https URL, or a path that begins with /, of visible characters alone
    /actions/1/url: is not a field here
    /data: is not an object
    /target/channels: is required
    /target/channel: is not a field here
    /ttl: is not a whole number of seconds from 0 to 2419200
    /urgency: is not an urgency: very-low, low, normal or high
    /topic: is not a topic: 1 to 32 letters and digits
    /dry_run: is not true or false
    /silent: is not a field here
    ");
    assert_eq!(key.push(&json!({})).await.expect(400).field_errors(), ["/title: is required"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_push_has_its_limits() {
    let app = App::start().await;
    let key = app.key().create().await;
    let action = json!({ "action": "open", "title": "Open" });
    let max_topic = "t".repeat(32);
    for (field, good, bad) in [
        (
            "title",
            vec![
                json!("T"),
                json!(" ü ✓"),
                json!("\u{2068}Ada\u{2069}: שלום\u{200f}!"),
                json!("👩\u{200d}🚀 ❤\u{fe0f}"),
            ],
            vec![
                json!(""),
                json!("\n"),
                json!(null),
                json!(7),
                json!("\u{3164}"),
                json!("\u{2800}"),
                json!("a\u{202e}b"),
                json!("a\u{200b}b"),
                json!("\u{2067}a"),
            ],
        ),
        (
            "message",
            vec![json!(""), json!("two\nlines"), json!("\u{2067}שלום\u{2069}\nsoft\u{ad}hyphen")],
            vec![
                json!(null),
                json!(["x"]),
                json!("a\u{202e}b"),
                json!("a\u{202d}b\u{202c}"),
                json!("\u{2067}a\n\u{2069}"),
                json!("a\u{1b}[2J"),
            ],
        ),
        (
            "url",
            vec![json!("https://example.com/a?b#c"), json!("/offers/1")],
            vec![
                json!(""),
                json!("offers"),
                json!(null),
                json!("https://example.com/\u{202e}gpj.exe"),
                json!("/a\u{200b}"),
                json!("/a\u{2800}"),
            ],
        ),
        ("icon", vec![json!("/icon.png")], vec![json!("ftp://example.com/x"), json!("https://")]),
        ("image", vec![json!("http://localhost/x")], vec![json!("mailto:a@example.com")]),
        ("badge", vec![json!("/badge.png")], vec![json!("/a b")]),
        (
            "actions",
            vec![json!([]), json!([action]), json!([action, action])],
            vec![json!([action, action, action]), json!({}), json!(null), json!("open")],
        ),
        ("data", vec![json!({}), json!({ "a": [1, { "b": null }] })], vec![json!([]), json!("x"), json!(null)]),
        (
            "ttl",
            vec![json!(0), json!(2_419_200)],
            vec![json!(2_419_201), json!(-1), json!(1.5), json!("60"), json!(null)],
        ),
        (
            "urgency",
            vec![json!("very-low"), json!("low"), json!("normal"), json!("high")],
            vec![json!("High"), json!(""), json!(1), json!(null)],
        ),
        (
            "topic",
            vec![json!("a"), json!("Offers2026"), json!(max_topic)],
            vec![json!(""), json!("a b"), json!("ü"), json!("t".repeat(33)), json!(null)],
        ),
        ("dry_run", vec![json!(true), json!(false)], vec![json!("true"), json!(1), json!(null)]),
    ] {
        let with = |value: &Value| {
            let mut body = json!({ "title": "Hello" });
            body[field] = value.clone();
            body
        };
        for good in good {
            let status = key.push(&with(&good)).await.status;
            assert!([200, 202].contains(&status), "{field}: {good}");
        }
        for bad in bad {
            assert_eq!(key.push(&with(&bad)).await.expect(400).pointers(), [format!("/{field}")], "{bad}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_with_any_field_names_arrives_unchanged() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let data = r#"{"a":{"$serde_json::private::RawValue":"not JSON"},"b":{"$serde_json::private::Number":"x"},"n":4.8280000000000003e-26}"#;

    let LenientJson(sent) = serde_json::from_str(data).expect("JSON");
    let accepted = key.push(&json!({ "title": "Hello", "data": sent })).await.expect(202).json();
    app.delivered().await;

    let plaintext = format!(r#"{{"id":{},"title":"Hello","data":{data}}}"#, accepted["id"]);
    assert_eq!(browser.received().iter().map(|push| &push.plaintext).collect::<Vec<_>>(), [&plaintext]);
    let pushes = app.admin().await.get("/pushes").await.expect(200).json();
    assert_eq!(pushes["pushes"][0]["status"], "done", "{pushes}");
    app.stop().await;
}
