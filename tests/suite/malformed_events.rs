//! Malformed events do not make a function fail, nor the event after them. The tests run the real binaries.

use serde_json::Value;
use tests::{App, runtime_api};

/// The parts of an event, as JSON text: some of them have no `serde_json::Value`.
#[derive(Clone, Copy)]
struct Event {
    method: &'static str,
    path: &'static str,
    header: (&'static str, &'static str),
    headers: &'static str,
    multi_value_headers: &'static str,
    query: &'static str,
    multi_value_query: &'static str,
    authorizer: &'static str,
    identity: &'static str,
    body: &'static str,
    base64: &'static str,
}

/// A dry run, as API Gateway would send it. `NAME` and `VALUE` are replaced by those of the header, `SECRET` by a key's secret,
/// and `CALLER` by the entries that the authorizer returns for that key.
const NORMAL: Event = Event {
    method: r#""POST""#,
    path: r#""/push""#,
    header: ("X-Note", r#""a""#),
    headers: r#"{"NAME":VALUE,"Authorization":"Bearer SECRET"}"#,
    multi_value_headers: r#"{"NAME":[VALUE],"Authorization":["Bearer SECRET"]}"#,
    query: r#"{"a":"1"}"#,
    multi_value_query: r#"{"a":["1"]}"#,
    authorizer: "{CALLER}",
    identity: r#"{"sourceIp":"127.0.0.1"}"#,
    body: r#""{\"title\":\"Hello\",\"dry_run\":true}""#,
    base64: r#""isBase64Encoded":false"#,
};

impl Event {
    fn text(&self, caller: &Caller) -> String {
        let Self { method, path, headers, multi_value_headers, query, multi_value_query, .. } = self;
        let Self { header: (name, value), authorizer, identity, body, base64, .. } = self;
        let text = format!(
            r#"{{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-central-1:000000000000:api/v1/POST/push",
            "resource":"/push","path":{path},"httpMethod":{method},
            "headers":{headers},"multiValueHeaders":{multi_value_headers},
            "queryStringParameters":{query},"multiValueQueryStringParameters":{multi_value_query},
            "pathParameters":null,"stageVariables":null,
            "requestContext":{{"accountId":"000000000000","apiId":"api","domainName":"api.example.com",
                "httpMethod":{method},"path":"/v1/push","protocol":"HTTP/1.1","requestId":"a-request",
                "requestTime":"01/Jan/2026:00:00:00 +0000","requestTimeEpoch":1767225600000,"resourceId":"push",
                "resourcePath":"/push","stage":"v1","authorizer":{authorizer},"identity":{identity}}},
            "body":{body},{base64}}}"#
        );
        let text = text.replace("NAME", name).replace("VALUE", value);
        text.replace("SECRET", &caller.secret).replace("CALLER", &caller.entries)
    }
}

/// The key of the events.
struct Caller {
    secret: String,
    /// The authorizer's context as JSON text, without its braces.
    entries: String,
}

impl Caller {
    async fn create(app: &App) -> Self {
        let secret = app.key().create().await.secret;
        let normal = NORMAL.text(&Self { secret: secret.clone(), entries: String::new() });
        let run = runtime_api::run("authorizer", &environment(app), vec![normal]).await;
        let context = run.responses[0]["context"].to_string();
        Self { secret, entries: context.trim_matches(['{', '}']).to_owned() }
    }
}

fn environment(app: &App) -> Vec<(String, String)> {
    app.local().environment(app.local().dynamodb_url()).into_iter().collect()
}

/// A malformed event, and what becomes of it in each function.
struct Case {
    name: &'static str,
    send_push: &'static str,
    authorizer: &'static str,
    event: Event,
}

/// The outcome of an event that `serde_json` does not parse, because a string of it is not Unicode.
const UNPARSED: &str = "invocation error: not parsed";

const fn case(name: &'static str, send_push: &'static str, authorizer: &'static str, event: Event) -> Case {
    Case { name, send_push, authorizer, event }
}

/// An event with this header beside the key's; its value is JSON.
const fn header(name: &'static str, value: &'static str) -> Event {
    Event { header: (name, value), ..NORMAL }
}

