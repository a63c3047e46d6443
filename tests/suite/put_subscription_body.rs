//! The body of `PUT /subscriptions`: an endpoint must be of a known push service, and keys must be well-formed.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::App;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_must_be_of_a_known_push_service() {
    let app = App::start().await;
    let key = app.subscriber().await;
    let address = app.push_service.address();
    let port = address.port();
    let with = |endpoint: &Value| {
        let mut body = app.push_service.browser().subscription(&[]);
        body["endpoint"] = endpoint.clone();
        body
    };

    for good in [
        "https://fcm.googleapis.com/fcm/send/abc:def".to_owned(),
        "https://fcm.googleapis.com:443/fcm/send/x".to_owned(),
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA".to_owned(),
        "https://wns2-par02p.notify.windows.com/w/?token=BQ%2bY".to_owned(),
        "https://web.push.apple.com/QGuQ".to_owned(),
        format!("http://{address}/push/x"),
    ] {
        assert_eq!(key.put(&with(&json!(good))).await.status, 201, "{good}");
    }
    let hostile = [
        "",
        " ",
        "/push/x",
        "fcm.googleapis.com/x",
        "//fcm.googleapis.com/x",
        "https://",
        "https:///x",
        "http://fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com:80/x",
        "https://fcm.googleapis.com./x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://evil.example/https://fcm.googleapis.com/",
        "https://evil.example?fcm.googleapis.com",
        "https://evil.example#fcm.googleapis.com",
        "https://evil.example\\@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@169.254.169.254/x",
        "https://user@fcm.googleapis.com/x",
        "https://user:pass@fcm.googleapis.com/x",
        "https://fcm.googleapis.com%2eevil.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://x.fcm.googleapis.com/x",
        "https://push.apple.com/x",
        "https://.push.apple.com/x",
        "https://evilpush.apple.com/x",
        "https://notify.windows.com/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://[::1]/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://localhost/x",
        "https://fcm。googleapis.com.evil.example/x",
    ];
    let own = [
        format!("https://{address}/x"),
        format!("http://localhost:{port}/x"),
        format!("http://127.0.0.1:{}/x", port ^ 1),
        format!("http://{address}@evil.example/x"),
        format!("http://user@{address}/x"),
        format!("https://fcm.googleapis.com/{}", "x".repeat(2_048)),
    ];
    for bad in hostile.iter().map(|text| json!(text)).chain(own.iter().map(|text| json!(text))) {
        assert_eq!(key.put(&with(&bad)).await.expect(400).pointers(), ["/endpoint"], "{bad}");
    }
    for bad in [json!(null), json!(7), json!(["https://fcm.googleapis.com/x"])] {
        assert_eq!(key.put(&with(&bad)).await.expect(400).pointers(), ["/endpoint"], "{bad}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_keys_of_a_subscription_are_field_errors() {
    let app = App::start().await;
    let key = app.subscriber().await;
    let good = app.push_service.browser().subscription(&[]);
    let point = URL_SAFE_NO_PAD.decode(good["keys"]["p256dh"].as_str().expect("text")).expect("base64url");
    let mut off_the_curve = point.clone();
    off_the_curve[64] ^= 1;
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let encoded = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let with = |field: &str, value: &Value| {
        let mut body = good.clone();
        body["keys"][field] = value.clone();
        body
    };

    for bad in [
        json!(""),
        json!("!"),
        json!(null),
        json!(7),
        encoded(&point[1..]),
        encoded(&off_the_curve),
        encoded(&compressed),
        encoded(&[4; 65]),
        encoded(&[0; 65]),
        encoded(&[&point[..], &[0]].concat()),
    ] {
        assert_eq!(key.put(&with("p256dh", &bad)).await.expect(400).pointers(), ["/keys/p256dh"], "{bad}");
    }
    for bad in [json!(""), json!("!"), json!(null), json!([]), encoded(&[7; 15]), encoded(&[7; 17])] {
        assert_eq!(key.put(&with("auth", &bad)).await.expect(400).pointers(), ["/keys/auth"], "{bad}");
    }
    let everything = json!({ "endpoint": 1, "keys": { "auth": 2, "more": 3 }, "channels": 4, "user": 5 });
    let pointers = ["/endpoint", "/keys/p256dh", "/keys/auth", "/keys/more", "/channels", "/user"];
    assert_eq!(key.put(&everything).await.expect(400).pointers(), pointers);
    assert_eq!(key.put(&json!({})).await.expect(400).field_errors(), ["/endpoint: is required", "/keys: is required"]);
    for keys in [json!(null), json!([]), json!("keys")] {
        let mut body = good.clone();
        body["keys"] = keys;
        assert_eq!(key.put(&body).await.expect(400).field_errors(), ["/keys: is not an object"]);
    }
    // Some clients send base64url with padding.
    let padded = json!(URL_SAFE.encode(&point));
    assert_eq!(key.put(&with("p256dh", &padded)).await.status, 201);
    app.stop().await;
}
