//! The `pushgate` process: killed and restarted, started twice, and started with invalid arguments.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tests::{PushService, binaries};

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pushgate-{name}-{}", std::process::id()));
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A `pushgate` process that is killed at the end of the test.
struct Process(Child);

impl Process {
    /// Starts the process, and waits until it prints its URL.
    fn start(port: u16, data: &Path, push_host: &str) -> Self {
        let mut command = Command::new(binaries::path("pushgate"));
        command.args(["--port", &port.to_string(), "--push-host", push_host, "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a program");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("/v1"))), "it does not run");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().expect("an exit");
        self.0.wait().expect("an exit");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn call(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.expect("a response");
    let text = response.text().await.expect("text");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

async fn token(client: &Client, port: u16) -> String {
    let response = call(client.get(format!("http://127.0.0.1:{port}/_local/token?user=admin@acme"))).await;
    response["id_token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_key_no_count_and_no_accepted_push() {
    let (port, folder, client) = (3201, Folder::new("killed"), Client::new());
    let service = PushService::start().await;
    let browser = service.browser();
    let api = format!("http://127.0.0.1:{port}/v1");
    let running = Process::start(port, &folder.0, &service.address().to_string());
    let admin = token(&client, port).await;
    let new = |permission: &str| json!({ "name": "Shop", "permissions": [permission], "scope": "all" }).to_string();
    let create = |body: String| call(client.post(format!("{api}/keys")).bearer_auth(&admin).body(body));
    let (key, page_key) = (create(new("PushNotifications/Send")).await, create(new("Subscriptions/Write")).await);
    let secret = key["secret"].as_str().expect("a secret");
    let subscription = browser.subscription(&[]).to_string();
    let page_secret = page_key["secret"].as_str().expect("a secret");
    call(client.put(format!("{api}/subscriptions")).bearer_auth(page_secret).body(subscription)).await;
    // The push service responds with 503 first, so the push is still on the queue when the process is killed.
    browser.respond_with_retry_after(503, "2");
    let push = call(client.post(format!("{api}/push")).bearer_auth(secret).body(r#"{"title": "Hello"}"#)).await;
    assert_eq!(push["status"], "queued", "{push}");
    while browser.attempts() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let id = push["id"].as_str().expect("an id");
    // The result of the first attempt is written; a delayed message remains.
    loop {
        let push = call(client.get(format!("{api}/pushes/{id}")).bearer_auth(&admin)).await;
        if push["counts"]["recipients"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // If that message is not on the queue yet, the first one is delivered again and sends it.
    running.kill();
    let _running = Process::start(port, &folder.0, &service.address().to_string());

    let admin = token(&client, port).await;
    let push = loop {
        let push = call(client.get(format!("{api}/push/{id}")).bearer_auth(secret)).await;
        if push["status"] == "done" {
            break push;
        }
        assert_eq!(push["status"], "sending", "{push}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(push["counts"], json!({ "recipients": 1, "delivered": 1, "gone": 0, "failed": 0 }));
    assert_eq!(browser.received().len(), 1);
    let key_id = key["key"]["id"].as_str().expect("an id");
    let shown = call(client.get(format!("{api}/keys/{key_id}")).bearer_auth(&admin)).await;
    assert!(shown["usage"]["total"].as_u64().expect("a count") >= 2, "{shown}");
}

/// Runs the program, and returns the one line of its error.
fn startup_error(arguments: &[&str]) -> String {
    let Output { status, stderr, stdout } =
        Command::new(binaries::path("pushgate")).args(arguments).output().expect("a program");
    let error = String::from_utf8(stderr).expect("text");
    assert!(!status.success() && stdout.is_empty(), "{arguments:?}: {error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{arguments:?} is reported in one sentence: {error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_is_reported_in_one_sentence() {
    let (port, folder) = (3202, Folder::new("twice"));
    let data = folder.0.to_str().expect("text").to_owned();
    let _running = Process::start(port, &folder.0, "127.0.0.1:9");
    let broken = Folder::new("broken");
    std::fs::create_dir_all(&broken.0).expect("a folder");
    let template = broken.0.join("template.yaml");
    std::fs::write(&template, "Resources: [").expect("a file");

    assert!(startup_error(&["--memory", "--port", "3202"]).contains("3202"));
    assert!(startup_error(&["--port", "3203", "--data", &data]).contains(&data));
    assert!(startup_error(&["--port", "many"]).contains("many"));
    assert!(startup_error(&["--nonsense"]).contains("--nonsense"));
    assert!(startup_error(&["--memory", "--port", "3203", "--push-host", "http://x"]).contains("HOST:PORT"));
    let template = template.to_str().expect("text");
    assert!(startup_error(&["--memory", "--port", "3203", "--template", template]).contains(template));
}
