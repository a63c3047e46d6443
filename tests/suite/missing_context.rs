//! A function that gets another route's event, or no valid context of its own request, returns 500 and has no effect.

use std::collections::{BTreeSet, HashMap};

use local::Route;
use local::lambda::{Handler, in_process};
use serde_json::{Map, Value, json};
use tests::openapi::{Operation, Security, operations};
use tests::{App, logs};

/// The functions of the app, without the gateway and the authorizer.
fn functions(app: &App) -> HashMap<String, Handler> {
    in_process(|_| app.local().environment(app.local().dynamodb_url()))
}

/// An invocation of a function: its logical id, its route, its path parameters and its body.
struct Invocation {
    function: String,
    method: String,
    resource: &'static str,
    path: Value,
    body: Value,
}

impl Invocation {
    async fn invoke(&self, functions: &HashMap<String, Handler>, authorizer: Option<&Value>) -> (Value, Value) {
        let mut context = json!({ "requestId": "a-request" });
        if let Some(authorizer) = authorizer {
            context["authorizer"] = authorizer.clone();
        }
        let event = json!({
            "httpMethod": self.method,
            "resource": self.resource,
            "pathParameters": self.path,
            "body": self.body.to_string(),
            "stageVariables": { "app_client": "console" },
            "requestContext": context,
        });
        let response = functions[&self.function](event).await.expect("a response");
        let body = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap_or_default();
        (response["statusCode"].clone(), body)
    }
}

/// An invocation of every function behind the authorizer, each with an effect.
async fn calls(app: &App) -> Vec<Invocation> {
    app.channels(&["ops"]).await;
    let browser = app.push_service.browser();
    let subscription = app.subscriber().await.subscribe(&browser, &["ops"]).await;
    let key = app.key().create().await;
    let push = key.push(&json!({ "title": "Hello" })).await.expect(202).json()["id"].clone();
    app.delivered().await;
    let call = |function: &str, method, resource, path, body| {
        let (function, method) = (function.to_owned(), str::to_owned(method));
        Invocation { function, method, resource, path, body }
    };
    let hello = json!({ "title": "Hello" });
    vec![
        call("SendPush", "POST", "/push", json!(null), hello.clone()),
        call("SendPush", "POST", "/channels/{channel}/push", json!({ "channel": "ops" }), hello),
        call("GetPush", "GET", "/push/{id}", json!({ "id": push }), json!(null)),
        call(
            "PutSubscription",
            "PUT",
            "/subscriptions",
            json!(null),
            app.push_service.browser().subscription(&["ops"]),
        ),
        call("DeleteSubscription", "DELETE", "/subscriptions/{id}", json!({ "id": subscription }), json!(null)),
        call("GetSubscriptionConfig", "GET", "/subscriptions/config", json!(null), json!(null)),
    ]
}

/// An invocation of every function behind the user pool, with the example of its body.
fn management_calls(app: &App, key: &str) -> Vec<Invocation> {
    let call = |operation: Operation| {
        let mut routes = app.local().routes().iter();
        let route = routes.find(|it| it.method == operation.method.as_str() && it.resource == operation.path);
        Invocation {
            function: route.expect("a route of the template").function.clone(),
            method: operation.method.to_string(),
            resource: operation.path,
            path: json!({ "id": key, "channel": "ops" }),
            body: operation.example_body().cloned().unwrap_or_default(),
        }
    };
    operations().into_iter().filter(|operation| operation.security == Security::User).map(call).collect()
}

/// The context of a key that the authorizer made for the request `a-request`.
fn context_of_a_key() -> Value {
    json!({
        "version": "1", "request_id": "a-request",
        "account": "acme", "key_id": "01JD0000000000000000000000", "scope": "all", "channels": "{}",
    })
}

