//! The senders in curl, Node and Python: what they send arrives, they retry safely, and they print no secret.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use tests::{App, Key, leaks};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::example;

/// A program that sends, and its script.
const SENDERS: [(&str, &str); 3] = [("bash", "curl/send.sh"), ("node", "node/send.mjs"), ("python3", "python/send.py")];

fn command((program, script): (&str, &str), api: &str, key: &str, push: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(example(script)).arg(push).env("PUSHGATE_API", api).env("PUSHGATE_KEY", key);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a sender to its end, and fails if it printed the key in any form.
async fn send(sender: (&str, &str), api: &str, key: &str, push: &str) -> (bool, String, String) {
    let Output { status, stdout, stderr } = command(sender, api, key, push).output().await.expect(sender.0);
    for output in [&stdout, &stderr] {
        assert_eq!(leaks::count(&[key], output), 0, "{} prints the key", sender.1);
    }
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.success(), text(stdout), text(stderr))
}

async fn key(app: &App) -> Key<'_> {
    app.channels(&["ops"]).await;
    app.key().channels(&["ops"]).create().await
}

fn api(app: &App) -> String {
    format!("{}/v1", app.url())
}

#[tokio::test]
async fn each_sender_sends_a_push_that_arrives_and_prints_its_result() {
    let app = App::start().await;
    let (key, subscriber) = (key(&app).await, app.subscriber().await);
    let browser = app.push_service.browser();
    subscriber.subscribe(&browser, &["ops"]).await;

    for (n, sender) in SENDERS.into_iter().enumerate() {
        let push = json!({ "title": "Hello", "message": format!("It's \"{}\" \\ ☃", sender.1) });
        let (success, output, errors) = send(sender, &api(&app), &key.secret, &push.to_string()).await;

        assert!(success, "{}: {output}{errors}", sender.1);
        let result: Value = serde_json::from_str(&output).unwrap_or_else(|e| panic!("{}: {e}: {output}", sender.1));
        assert_eq!(result["status"], "done", "{}", sender.1);
        assert_eq!(result["counts"]["delivered"], 1, "{}", sender.1);
        let received: Value = serde_json::from_str(&browser.received()[n].plaintext).expect("JSON");
        assert_eq!(received["title"], push["title"], "{}", sender.1);
        assert_eq!(received["message"], push["message"], "{}", sender.1);
    }
    assert_eq!(browser.received().len(), SENDERS.len());
    app.stop().await;
}

