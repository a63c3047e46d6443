//! Tracing: one query by request id shows the gateway, the authorizer, the function, the delivery and the push service.

use regex_lite::Regex;
use serde_json::{Value, json};
use tests::{App, Response, logs, redact};

const QUERY: &str = include_str!("../../infra/trace-request.query");

/// The log lines that the query selects, by the rules of CloudWatch Logs Insights. `@timestamp` is the time of writing.
fn select_lines(request_id: &str) -> Vec<Value> {
    let query = QUERY.replace("REQUEST_ID", request_id);
    let commands: Vec<&str> = query.split('|').map(str::trim).collect();
    let [fields, filter, sort, limit] = commands.as_slice() else { panic!("four commands: {query}") };
    assert_eq!((*fields, *sort), ("fields @timestamp, @message", "sort @timestamp asc"));
    let pattern = filter.strip_prefix("filter @message like /").and_then(|rest| rest.strip_suffix('/'));
    let pattern = Regex::new(pattern.expect("a filter")).expect("a pattern");
    let limit: usize = limit.strip_prefix("limit ").and_then(|limit| limit.parse().ok()).expect("a limit");

    let lines = logs::lines().into_iter().filter(|line| pattern.is_match(line)).take(limit);
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// A log line as text, with placeholders for values that differ from run to run.
fn redact_line(line: &Value) -> String {
    let mut line = line.clone();
    let fields = line.as_object_mut().expect("an object");
    for name in ["timestamp", "_aws"] {
        fields.remove(name);
    }
    for name in ["millis", "response_ms"] {
        if let Some(value) = fields.get_mut(name) {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            assert!(number.is_some(), "{name} is a number: {value}");
            *value = "<ms>".into();
        }
    }
    let line: Value = serde_json::from_str(&redact(&line)).expect("JSON");
    line.to_string()
}

fn trace(request_id: &str) -> String {
    select_lines(request_id).iter().map(redact_line).collect::<Vec<_>>().join("\n")
}

fn request_id(response: &Response) -> String {
    response.header("x-amzn-requestid").expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_send_is_traced_to_the_authorizer() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let response = key.push_to("news", &json!({ "title": "Hello" })).await.expect(403);

    insta::assert_snapshot!(trace(&request_id(&response)), @r#"
    {"Code":"scope_violation","Problems":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"evaluated","millis":"<ms>","outcome":"scope_violation","request_id":"<uuid>"}
    {"key_id":"<ulid>","method":"POST","request_id":"<uuid>","resource":"/channels/{channel}/push","response_ms":"<ms>","response_type":"ACCESS_DENIED","status":"403","user":"-"}
    "#);
    assert_eq!(response.json()["request_id"], request_id(&response));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_the_function_denies_is_traced_to_it() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let key = app.key().channels(&["ops"]).create().await;

    let response = key.push(&json!({ "title": "Hello", "target": { "channels": ["news"] } })).await.expect(403);

    insta::assert_snapshot!(trace(&request_id(&response)), @r#"
    {"Authorized":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"evaluated","millis":"<ms>","outcome":"authorized","request_id":"<uuid>"}
    {"Code":"scope_violation","Problems":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"answered","millis":"<ms>","outcome":"scope_violation","request_id":"<uuid>","resource":"/push","status":403}
    {"key_id":"<ulid>","method":"POST","request_id":"<uuid>","resource":"/push","response_ms":"<ms>","response_type":"-","status":"403","user":"-"}
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_users_and_without_credentials_are_traced() {
    let app = App::start().await;

    let nobody = app.send(app.request(reqwest::Method::POST, "/push").body("{}")).await.expect(401);
    let user = app.admin().await.get("/keys").await.expect(200);
    let nowhere = app.send(app.request(reqwest::Method::POST, "/nowhere")).await.expect(404);

    insta::assert_snapshot!(trace(&request_id(&nobody)), @r#"
    {"Code":"unauthenticated","Problems":1,"level":"INFO","message":"evaluated","millis":"<ms>","outcome":"unauthenticated","request_id":"<uuid>"}
    {"key_id":"-","method":"POST","request_id":"<uuid>","resource":"/push","response_ms":"<ms>","response_type":"UNAUTHORIZED","status":"401","user":"-"}
    "#);
    insta::assert_snapshot!(trace(&request_id(&user)), @r#"
    {"account":"acme","level":"INFO","message":"answered","millis":"<ms>","outcome":"ok","request_id":"<uuid>","resource":"/keys","status":200,"user":"<uuid>"}
    {"key_id":"-","method":"GET","request_id":"<uuid>","resource":"/keys","response_ms":"<ms>","response_type":"-","status":"200","user":"<uuid>"}
    "#);
    insta::assert_snapshot!(trace(&request_id(&nowhere)), @r#"{"key_id":"-","method":"POST","request_id":"<uuid>","resource":"-","response_ms":"<ms>","response_type":"MISSING_AUTHENTICATION_TOKEN","status":"404","user":"-"}"#);
    app.stop().await;
}

/// Sends to one browser; returns the request id. The push service responds only after the 202, so that the order of the
/// lines is fixed.
async fn sent(app: &App, statuses: &[u16]) -> String {
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let hold = browser.hold();
    browser.respond_with(statuses);

    let response = key.push(&json!({ "title": "Hello" })).await.expect(202);
    drop(hold);
    app.delivered().await;

    request_id(&response)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivered_send_is_traced_to_the_push_service() {
    let app = App::start().await;

    let id = sent(&app, &[]).await;

    insta::assert_snapshot!(trace(&id), @r#"
    {"Authorized":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"evaluated","millis":"<ms>","outcome":"authorized","request_id":"<uuid>"}
    {"account":"acme","key_id":"<ulid>","level":"INFO","message":"answered","millis":"<ms>","outcome":"ok","push":"<ulid>","request_id":"<uuid>","resource":"/push","status":202}
    {"key_id":"<ulid>","method":"POST","request_id":"<uuid>","resource":"/push","response_ms":"<ms>","response_type":"-","status":"202","user":"-"}
    {"account":"acme","attempt":0,"host":"127.0.0.1","key_id":"<ulid>","level":"INFO","message":"push service answered","millis":"<ms>","outcome":"delivered","push":"<ulid>","request_id":"<uuid>","status":201,"task":"/","times":1}
    {"Delivered":1,"Failed":0,"Gone":0,"Retried":0,"SignatureRejected":0,"account":"acme","attempt":0,"key_id":"<ulid>","level":"INFO","message":"sent","millis":"<ms>","outcome":"done","push":"<ulid>","request_id":"<uuid>","task":"/"}
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_the_push_service_rejects_is_traced_to_it() {
    let app = App::start().await;

    let id = sent(&app, &[400]).await;

    insta::assert_snapshot!(trace(&id), @r#"
    {"Authorized":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"evaluated","millis":"<ms>","outcome":"authorized","request_id":"<uuid>"}
    {"account":"acme","key_id":"<ulid>","level":"INFO","message":"answered","millis":"<ms>","outcome":"ok","push":"<ulid>","request_id":"<uuid>","resource":"/push","status":202}
    {"key_id":"<ulid>","method":"POST","request_id":"<uuid>","resource":"/push","response_ms":"<ms>","response_type":"-","status":"202","user":"-"}
    {"account":"acme","attempt":0,"host":"127.0.0.1","key_id":"<ulid>","level":"INFO","message":"push service answered","millis":"<ms>","outcome":"failed","push":"<ulid>","request_id":"<uuid>","status":400,"task":"/","times":1}
    {"Delivered":0,"Failed":1,"Gone":0,"Retried":0,"SignatureRejected":0,"account":"acme","attempt":0,"key_id":"<ulid>","level":"INFO","message":"sent","millis":"<ms>","outcome":"done","push":"<ulid>","request_id":"<uuid>","task":"/"}
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_send_is_traced_through_each_attempt() {
    let app = App::start().await;

    let id = sent(&app, &[503]).await;

    insta::assert_snapshot!(trace(&id), @r#"
    {"Authorized":1,"account":"acme","key_id":"<ulid>","level":"INFO","message":"evaluated","millis":"<ms>","outcome":"authorized","request_id":"<uuid>"}
    {"account":"acme","key_id":"<ulid>","level":"INFO","message":"answered","millis":"<ms>","outcome":"ok","push":"<ulid>","request_id":"<uuid>","resource":"/push","status":202}
    {"key_id":"<ulid>","method":"POST","request_id":"<uuid>","resource":"/push","response_ms":"<ms>","response_type":"-","status":"202","user":"-"}
    {"account":"acme","attempt":0,"host":"127.0.0.1","key_id":"<ulid>","level":"INFO","message":"push service answered","millis":"<ms>","outcome":"later","push":"<ulid>","request_id":"<uuid>","status":503,"task":"/","times":1}
    {"Delivered":0,"Failed":0,"Gone":0,"Retried":1,"SignatureRejected":0,"account":"acme","attempt":0,"key_id":"<ulid>","level":"INFO","message":"sent","millis":"<ms>","outcome":"retry","push":"<ulid>","request_id":"<uuid>","task":"/"}
    {"account":"acme","attempt":1,"host":"127.0.0.1","key_id":"<ulid>","level":"INFO","message":"push service answered","millis":"<ms>","outcome":"delivered","push":"<ulid>","request_id":"<uuid>","status":201,"task":"/","times":1}
    {"Delivered":1,"Failed":0,"Gone":0,"Retried":0,"SignatureRejected":0,"account":"acme","attempt":1,"key_id":"<ulid>","level":"INFO","message":"sent","millis":"<ms>","outcome":"done","push":"<ulid>","request_id":"<uuid>","task":"/"}
    "#);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_has_a_header_a_query_an_address_or_an_endpoint() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    let subscription = browser.subscription(&[]);
    let put = app.subscriber().await.put(&subscription).await.expect(201);
    let key = app.key().create().await;
    let request = app.request(reqwest::Method::POST, "/push?word=confidential").bearer_auth(&key.secret);
    let request = request.header("User-Agent", "confidential").header("X-Confidential", "confidential");
    let push = app.send(request.body(r#"{"title":"confidential"}"#)).await.expect(202);
    app.delivered().await;

    let path = subscription["endpoint"].as_str().and_then(|endpoint| endpoint.rsplit('/').next()).expect("a path");
    for response in [put, push] {
        let lines = select_lines(&request_id(&response));
        assert!(lines.len() >= 3, "{lines:?}");
        let text = format!("{lines:?}");
        for word in ["confidential", path, &app.push_service.address().port().to_string()] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    app.stop().await;
}
