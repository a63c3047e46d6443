//! Firefox without a window, driven over Marionette, the protocol below `geckodriver`.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard, oneshot};

/// How long the browser may take to start, and to respond to a command.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How long a script may take, in milliseconds.
const MAX_SCRIPT_MS: u64 = 30_000;

/// The preferences beside the push service's address.
const PREFERENCES: &[(&str, &str)] = &[
    // A free port.
    ("marionette.port", "0"),
    // As few processes as it can do with.
    ("dom.ipc.processCount", "1"),
    ("dom.ipc.processPrelaunch.enabled", "false"),
    // Push, over a connection without TLS.
    ("dom.push.enabled", "true"),
    ("dom.push.connection.enabled", "true"),
    ("dom.push.testing.allowInsecureServerURL", "true"),
    // Milliseconds, for a test that disconnects.
    ("dom.push.retryBaseInterval", "100"),
    // Notifications: allowed without a question, and shown by the browser where no desktop shows them.
    ("permissions.default.desktop-notification", "1"),
    ("alerts.useSystemBackend", "false"),
    // Every name resolves to this machine, so that nothing waits for a network and nothing leaves.
    ("network.dns.forceResolve", "\"127.0.0.1\""),
    ("network.proxy.type", "0"),
    ("network.manage-offline-status", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("services.settings.server", "\"data:,\""),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("app.update.disabledForTesting", "true"),
];

/// The browser, with a fresh profile, until it is dropped.
pub(crate) struct Firefox {
    marionette: tokio::io::BufReader<TcpStream>,
    commands: u64,
    // In this order: the next browser starts after the end of this one.
    _process: Process,
    _turn: MutexGuard<'static, ()>,
}

/// The program with its child processes and its profile.
struct Process {
    child: Child,
    profile: PathBuf,
}

impl Firefox {
    /// Starts it with this push service.
    pub(crate) async fn start(push_service: &str) -> Self {
        // One at a time: each is several processes, which compete for a small machine.
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let mut process = Process::start(push_service);
        let port = marionette_port(process.child.stdout.take().expect("a pipe"));
        let port = tokio::time::timeout(MAX_WAIT, port).await.expect("Firefox starts in time").expect("Firefox runs");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("Marionette");

        let mut firefox =
            Self { marionette: tokio::io::BufReader::new(stream), commands: 0, _process: process, _turn: turn };
        let greeting = firefox.receive().await;
        assert_eq!(greeting["marionetteProtocol"], 3, "{greeting}");
        let capabilities = json!({ "alwaysMatch": { "timeouts": { "script": MAX_SCRIPT_MS } } });
        firefox.command("WebDriver:NewSession", &json!({ "capabilities": capabilities })).await;
        firefox
    }

    /// Opens a page, until it has loaded.
    pub(crate) async fn open(&mut self, url: &str) {
        self.command("WebDriver:Navigate", &json!({ "url": url })).await;
    }

    /// Clicks on an element of the page, as a user does.
    pub(crate) async fn click(&mut self, selector: &str) {
        let found = self.command("WebDriver:FindElement", &json!({ "using": "css selector", "value": selector })).await;
        let element = found["value"].as_object().and_then(|value| value.values().next()).expect("an element");
        self.command("WebDriver:ElementClick", &json!({ "id": element })).await;
    }

    /// Runs the body of an asynchronous function in the page, and returns its result.
    pub(crate) async fn run(&mut self, script: &str, arguments: &[&str]) -> Value {
        let script = format!("return (async (...args) => {{ {script} }})(...arguments)");
        let result = self.command("WebDriver:ExecuteScript", &json!({ "script": script, "args": arguments })).await;
        result["value"].clone()
    }

    /// The same in the browser's own window, with the rights of the browser.
    pub(crate) async fn run_in_browser(&mut self, script: &str) -> Value {
        self.command("Marionette:SetContext", &json!({ "value": "chrome" })).await;
        let result = self.run(script, &[]).await;
        self.command("Marionette:SetContext", &json!({ "value": "content" })).await;
        result
    }

    async fn command(&mut self, name: &str, parameters: &Value) -> Value {
        self.commands += 1;
        let command = json!([0, self.commands, name, parameters]).to_string();
        let command = format!("{}:{command}", command.len());
        self.marionette.get_mut().write_all(command.as_bytes()).await.expect("Firefox runs");
        let response = tokio::time::timeout(MAX_WAIT, self.receive()).await;
        let response = response.unwrap_or_else(|_| panic!("{name} takes too long"));
        assert!(response[2].is_null(), "{name}: {}", response[2]);
        response[3].clone()
    }

    /// A message: its length in bytes, a colon, JSON.
    async fn receive(&mut self) -> Value {
        let mut length = Vec::new();
        self.marionette.read_until(b':', &mut length).await.expect("Firefox runs");
        let length = String::from_utf8(length).expect("text");
        let length = length.trim_end_matches(':').parse().unwrap_or_else(|_| panic!("no length: {length:?}"));
        let mut message = vec![0; length];
        self.marionette.read_exact(&mut message).await.expect("Firefox runs");
        serde_json::from_slice(&message).expect("JSON")
    }
}

impl Process {
    fn start(push_service: &str) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("firefox-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&profile).expect("a folder");
        let mut preferences = format!("user_pref(\"dom.push.serverURL\", {});\n", json!(push_service));
        for (name, value) in PREFERENCES {
            writeln!(preferences, "user_pref(\"{name}\", {value});").expect("a string takes all");
        }
        std::fs::write(profile.join("user.js"), preferences).expect("a file");

        let mut command = Command::new(program());
        command.args(["--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile"]);
        // A group of its own, because it starts a process per site; a home of its own, because it writes there.
        command.arg(&profile).env("HOME", &profile).process_group(0);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("Firefox"), profile }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", "--"]).arg(format!("-{}", self.child.id())).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a path");
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs =
        ["firefox-esr", "firefox"].into_iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| program.exists()).expect("tools/install-browser firefox-esr installs it")
}

/// The port that Firefox prints. What it prints later is read too, so that it never waits for a reader.
fn marionette_port(output: ChildStdout) -> oneshot::Receiver<u16> {
    let (sender, port) = oneshot::channel();
    std::thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some((_, port)) = line.split_once("Listening on port ")
                && let Some(sender) = sender.take()
            {
                let _ = sender.send(port.trim().parse().expect("a port"));
            }
        }
    });
    port
}
