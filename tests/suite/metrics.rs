//! Metrics in the log: in CloudWatch's embedded metric format, at any log level.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::log::METRICS;
use tests::embedded_metrics::{Measured, metrics};
use tests::fault_proxy::{Fault, FaultProxy};
use tests::{App, leaks, logs, runtime_api};

/// The sums of the metrics of the lines that a filter selects, by name and dimensions.
fn counted(lines: &[String], select: impl Fn(&Value) -> bool) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let measured = metrics(&line).unwrap_or_else(|rule| panic!("{rule}: {line}"));
        for Measured { name, value, dimensions } in measured.into_iter().filter(|_| select(&line)) {
            for set in dimensions {
                *sums.entry(format!("{name}{{{}}}", set.join(","))).or_default() += value;
            }
        }
    }
    sums
}

fn sums(expected: &[(&str, f64)]) -> BTreeMap<String, f64> {
    expected.iter().map(|(name, sum)| ((*name).to_owned(), *sum)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_counted_once_per_event() {
    let app = App::start().await;
    app.channels(&["ops", "news"]).await;
    let subscriber = app.subscriber().await;
    for statuses in [vec![], vec![410], vec![400], vec![401], vec![503]] {
        let browser = app.push_service.browser();
        subscriber.subscribe(&browser, &["ops"]).await;
        browser.respond_with(&statuses);
    }
    let key = app.key().channels(&["ops"]).with("limits", json!({ "per_day": 2 })).create().await;

    key.push(&json!({ "title": "Hello" })).await.expect(202);
    key.push_to("news", &json!({ "title": "Hello" })).await.expect(403);
    key.push(&json!({ "title": 7 })).await.expect(400);
    key.push(&json!({ "title": "Hello" })).await.expect(429);
    app.delivered().await;

    let counted = counted(&logs::lines(), |line| line["key_id"] == key.id.as_str());
    let expected = sums(&[
        ("Authorized{}", 2.0),
        ("Problems{}", 3.0),
        ("Problems{Code=scope_violation}", 1.0),
        ("Problems{Code=invalid_body}", 1.0),
        ("Problems{Code=rate_limited}", 1.0),
        ("Delivered{}", 2.0),
        ("Gone{}", 1.0),
        ("Failed{}", 2.0),
        ("SignatureRejected{}", 1.0),
        ("Retried{}", 1.0),
    ]);
    assert_eq!(counted, expected);
    app.stop().await;
}

/// The log lines of the authorizer's binary for these events, at this log level.
async fn authorizer(app: &App, dynamodb: &str, level: &str, events: Vec<Value>) -> (Vec<String>, Vec<u8>) {
    let environment = [
        ("KEYS_TABLE", "KeysTable"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "tests"),
        ("AWS_SECRET_ACCESS_KEY", "tests"),
        ("AWS_SESSION_TOKEN", app.local().session_token()),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("TAG_KEY", app.local().tag_key_text()),
        ("LOG_LEVEL", level),
        ("METRICS_STACK", "production"),
    ];
    let output = runtime_api::run("authorizer", &environment, events).await.output;
    let lines = String::from_utf8(output.clone()).expect("text").lines().map(str::to_owned).collect();
    (lines, output)
}

fn event(secret: &str) -> Value {
    json!({
        "methodArn": "arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
        "resource": "/push",
        "httpMethod": "POST",
        "headers": { "Authorization": format!("Bearer {secret}") },
        "requestContext": { "requestId": "a-request" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_written_at_every_level_with_the_stack_and_no_secret() {
    let app = App::start().await;
    let key = app.key().create().await;
    let secret = key.secret.as_str();

    for level in ["off", "error", "trace"] {
        let (lines, output) =
            authorizer(&app, app.local().dynamodb_url(), level, vec![event(secret), event("nobody"), event(secret)])
                .await;

        let expected = sums(&[
            ("Authorized{Stack=production}", 2.0),
            ("Problems{Stack=production}", 1.0),
            ("Problems{Code=unauthenticated,Stack=production}", 1.0),
        ]);
        assert_eq!(counted(&lines, |_| true), expected, "{level}: {lines:#?}");
        assert_eq!(leaks::count(&[secret], &output), 0, "{level}: {lines:#?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_response_is_ambiguous_whether_it_arrived_or_not() {
    let app = App::start().await;
    let key = app.key().create().await;

    for fault in [Fault::LoseResponse, Fault::LoseRequest] {
        let proxy = FaultProxy::start(app.local().dynamodb_url(), false, move |_| fault).await;
        let (lines, _) = authorizer(&app, &proxy.url(), "info", vec![event(&key.secret)]).await;

        let expected = sums(&[
            ("AuthorizerUnavailable{Stack=production}", 1.0),
            ("Ambiguous{Stack=production}", 1.0),
            ("Problems{Stack=production}", 1.0),
            ("Problems{Code=unavailable,Stack=production}", 1.0),
        ]);
        assert_eq!(counted(&lines, |_| true), expected, "{fault:?}: {lines:#?}");
        let validated = lines.iter().filter(|line| line.contains(r#""message":"evaluated""#));
        let validated: Vec<Value> = validated.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(
            (validated.len(), &validated[0]["level"], &validated[0]["account"]),
            (1, &json!("ERROR"), &json!("acme"))
        );
        assert!(validated[0]["cause"].as_str().is_some_and(|cause| cause.contains("the store does not respond")));
        let errors = lines.iter().filter(|line| line.contains(r#""level":"ERROR""#));
        assert_eq!(errors.count(), 1, "the cause is logged once: {lines:#?}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_is_json_and_every_metric_is_well_formed() {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    app.key().create().await.push(&json!({ "title": "Hello" })).await.expect(202);
    app.delivered().await;

    let lines = logs::lines();
    let names: BTreeSet<String> = counted(&lines, |_| true).into_keys().collect();
    let codes = |name: &String| name.contains("Code=");
    assert!(names.iter().filter(|name| !codes(name)).count() <= METRICS.len(), "{names:?}");
    for name in names.iter().filter(|name| codes(name)) {
        let code = name.split("Code=").nth(1).and_then(|rest| rest.split([',', '}']).next()).expect("a code");
        assert!(
            code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{name} has a code of a closed set"
        );
    }
    for known in ["Authorized{", "Delivered{", "Retried{"] {
        assert!(names.iter().any(|name| name.starts_with(known)), "{known}: {names:?}");
    }
    app.stop().await;
}
