//! Pushgate in a process of its own, so that its memory and its open files can be measured apart from the clients'.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rand::Rng as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::binaries;

/// The process. It is killed, and its data removed, when it is dropped.
pub(super) struct GatewayProcess {
    child: Child,
    data: PathBuf,
    client: Client,
    address: SocketAddr,
    push_host: SocketAddr,
}

/// A key that was created.
pub(super) struct CreatedKey {
    pub(super) id: String,
    pub(super) secret: String,
}

/// What a process holds.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) kilobytes: u64,
    pub(super) files: usize,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MB and {} open files", self.kilobytes / 1024, self.files)
    }
}

impl GatewayProcess {
    /// Starts it with a new data folder, and waits until it prints its URL.
    pub(super) fn start(push_host: SocketAddr) -> Self {
        let mut suffix = String::new();
        let _ = write!(suffix, "{:016x}", rand::rng().next_u64());
        let data = std::env::temp_dir().join(format!("pushgate-measure-{suffix}"));
        let (child, address) = spawn(0, push_host, &data);

        Self { child, data, client: Client::new(), address, push_host }
    }

    /// Kills it, and starts it again at its address with its data.
    pub(super) fn kill_and_restart(&mut self) {
        self.child.kill().expect("an exit");
        self.child.wait().expect("an exit");
        self.child = spawn(self.address.port(), self.push_host, &self.data).0;
    }

    /// The gateway's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ID token of a user.
    pub(super) async fn id_token(&self, user: &str) -> String {
        let response = self.client.get(format!("http://{}/_local/token?user={user}", self.address)).send().await;
        let body = response.expect("a response").bytes().await.expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        body["id_token"].as_str().expect("a token").to_owned()
    }

    /// Sends a request with this credential; the status and the body.
    pub(super) async fn call(&self, method: Method, path: &str, credential: &str, body: Option<&str>) -> (u16, Value) {
        let request = self.client.request(method, format!("http://{}/v1{path}", self.address)).bearer_auth(credential);
        let request = body.into_iter().fold(request, |request, body| request.body(body.to_owned()));
        read(request).await.expect("a response")
    }

    /// Sends a push; its id if it was accepted, and `None` also without a response.
    pub(super) async fn send_push(&self, secret: &str) -> Option<String> {
        let request = self.client.post(format!("http://{}/v1/push", self.address)).bearer_auth(secret);
        let (status, body) = read(request.body(r#"{"title":"Hello"}"#)).await.ok()?;
        (status == 202).then(|| body["id"].as_str().expect("an id").to_owned())
    }

    /// Creates a key with this permission for these channels, or for all of them.
    pub(super) async fn create_key(&self, token: &str, permission: &str, channels: Option<&[&str]>) -> CreatedKey {
        let mut key = json!({ "name": "Measured", "permissions": [permission], "scope": "all" });
        if let Some(channels) = channels {
            key["scope"] = json!("channels");
            key["channels"] = json!(channels);
        }
        let (status, body) = self.call(Method::POST, "/keys", token, Some(&key.to_string())).await;
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        CreatedKey { id: text(&body["key"]["id"]), secret: text(&body["secret"]) }
    }

    /// The resident memory and the open files.
    pub(super) fn held(&self) -> Held {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count);
        Held { kilobytes: resident(self.child.id()), files }
    }
}

/// Starts the program, and waits until it prints its URL.
fn spawn(port: u16, push_host: SocketAddr, data: &Path) -> (Child, SocketAddr) {
    let mut command = Command::new(binaries::path("pushgate"));
    command.args(["--port", &port.to_string(), "--push-host", &push_host.to_string(), "--data"]).arg(data);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a program");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("/v1")).expect("its URL");
    std::thread::spawn(move || lines.for_each(drop));
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");

    (child, address.parse().expect("an address"))
}

/// Sends a request; the status and the body. A response without a body is null.
async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, Value)> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok((status, serde_json::from_slice(&response.bytes().await?).unwrap_or_default()))
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// The resident memory of a process, in kilobytes.
pub(super) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