const CASES: [Case; 22] = [
    case("headers are null", "200", "Allow", Event { headers: "null", ..NORMAL }),
    case(
        "both header maps are null",
        "200",
        "Unauthorized",
        Event { headers: "null", multi_value_headers: "null", ..NORMAL },
    ),
    case(
        "a header is null",
        "200",
        "Allow",
        Event { headers: r#"{"Accept":null,"Authorization":"Bearer SECRET"}"#, ..NORMAL },
    ),
    case("a header's list is null", "200", "Allow", Event { multi_value_headers: r#"{"Accept":null}"#, ..NORMAL }),
    case("a header's list contains null", "200", "Allow", header("Accept", "null")),
    case("a NUL in a header's value", "200", "Allow", header("X-Note", r#""a\u0000b""#)),
    case("a newline in a header's value", "200", "Allow", header("X-Note", r#""a\nb""#)),
    case(
        "a header with a name of serde_json's own",
        "200",
        "Allow",
        header("$serde_json::private::RawValue", r#""x""#),
    ),
    case(
        "a query parameter with a name of serde_json's own",
        "200",
        "Allow",
        Event {
            query: r#"{"$serde_json::private::RawValue":"x"}"#,
            multi_value_query: r#"{"$serde_json::private::RawValue":["x"]}"#,
            ..NORMAL
        },
    ),
    case(
        "context entries with a name of serde_json's own",
        "200",
        "Allow",
        Event {
            authorizer: r#"{"$serde_json::private::RawValue":"x","claims":{"$serde_json::private::RawValue":"x"},CALLER}"#,
            identity: r#"{"$serde_json::private::RawValue":{"a":1}}"#,
            ..NORMAL
        },
    ),
    case("a header's name with a space", "200", "Allow", header("X Note", r#""a""#)),
    case("a header's name is empty", "200", "Allow", header("", r#""a""#)),
    case("the query is null", "200", "Allow", Event { query: "null", multi_value_query: "null", ..NORMAL }),
    case("the authorizer's context is null", "500 internal", "Allow", Event { authorizer: "null", ..NORMAL }),
    case("the identity is null", "200", "Allow", Event { identity: "null", ..NORMAL }),
    case("a method with a space", "500 internal", "Unknown route", Event { method: r#""BREW COFFEE""#, ..NORMAL }),
    case("a path with a space", "200", "Allow", Event { path: r#""/push now""#, ..NORMAL }),
    case("Host with a space", "200", "Allow", header("Host", r#""a host""#)),
    case("X-Forwarded-Proto is no scheme", "200", "Allow", header("X-Forwarded-Proto", r#""ht tp""#)),
    case(
        "a body that is not base64, but marked so",
        "400 invalid_body",
        "Allow",
        Event { body: r#""%""#, base64: r#""isBase64Encoded":true"#, ..NORMAL },
    ),
    case(
        "a duplicate field",
        "200",
        "Allow",
        Event { base64: r#""isBase64Encoded":true,"isBase64Encoded":false"#, ..NORMAL },
    ),
    case("a lone surrogate", UNPARSED, UNPARSED, header("X-Note", r#""\ud800""#)),
];

/// The outcomes of these events, one after the other in one process of the binary.
async fn outcomes(binary: &str, environment: &[(String, String)], events: Vec<String>) -> Vec<String> {
    let count = events.len();
    let run = runtime_api::run(binary, environment, events).await;
    assert_eq!(run.responses.len(), count, "each event has one response: {:?}", run.responses);
    run.responses.iter().zip(run.is_error).map(|(response, is_error)| outcome(response, is_error)).collect()
}

/// The outcomes of each case's event and of the normal event after it, with this method unless it is what is malformed.
async fn run(
    binary: &str,
    method: &'static str,
    environment: &[(String, String)],
    caller: &Caller,
) -> Vec<(&'static str, [String; 2])> {
    let with_method =
        |event: Event| Event { method: if event.method == NORMAL.method { method } else { event.method }, ..event };
    let events = CASES.iter().flat_map(|case| [case.event, NORMAL]).map(|event| with_method(event).text(caller));
    let mut outcomes = outcomes(binary, environment, events.collect()).await.into_iter();
    let mut next = || outcomes.next().unwrap_or_default();
    CASES.iter().map(|case| (case.name, [next(), next()])).collect()
}

/// A response in short: its status and problem, the effect of its policy, or the error.
fn outcome(response: &Value, is_error: bool) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if is_error {
        let message = text(&response["errorMessage"]);
        return if message.contains("failed to deserialize") { UNPARSED.to_owned() } else { message };
    }
    let problem: Value = serde_json::from_str(&text(&response["body"])).unwrap_or_default();
    match (&response["statusCode"], problem["code"].as_str()) {
        (Value::Null, _) => text(&response["policyDocument"]["Statement"][0]["Effect"]),
        (status, None) => status.to_string(),
        (status, Some(code)) => format!("{status} {code}"),
    }
}

/// Asserts that each event has the outcome that its case expects, and each normal event this one.
fn assert_outcomes(
    seen: &[(&'static str, [String; 2])],
    expected: impl Fn(&Case) -> &'static str,
    normal: &'static str,
) {
    let expected = CASES.iter().map(|case| [expected(case), normal]);
    let unexpected: Vec<_> =
        seen.iter().zip(expected).filter(|((_, outcomes), expected)| outcomes != expected).collect();
    assert!(unexpected.is_empty(), "seen and expected, for the event and the normal one after it: {unexpected:#?}");
}

#[tokio::test]
async fn preflight_responds_to_every_malformed_event_and_to_the_next_one() {
    let environment = [("CONSOLE_ORIGIN".to_owned(), "https://console.example.com".to_owned())];
    let caller = Caller { secret: "a secret".to_owned(), entries: r#""account":"acme""#.to_owned() };
    let outcomes = run("preflight", r#""OPTIONS""#, &environment, &caller).await;

    let expected = |case: &Case| match case.send_push {
        UNPARSED => UNPARSED,
        _ if case.event.method != NORMAL.method => "500 internal",
        _ => "204",
    };
    assert_outcomes(&outcomes, expected, "204");
    assert_eq!(outcomes.iter().filter(|(_, [malformed, _])| malformed == "204").count(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn send_push_responds_to_every_malformed_event_and_to_the_next_one() {
    let app = App::start().await;
    let caller = Caller::create(&app).await;
    let outcomes = run("send-push", NORMAL.method, &environment(&app), &caller).await;

    assert_outcomes(&outcomes, |case| case.send_push, "200");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_evaluates_every_malformed_event_and_the_next_one() {
    let app = App::start().await;
    let caller = Caller::create(&app).await;
    let outcomes = run("authorizer", NORMAL.method, &environment(&app), &caller).await;

    assert_outcomes(&outcomes, |case| case.authorizer, "Allow");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_or_malformed_idempotency_key_is_never_taken_for_absent() {
    let app = App::start().await;
    let caller = Caller::create(&app).await;
    let rejected = "400 invalid_parameter";
    let table = [
        (r#"{"Idempotency-Key":["a"]}"#, "200"),
        (r#"{"Idempotency-Key":["a","b"]}"#, rejected),
        (r#"{"Idempotency-Key":["a","a"]}"#, rejected),
        (r#"{"Idempotency-Key":["a"],"idempotency-key":["b"]}"#, rejected),
        (r#"{"Idempotency-Key":["a\u0000b"]}"#, rejected),
        (r#"{"Idempotency-Key":["\n"]}"#, rejected),
        (r#"{"Idempotency-Key":["a\r\nX-Note: b"]}"#, rejected),
        (r#"{"Idempotency-Key":["a\u007f"]}"#, rejected),
        (r#"{"Idempotency-Key":["\u0085"]}"#, rejected),
        (r#"{"Idempotency-Key":[""]}"#, rejected),
    ];
    let events = table.map(|(headers, _)| Event { multi_value_headers: headers, ..NORMAL }.text(&caller)).to_vec();
    let outcomes = outcomes("send-push", &environment(&app), events).await;

    let seen: Vec<_> =
        table.iter().zip(&outcomes).map(|((headers, _), outcome)| (*headers, outcome.as_str())).collect();
    assert_eq!(seen, table);
    app.stop().await;
}