/// Asserts that these are invocations of all operations with this security.
fn assert_all(security: Security, calls: &[Invocation]) {
    let mut documented: Vec<_> =
        operations().into_iter().filter(|it| it.security == security).map(|it| it.path).collect();
    let mut called: Vec<_> = calls.iter().map(|call| call.resource).collect();
    documented.sort_unstable();
    called.sort_unstable();
    assert_eq!(called, documented);
}

/// Invalid authorizer contexts, each with a description.
fn invalid_contexts(valid: &Map<String, Value>) -> Vec<(String, Option<Value>)> {
    let mut wrong = vec![
        ("none".to_owned(), None),
        ("null".to_owned(), Some(json!(null))),
        ("a text".to_owned(), Some(json!("acme"))),
        ("a list".to_owned(), Some(json!(["acme"]))),
        ("empty".to_owned(), Some(json!({}))),
        // The claims of a user are not the context of a key.
        (
            "claims".to_owned(),
            Some(json!({ "claims": { "custom:account": "acme", "custom:role": "admin", "sub": "1" } })),
        ),
    ];
    for part in valid.keys() {
        let mut less = valid.clone();
        less.remove(part);
        wrong.push((format!("without {part}"), Some(Value::Object(less))));
        for value in [json!(null), json!(""), json!("?"), json!({}), json!(7), json!(true)] {
            let mut other = valid.clone();
            let name = format!("{part} is {value}");
            other.insert(part.clone(), value);
            wrong.push((name, Some(Value::Object(other))));
        }
    }
    for (scope, channels) in [
        ("all", r#"{"ops":"x"}"#),
        ("ALL", "{}"),
        ("channels", "[]"),
        ("channels", r#"["ops"]"#),
        ("channels", r#"{"OPS":"x"}"#),
        ("channels", r#"{"ops":null}"#),
        ("channels", "null"),
    ] {
        let mut other = valid.clone();
        other.insert("scope".to_owned(), json!(scope));
        other.insert("channels".to_owned(), json!(channels));
        wrong.push((format!("{scope} of {channels}"), Some(Value::Object(other))));
    }
    // An older version, and the result of another request.
    for (part, value) in
        [("version", "0"), ("version", "1 "), ("request_id", "another-request"), ("request_id", "A-Request")]
    {
        let mut other = valid.clone();
        other.insert(part.to_owned(), json!(value));
        wrong.push((format!("{part} is {value:?}"), Some(Value::Object(other))));
    }
    let mut late = valid.clone();
    late.insert("retry_after".to_owned(), json!("soon"));
    wrong.push(("no number of seconds".to_owned(), Some(Value::Object(late))));
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_without_a_valid_context_returns_500_and_has_no_effect() {
    let app = App::start().await;
    let calls = calls(&app).await;
    assert_all(Security::Key, &calls);
    let functions = functions(&app);
    let valid = context_of_a_key();
    let valid = valid.as_object().expect("an object");
    let before = app.local().dump().await;

    for (name, context) in invalid_contexts(valid) {
        for call in &calls {
            let (status, body) = call.invoke(&functions, context.as_ref()).await;
            let expected = json!({
                "type": "/v1/problems/internal", "title": "Internal error", "status": 500, "code": "internal",
                "detail": "An internal error occurred", "request_id": "a-request",
            });
            assert_eq!((status, body), (json!(500), expected), "{} with {name}", call.resource);
        }
    }

    assert!(app.local().queue_is_idle().await);
    assert_eq!(app.local().dump().await, before, "nothing was written");
    // With a valid context the same invocations succeed.
    for call in calls.iter().filter(|call| call.function != "GetPush") {
        let (status, body) = call.invoke(&functions, Some(&Value::Object(valid.clone()))).await;
        assert!(status.as_u64().is_some_and(|status| status < 300), "{}: {body}", call.resource);
    }
    app.delivered().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_management_function_without_claims_returns_500_and_has_no_effect() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().create().await;
    let functions = functions(&app);
    let calls = management_calls(&app, &key.id);
    let before = app.local().dump().await;

    for context in [
        None,
        Some(json!(null)),
        Some(json!({})),
        Some(json!({ "claims": null })),
        Some(json!({ "claims": "admin" })),
        // A token without a subject.
        Some(json!({ "claims": { "aud": "console", "custom:account": "acme", "custom:role": "admin" } })),
        // The context of a key is not the claims of a user.
        Some(context_of_a_key()),
    ] {
        for call in &calls {
            let (status, body) = call.invoke(&functions, context.as_ref()).await;
            assert_eq!((status, &body["code"]), (json!(500), &json!("internal")), "{} {context:?}", call.function);
        }
    }
    assert_eq!(app.local().dump().await, before, "nothing was written");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_a_known_role_can_neither_read_nor_write() {
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().create().await;
    let functions = functions(&app);
    let calls = management_calls(&app, &key.id);
    assert_all(Security::User, &calls);
    let before = app.local().dump().await;

    for role in
        [json!(null), json!(""), json!("Admin"), json!("ADMIN"), json!("admin "), json!("owner"), json!(["admin"])]
    {
        let claims = json!({ "sub": "1", "aud": "console", "custom:account": "acme", "custom:role": role });
        for call in &calls {
            let (status, body) = call.invoke(&functions, Some(&json!({ "claims": claims }))).await;
            let expected = (json!(403), &json!("no_account"));
            assert_eq!((status, &body["code"]), expected, "{} {} as {role}", call.method, call.resource);
        }
    }
    assert_eq!(app.local().dump().await, before, "nothing was written");
    app.stop().await;
}

/// The log lines that count a mismatch for this request.
fn mismatches(request_id: &str) -> usize {
    let lines = logs::lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    lines.filter(|line| line["request_id"] == request_id && line["EventMismatch"] == 1).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_does_nothing_with_the_event_of_another_route() {
    const REQUEST: &str = "of-another-route";
    let app = App::start().await;
    app.channels(&["ops"]).await;
    let key = app.key().create().await;
    let functions = functions(&app);
    let before = app.local().dump().await;
    // The principal of either authorizer, so that the route alone is wrong.
    let mut principal = context_of_a_key();
    principal["request_id"] = json!(REQUEST);
    principal["claims"] = json!({ "sub": "1", "aud": "console", "custom:account": "acme", "custom:role": "admin" });

    let routes = app.local().routes();
    let of_the_api: BTreeSet<&str> = routes.iter().map(|route| route.function.as_str()).collect();
    let resources: BTreeSet<&str> =
        routes.iter().map(|route| route.resource.as_str()).chain(["", "/", "/keys/"]).collect();
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", ""];
    let (mut invoked, mut own) = (0, 0);
    for function in &of_the_api {
        for (resource, method) in resources.iter().flat_map(|resource| methods.map(|method| (*resource, method))) {
            let is_own = |it: &&Route| it.function == *function && it.resource == resource && it.method == method;
            if routes.iter().any(|it| is_own(&it)) {
                own += 1;
                continue;
            }
            // A preflight has no effect, whatever its path.
            if (*function, method) == ("Preflight", "OPTIONS") {
                continue;
            }
            let event = json!({
                "httpMethod": method, "resource": resource, "pathParameters": { "id": key.id, "channel": "ops" },
                "body": json!({ "title": "Hello" }).to_string(), "stageVariables": { "app_client": "console" },
                "requestContext": { "requestId": REQUEST, "authorizer": principal },
            });
            let response = functions[*function](event).await.expect("a response");
            let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).unwrap_or_default();
            let expected = (&json!(500), &json!("internal"));
            assert_eq!((&response["statusCode"], &body["code"]), expected, "{function} with {method} {resource}");
            invoked += 1;
        }
    }

    assert_eq!(own, routes.len());
    assert_eq!(mismatches(REQUEST), invoked, "each is counted");
    assert!(app.local().queue_is_idle().await);
    assert_eq!(app.local().dump().await, before, "nothing was written");
    app.stop().await;
}
