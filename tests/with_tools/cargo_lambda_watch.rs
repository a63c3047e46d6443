//! `--functions`: `cargo lambda watch` runs the functions behind the local gateway.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tests::binaries;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PORT: u16 = 3200;
const FUNCTIONS: u16 = 9200;

/// A program and its children, killed at the end of the test.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        // In a process group, since `cargo lambda watch` starts the functions.
        Self(command.current_dir(ROOT).process_group(0).spawn().expect("a program"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("--").arg(format!("-{}", self.0.id())).status();
        let _ = self.0.wait();
    }
}

/// The folder with the `cargo lambda` that `./check` installs.
fn tools() -> PathBuf {
    let tools = Path::new(ROOT).join(".tools/venv/bin");
    assert!(tools.join("cargo-lambda").exists(), "./check installs cargo-lambda into .tools");
    tools
}

#[tokio::test]
async fn functions_in_cargo_lambda_watch_run_behind_the_authorizer() {
    let mut pushgate = Command::new(binaries::path("pushgate"));
    let address = format!("http://127.0.0.1:{FUNCTIONS}");
    pushgate.args(["--memory", "--port", &PORT.to_string(), "--functions", &address]);
    let mut gateway = Program::start(pushgate.stdout(Stdio::piped()).stderr(Stdio::null()));
    let printed = BufReader::new(gateway.0.stdout.take().expect("a pipe")).lines();
    let command = printed.map_while(Result::ok).find(|line| line.contains("cargo lambda watch")).expect("the command");

    let path = format!("{}:{}", tools().display(), std::env::var_os("PATH").expect("a path").to_string_lossy());
    let mut watch = Command::new("bash");
    watch.args(["-c", &format!("exec {}", command.trim())]).env("PATH", path);
    let _watch = Program::start(watch.stdout(Stdio::null()).stderr(Stdio::null()));
    listening(FUNCTIONS).await;

    let client = Client::new();
    // The first call of a function compiles it, which can take longer than the gateway's timeout.
    for function in ["authorizer", "create-key", "send-push"] {
        let invoke = format!("http://127.0.0.1:{FUNCTIONS}/2015-03-31/functions/{function}/invocations");
        let _ = client.post(invoke).body("{}").send().await.expect("a response");
    }
    let api = format!("http://127.0.0.1:{PORT}/v1");
    let token = client.get(format!("http://127.0.0.1:{PORT}/_local/token?user=admin@acme")).send().await;
    let token: Value = serde_json::from_str(&token.expect("a response").text().await.expect("text")).expect("JSON");
    let token = token["id_token"].as_str().expect("a token");
    let new = json!({ "name": "Watched", "permissions": ["PushNotifications/Send"], "scope": "all" });
    let created = client.post(format!("{api}/keys")).bearer_auth(token).body(new.to_string()).send().await;
    let created = created.expect("a response");
    assert_eq!(created.status(), StatusCode::CREATED);
    let created: Value = serde_json::from_str(&created.text().await.expect("text")).expect("JSON");
    let secret = created["secret"].as_str().expect("a secret");

    let push = |secret: String| {
        let request = client.post(format!("{api}/push")).bearer_auth(secret).body(r#"{"title": "Hello"}"#);
        async move { request.send().await.expect("a response").status() }
    };
    assert_eq!(push(secret.to_owned()).await, StatusCode::ACCEPTED);
    assert_eq!(push(format!("{secret}x")).await, StatusCode::UNAUTHORIZED);
}

async fn listening(port: u16) {
    let started = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(started.elapsed() < Duration::from_mins(2), "nothing listens on port {port}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
