//! The ports of the `pushgate` process: only its own address, its own pages and its own credentials are accepted, and a
//! flood of bodies takes no memory. The ports are those that the system lists, so that no port is forgotten.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tests::binaries;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A `pushgate` process with a data folder, both gone at the end of the test.
struct Pushgate {
    process: Child,
    data: PathBuf,
    port: u16,
}

impl Pushgate {
    /// Starts it in a data folder that everyone may write to, with a umask that allows everything.
    fn start(port: u16) -> Self {
        let data = std::env::temp_dir().join(format!("pushgate-ports-{port}-{}", std::process::id()));
        std::fs::create_dir_all(&data).expect("a folder");
        std::fs::set_permissions(&data, Permissions::from_mode(0o777)).expect("a mode");
        let process = Self::run(port, &data);
        Self { process, data, port }
    }

    fn run(port: u16, data: &Path) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(binaries::path("pushgate"));
        command.args(["--port", &port.to_string(), "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a program");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("/v1"))), "it does not run");
        std::thread::spawn(move || lines.for_each(drop));
        child
    }

    fn restart(&mut self) {
        self.process.kill().expect("an exit");
        self.process.wait().expect("an exit");
        self.process = Self::run(self.port, &self.data);
    }

    /// The variables for the AWS CLI.
    fn aws(&self) -> BTreeMap<String, String> {
        let file = std::fs::read_to_string(self.data.join("aws.env")).expect("the file");
        let lines = file.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The port of a service.
    fn service(&self, name: &str) -> u16 {
        let url = &self.aws()[&format!("AWS_ENDPOINT_URL_{name}")];
        url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// The ports on which the process listens, with their addresses in hexadecimal digits.
    fn listeners(&self) -> BTreeSet<(String, u16)> {
        let process = PathBuf::from(format!("/proc/{}", self.process.id()));
        let descriptors = std::fs::read_dir(process.join("fd")).expect("the descriptors").flatten();
        let links = descriptors.filter_map(|it| std::fs::read_link(it.path()).ok());
        let sockets: BTreeSet<String> = links
            .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let mut ports = BTreeSet::new();
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let table = std::fs::read_to_string(process.join("net").join(table)).unwrap_or_default();
            for line in table.lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (local, state, inode) = (fields[1], fields[3], fields[9]);
                // 0A: listens; 07: an unconnected datagram socket.
                if ["0A", "07"].contains(&state) && sockets.contains(inode) {
                    let (address, port) = local.rsplit_once(':').expect("a port");
                    ports.insert((address.to_owned(), u16::from_str_radix(port, 16).expect("a number")));
                }
            }
        }
        ports
    }

    /// A value of `/proc/PID/status` in megabytes.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the value");
        line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

impl Drop for Pushgate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// A request in parts that a test can change.
#[derive(Clone)]
struct Request {
    port: u16,
    method: &'static str,
    path: &'static str,
    headers: BTreeMap<&'static str, String>,
    body: String,
}

impl Request {
    fn new(port: u16, method: &'static str, path: &'static str) -> Self {
        Self { port, method, path, headers: [("Host", format!("127.0.0.1:{port}"))].into(), body: String::new() }
    }

    fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.insert(header, value.to_owned());
        self
    }

    /// A call of a service, with the credentials.
    fn aws(pushgate: &Pushgate, service: &str, target: &str, body: &Value) -> Self {
        let aws = pushgate.aws();
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/eu-central-1/x/aws4_request, SignedHeaders=host, Signature=0",
            aws["AWS_ACCESS_KEY_ID"]
        );
        let mut request = Self::new(pushgate.service(service), "POST", "/")
            .with("Authorization", &credential)
            .with("Content-Type", "application/x-amz-json-1.0")
            .with("X-Amz-Date", "20260101T000000Z")
            .with("X-Amz-Security-Token", &aws["AWS_SESSION_TOKEN"])
            .with("X-Amz-Target", target);
        request.body = body.to_string();
        request
    }

    async fn send(&self) -> (u16, String) {
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").expect("a write to a string");
        }
        write!(head, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body).expect("a write to a string");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("connected");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        let response = String::from_utf8_lossy(&response).into_owned();
        let status = response.get(9..12).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no response: {response:?}")), response)
    }
}