#[tokio::test]
async fn each_sender_prints_the_result_of_a_dry_run() {
    let app = App::start().await;
    let key = key(&app).await;

    for sender in SENDERS {
        let (success, output, errors) =
            send(sender, &api(&app), &key.secret, r#"{"title": "Hello", "dry_run": true}"#).await;

        assert!(success, "{}: {output}{errors}", sender.1);
        let result: Value = serde_json::from_str(&output).expect("JSON");
        assert_eq!(result["decision"]["allow"], true, "{}", sender.1);
    }
    app.stop().await;
}

#[tokio::test]
async fn each_sender_fails_with_the_sentence_of_the_api_when_a_key_is_denied() {
    let app = App::start().await;
    let (key, admin) = (key(&app).await, app.admin().await);
    let _ = admin.patch(&format!("/keys/{}", key.id), &json!({ "status": "inactive" })).await.expect(200);
    let denied = key.push(&json!({ "title": "Hello" })).await.expect(403).json();

    for sender in SENDERS {
        let (success, output, errors) = send(sender, &api(&app), &key.secret, r#"{"title": "Hello"}"#).await;

        assert!(!success, "{}", sender.1);
        assert_eq!(output, "", "{}", sender.1);
        assert!(errors.contains(denied["detail"].as_str().expect("a sentence")), "{}: {errors}", sender.1);
        assert!(errors.contains("key_inactive"), "{}: {errors}", sender.1);
    }
    app.stop().await;
}

#[tokio::test]
async fn each_sender_names_every_error_of_a_push() {
    let app = App::start().await;
    let key = key(&app).await;

    for sender in SENDERS {
        let (success, _, errors) = send(sender, &api(&app), &key.secret, r#"{"ttl": -1}"#).await;

        assert!(!success, "{}", sender.1);
        assert!(errors.contains("/title") && errors.contains("/ttl"), "{}: {errors}", sender.1);
    }
    app.stop().await;
}

#[tokio::test]
async fn each_sender_waits_for_retry_after_and_sends_the_same_idempotency_key() {
    let app = App::start().await;
    let key = key(&app).await;
    let fronts = join_all(SENDERS.map(|_| Front::start(app.url()))).await;

    let sent = SENDERS
        .iter()
        .zip(&fronts)
        .map(async |(sender, front)| send(*sender, &front.api(), &key.secret, r#"{"title": "Hello"}"#).await);
    for ((sender, front), (success, output, errors)) in SENDERS.iter().zip(&fronts).zip(join_all(sent).await) {
        assert!(success, "{}: {output}{errors}", sender.1);
        assert!(output.contains("\"done\""), "{}: {output}", sender.1);
        let names = front.names();
        assert_eq!(names.len(), 3, "{}", sender.1);
        assert!(names[0].len() >= 32 && names.iter().all(|name| *name == names[0]), "{}: {names:?}", sender.1);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_would_break_its_header_is_not_printed() {
    for sender in SENDERS {
        for key in ["pgk_acme_0123456789\nX-Injected: 1", "pgk_acme_0123456789\n", "sk_0123456789abcdef"] {
            let (success, output, errors) = send(sender, "http://127.0.0.1:1/v1", key, "{}").await;

            assert!(!success, "{}", sender.1);
            assert_eq!((output.as_str(), errors.trim()), ("", "Set PUSHGATE_KEY to a key: pgk_…"), "{}", sender.1);
        }
    }
}

#[tokio::test]
async fn the_key_is_in_no_argument_of_curl() {
    let app = App::start().await;
    let key = key(&app).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("curl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let shim = folder.join("curl");
    let path = std::env::var_os("PATH").expect("a path").into_string().expect("text");
    // Keeps its arguments, then does what curl does.
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>\"$0.arguments\"\nPATH='{path}' exec curl \"$@\"\n");
    std::fs::write(&shim, script).expect("a file");
    std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).expect("a mode");

    let mut sender = command(SENDERS[0], &api(&app), &key.secret, r#"{"title": "Hello"}"#);
    let status = sender.env("PATH", format!("{}:{path}", folder.display())).stdout(Stdio::null()).status().await;
    let arguments = std::fs::read(folder.join("curl.arguments")).expect("a file");
    std::fs::remove_dir_all(&folder).expect("a folder");

    assert!(status.expect("a shell").success());
    assert!(String::from_utf8_lossy(&arguments).contains("Idempotency-Key: "));
    assert_eq!(leaks::count(&[&key.secret], &arguments), 0, "curl has the key as an argument");
    app.stop().await;
}

/// A gateway in front of the app that is busy twice: the first two pushes get 503 and 429, the rest is passed on.
struct Front {
    url: String,
    state: Arc<FrontState>,
    server: JoinHandle<()>,
}

struct FrontState {
    upstream: String,
    client: Client,
    /// The `Idempotency-Key` of each push.
    names: Mutex<Vec<String>>,
}

impl Front {
    async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state =
            Arc::new(FrontState { upstream: upstream.to_owned(), client: Client::new(), names: Mutex::default() });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, state, server }
    }

    fn api(&self) -> String {
        format!("{}/v1", self.url)
    }

    fn names(&self) -> Vec<String> {
        self.state.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(
    State(front): State<Arc<FrontState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    if method == Method::POST {
        let name = headers["Idempotency-Key"].to_str().expect("text").to_owned();
        let attempt = {
            let mut names = front.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.push(name);
            names.len()
        };
        let busy = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        if let Some(status) = busy.get(attempt - 1) {
            let headers = [("Retry-After", "1"), ("Content-Type", "application/problem+json")];
            let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            return (*status, headers.into_iter().collect(), Bytes::from_static(br#"{"detail":"Busy."}"#));
        }
    }
    let mut request = front.client.request(method, format!("{}{uri}", front.upstream)).body(body);
    for name in ["Authorization", "Content-Type", "Idempotency-Key"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.expect("an answer");
    let location = response.headers().get("Location").cloned();
    let headers = location.map(|location| (reqwest::header::LOCATION, location)).into_iter().collect();
    (response.status(), headers, response.bytes().await.expect("a body"))
}