/// The writes of each service, which succeed with the credentials.
fn writes(pushgate: &Pushgate) -> Vec<Request> {
    let queue = format!("{}/000000000000/PushQueue", pushgate.aws()["AWS_ENDPOINT_URL_SQS"]);
    let item = json!({ "account": { "S": "victim" }, "id": { "S": "planted" } });
    let secret = json!({ "SecretId": "VapidSecret", "SecretString": "planted" });
    vec![
        Request::aws(
            pushgate,
            "DYNAMODB",
            "DynamoDB_20120810.PutItem",
            &json!({ "TableName": "KeysTable", "Item": item }),
        ),
        Request::aws(pushgate, "SQS", "AmazonSQS.SendMessage", &json!({ "QueueUrl": queue, "MessageBody": "planted" })),
        Request::aws(pushgate, "SECRETS_MANAGER", "secretsmanager.PutSecretValue", &secret),
    ]
}

/// What the services store, as text.
async fn stored(pushgate: &Pushgate) -> String {
    let queue = format!("{}/000000000000/PushQueue", pushgate.aws()["AWS_ENDPOINT_URL_SQS"]);
    let mut stored = String::new();
    for (service, target, body) in [
        ("DYNAMODB", "DynamoDB_20120810.Scan", json!({ "TableName": "KeysTable" })),
        ("SQS", "AmazonSQS.GetQueueAttributes", json!({ "QueueUrl": queue })),
        ("SECRETS_MANAGER", "secretsmanager.GetSecretValue", json!({ "SecretId": "VapidSecret" })),
    ] {
        let (status, response) = Request::aws(pushgate, service, target, &body).send().await;
        assert_eq!(status, 200, "{response}");
        stored += response.split_once("\r\n\r\n").expect("a body").1;
    }
    stored
}

/// The headers of requests that a page of another origin sends, or that another domain leads to, and their statuses.
fn foreign(port: u16) -> Vec<(&'static str, String, u16)> {
    vec![
        ("Host", "evil.example".to_owned(), 421),
        ("Host", format!("evil.example:{port}"), 421),
        ("Host", "127.0.0.1".to_owned(), 421),
        ("Host", format!("127.0.0.1:{}", port ^ 1), 421),
        ("Host", format!("localhost.evil.example:{port}"), 421),
        ("Host", format!("[::1]:{port}"), 421),
        ("Origin", "http://evil.example".to_owned(), 403),
        ("Origin", format!("http://evil.example:{port}"), 403),
        ("Origin", format!("http://127.0.0.1:{}", port ^ 1), 403),
        ("Origin", format!("https://127.0.0.1:{port}"), 403),
        ("Origin", "null".to_owned(), 403),
        ("Sec-Fetch-Site", "cross-site".to_owned(), 403),
        ("Sec-Fetch-Site", "same-site".to_owned(), 403),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_port_accepts_only_its_own_host_its_own_pages_and_its_own_credentials() {
    let pushgate = Pushgate::start(3204);
    let services = ["DYNAMODB", "SQS", "SECRETS_MANAGER"].map(|service| pushgate.service(service));
    let known: BTreeSet<u16> = services.into_iter().chain([3204]).collect();
    let listeners = pushgate.listeners();
    assert!(listeners.iter().all(|(address, _)| address == "0100007F"), "all on 127.0.0.1: {listeners:?}");
    assert_eq!(listeners.into_iter().map(|(_, port)| port).collect::<BTreeSet<_>>(), known, "a port without this test");

    let before = stored(&pushgate).await;
    for write in writes(&pushgate) {
        for (header, value, expected) in foreign(write.port) {
            let (status, response) = write.clone().with(header, &value).send().await;
            assert_eq!(status, expected, "{} with {header}: {value}: {response}", write.headers["X-Amz-Target"]);
        }
        let token = &write.headers["X-Amz-Security-Token"];
        let wrong = [&token[1..], &format!("{token}A"), &token.to_lowercase(), "local", ""];
        for value in wrong {
            let (status, response) = write.clone().with("X-Amz-Security-Token", value).send().await;
            assert!(status == 400 && response.contains("UnrecognizedClientException"), "{response}");
        }
        let mut without = write.clone();
        without.headers.remove("X-Amz-Security-Token");
        let (status, response) = without.send().await;
        assert!(status == 400 && response.contains("UnrecognizedClientException"), "{response}");
        without.headers.retain(|name, _| *name == "Host");
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json"] {
            assert_eq!(without.clone().with("Content-Type", content_type).send().await.0, 400);
        }
        for method in ["GET", "OPTIONS", "PUT", "DELETE", "HEAD"] {
            let (status, response) = Request { method, ..without.clone() }.send().await;
            assert_eq!(status, 400, "{method}: {response}");
        }
    }
    assert_eq!(stored(&pushgate).await, before, "nothing is written");
    for write in writes(&pushgate) {
        let (status, response) = write.send().await;
        assert_eq!(status, 200, "the same request with the credentials alone: {response}");
    }
    assert_ne!(stored(&pushgate).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_and_endpoint_of_this_machine_is_for_its_own_pages() {
    let _pushgate = Pushgate::start(3205);
    let get = |path| Request::new(3205, "GET", path);
    let sign_in = "/_local/oauth2/authorize?client_id=pushgate-local&response_type=code&redirect_uri=http://localhost:3000/v1/console\
                   &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let sign_out = "/_local/logout?client_id=pushgate-local&logout_uri=http://localhost:3000/v1/console";
    let mut form = Request::new(3205, "POST", "/_local/oauth2/authorize");
    form.body = format!("user=admin@acme&{}", sign_in.split_once('?').expect("a query").1);
    for (request, expected) in [
        (get("/_local/token?user=admin@acme"), 200),
        (get("/_local/health"), 200),
        (get("/_local/dead-letters"), 200),
        (get("/_local/api"), 200),
        (get("/_local/api/start.js"), 200),
        (get("/_local/api/assets/openapi.yaml"), 200),
        (get("/_local/jwks.json"), 200),
        (get("/_local/.well-known/openid-configuration"), 200),
        (get(sign_in), 200),
        (get(sign_out), 302),
        (form.clone(), 303),
        (Request::new(3205, "POST", "/_local/oauth2/token"), 400),
        (get("/_local/browser"), 200),
        (get("/_local/browser/page.js"), 200),
        (get("/_local/browser/pushes"), 200),
        (Request::new(3205, "POST", "/_local/browser/subscription"), 201),
        (Request::new(3205, "POST", "/_local/push/unknown"), 404),
        (get("/_local"), 404),
        (get("/"), 303),
        (get("/elsewhere"), 403),
        (get("/v2/keys"), 403),
    ] {
        let (status, response) = request.send().await;
        assert_eq!(status, expected, "{}: {response}", request.path);
        assert!(response.contains("x-frame-options: DENY"), "{}: {response}", request.path);
        let own = request.clone().with("Origin", "http://127.0.0.1:3205").with("Sec-Fetch-Site", "same-origin");
        assert_eq!(own.send().await.0, expected, "{}", request.path);
        for (header, value, denied) in foreign(3205) {
            let (status, response) = request.clone().with(header, &value).send().await;
            assert_eq!(status, denied, "{} with {header}: {value}: {response}", request.path);
            assert!(!response.to_lowercase().contains("access-control-allow-origin"), "{response}");
        }
    }

    // A link to the sign-in page is how sign-in begins, and one to sign-out is how the session ends. The form is for the
    // page itself, and its target is declared.
    let link = |request: Request| {
        let request = request.with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "navigate");
        request.with("Sec-Fetch-Dest", "document")
    };
    assert_eq!(link(get(sign_in)).send().await.0, 200);
    assert_eq!(link(get(sign_out)).send().await.0, 302);
    assert_eq!(link(get("/_local/token?user=admin@acme")).send().await.0, 403);
    assert_eq!(link(form.clone()).with("Origin", "http://evil.example").send().await.0, 403);
    assert_eq!(link(form.clone()).with("Origin", "null").send().await.0, 403);
    for callback in [
        "http://localhost:8080/",
        "http://127.0.0.1:3000/",
        "http://localhost:3000/v1/console/x",
        "http://localhost:3000/v1/console?",
    ] {
        let mut elsewhere = form.clone();
        elsewhere.body = form.body.replace("http://localhost:3000/v1/console", callback);
        let (status, response) = elsewhere.send().await;
        assert!(status == 400 && !response.to_lowercase().contains("\r\nlocation:"), "{callback}: {response}");
    }
    // The console's scripts exchange the code.
    let exchange = Request::new(3205, "POST", "/_local/oauth2/token").with("Origin", "http://localhost:3000");
    let (status, response) = exchange.with("Sec-Fetch-Site", "cross-site").send().await;
    assert!(status == 400 && response.contains("access-control-allow-origin: http://localhost:3000"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_accepts_every_origin_as_on_aws_but_no_other_host() {
    let pushgate = Pushgate::start(3206);
    let config = Request::new(3206, "GET", "/v1/subscriptions/config");
    for (header, value, denied) in foreign(pushgate.port) {
        let (status, response) = config.clone().with(header, &value).send().await;
        assert_eq!(status, if header == "Host" { denied } else { 401 }, "{header}: {value}: {response}");
    }
    let preflight = Request::new(3206, "OPTIONS", "/v1/subscriptions").with("Origin", "https://shop.example");
    let (status, response) = preflight.with("Access-Control-Request-Method", "PUT").send().await;
    assert!(status == 204 && response.contains("access-control-allow-origin: *"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_is_readable_by_its_owner_alone() {
    let mut pushgate = Pushgate::start(3207);
    let modes = |data: &Path| -> BTreeMap<String, u32> {
        let files = std::fs::read_dir(data).expect("the folder").map(|file| file.expect("a file"));
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        let files = files.map(|file| (file.file_name().into_string().expect("text"), mode(&file.path())));
        files.chain([(".".to_owned(), mode(data))]).collect()
    };
    for start in ["first", "second"] {
        for write in writes(&pushgate) {
            assert_eq!(write.send().await.0, 200);
        }
        let modes = modes(&pushgate.data);
        for file in ["aws.env", "lock", "queue.jsonl", "secrets.json", "tables.sqlite", "tables.sqlite-wal"] {
            assert!(modes.contains_key(file), "{start} start: {file} is missing of {modes:?}");
        }
        for (name, mode) in &modes {
            assert_eq!(*mode, if name == "." { 0o700 } else { 0o600 }, "{start} start: {name} is {mode:o}");
        }
        // What an older program left is restricted too.
        for name in modes.keys() {
            std::fs::set_permissions(pushgate.data.join(name), Permissions::from_mode(0o777)).expect("a mode");
        }
        pushgate.restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bodies_without_a_key_takes_no_memory() {
    const BODY: usize = 9 * 1024 * 1024;
    static BYTES: [u8; 64 * 1024] = [b'b'; 64 * 1024];
    let pushgate = Pushgate::start(3208);
    let before = pushgate.memory("VmRSS");

    let flood: Vec<_> = (0..500)
        .map(|number| {
            let path = ["/v1/nothing", "/v1/push", "/v1/keys", "/nothing", "/_local/push/unknown"][number % 5];
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(("127.0.0.1", 3208)).await.expect("connected");
                let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:3208\r\nContent-Length: {BODY}\r\n\r\n");
                let sent = async {
                    stream.write_all(head.as_bytes()).await?;
                    for _ in 0..BODY / BYTES.len() {
                        stream.write_all(&BYTES).await?;
                    }
                    std::io::Result::Ok(())
                };
                // The connection may end before the body does.
                let _ = tokio::time::timeout(Duration::from_secs(30), sent).await;
                let mut response = Vec::new();
                let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut response)).await;
                String::from_utf8_lossy(&response).get(9..12).map(str::to_owned)
            })
        })
        .collect();
    let mut statuses = BTreeMap::<_, usize>::new();
    for request in flood {
        *statuses.entry(request.await.expect("a request")).or_default() += 1;
    }

    let (peak, after) = (pushgate.memory("VmHWM"), pushgate.memory("VmRSS"));
    assert!(peak < before + 100, "{before} MB before, {peak} MB at most, {after} MB after: {statuses:?}");
    assert!(statuses.keys().flatten().all(|status| status.starts_with('4')), "{statuses:?}");
}
