//! The whole machine over HTTP, with functions that a test can see through.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

use super::*;

const SAMPLE: &str = r#"
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Auth:
        Authorizers:
          Keys: {FunctionArn: !GetAtt Judge.Arn, FunctionPayloadType: REQUEST, Identity: {ReauthorizeEvery: 0}}
          People: {UserPoolArn: !GetAtt Pool.Arn}
      GatewayResponses:
        ACCESS_DENIED:
          StatusCode: '403'
          ResponseTemplates: {application/json: 'denied $context.authorizer.code'}
        UNAUTHORIZED:
          StatusCode: '401'
          ResponseParameters: {Headers: {WWW-Authenticate: "'Bearer'"}}
          ResponseTemplates: {application/json: 'who?'}
        AUTHORIZER_FAILURE: {StatusCode: '503', ResponseTemplates: {application/json: 'later'}}
        MISSING_AUTHENTICATION_TOKEN: {StatusCode: '404', ResponseTemplates: {application/json: 'nothing'}}
        DEFAULT_5XX: {StatusCode: '500', ResponseTemplates: {application/json: 'our fault'}}
  Pool: {Type: AWS::Cognito::UserPool}
  Judge: {Type: AWS::Serverless::Function, Properties: {Timeout: 1}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 20
      Environment: {Variables: {QUEUE_URL: !Ref Work}}
      Events:
        Open: {Type: Api, Properties: {Path: '/open/{id}', Method: POST}}
        Key: {Type: Api, Properties: {Path: /key, Method: GET, Auth: {Authorizer: Keys}}}
        People: {Type: Api, Properties: {Path: /people, Method: GET, Auth: {Authorizer: People}}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Work:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 1, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 1}}
  Dead: {Type: AWS::SQS::Queue}
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {PasswordLength: 20}}
"#;

/// A folder with the sample template, and what its functions share with the test.
struct Sample {
    folder: Scratch,
    ended: Arc<AtomicUsize>,
    go: Arc<Semaphore>,
}

impl Sample {
    fn new() -> Self {
        let folder = Scratch::new().expect("a folder");
        std::fs::write(folder.0.join("template.yaml"), SAMPLE).expect("written");
        Self { folder, ended: Arc::default(), go: Arc::new(Semaphore::new(0)) }
    }

    fn options(&self) -> Options {
        Options {
            port: 0,
            data: None,
            push_hosts: Vec::new(),
            functions: None,
            template: self.folder.0.join("template.yaml"),
        }
    }

    async fn start(&self) -> Local {
        self.start_with(self.options()).await.expect("a start")
    }

    async fn start_with(&self, options: Options) -> Result<Local, StartError> {
        let (ended, go) = (Arc::clone(&self.ended), Arc::clone(&self.go));
        Local::start_with(options, move |environment| {
            let queue = environment("Echo")["QUEUE_URL"].clone();
            let echo: Handler = Arc::new(move |event| {
                let (ended, go, queue) = (Arc::clone(&ended), Arc::clone(&go), queue.clone());
                Box::pin(async move {
                    match event["body"].as_str() {
                        Some("fail") => return Err("oh".to_owned()),
                        Some("malformed") => return Ok(json!({"body": 1})),
                        Some("wait") => {
                            go.acquire().await.expect("open").forget();
                            ended.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => {}
                    }
                    let body = json!({"event": event, "queue": queue}).to_string();
                    Ok(json!({"statusCode": 200, "headers": {"WWW-Authenticate": "x"}, "body": body}))
                })
            });
            let judge: Handler = Arc::new(|event| Box::pin(std::future::ready(judge(&event))));
            let worker: Handler = Arc::new(|event| {
                let bad = event["Records"].as_array().into_iter().flatten().filter(|it| it["body"] == "bad");
                let failures: Vec<Value> = bad.map(|it| json!({"itemIdentifier": it["messageId"]})).collect();
                Box::pin(std::future::ready(Ok(json!({ "batchItemFailures": failures }))))
            });
            [("Echo", echo), ("Judge", judge), ("Worker", worker)].map(|(id, it)| (id.to_owned(), it)).into()
        })
        .await
    }
}

fn judge(event: &Value) -> Result<Value, String> {
    assert!(event.get("body").is_none());
    let key = event["headers"]["x-api-key"].as_str().unwrap_or_default();
    let (effect, context) = match key {
        "good" => ("Allow", json!({"n": 1})),
        "denied" => ("Deny", json!({"code": "because"})),
        "broken" => return Ok(json!({})),
        "down" => return Err("down".to_owned()),
        _ => return Err("Unauthorized".to_owned()),
    };
    let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]});
    Ok(json!({"principalId": "p", "context": context, "policyDocument": {"Statement": [statement]}}))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

async fn get(local: &Local, path: &str, header: (&str, &str)) -> (u16, String) {
    let response = client().get(format!("{}{path}", local.url())).header(header.0, header.1).send().await;
    let response = response.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

async fn post(local: &Local, path: &str, body: &str) -> reqwest::Response {
    client().post(format!("{}{path}", local.url())).body(body.to_owned()).send().await.expect("an answer")
}

async fn aws(address: &str, target: &str, body: Value) -> Value {
    let request =
        client().post(address).header("x-amz-target", target).header("content-type", "application/x-amz-json-1.0");
    let request = request.header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0").header("x-amz-date", "20260101T000000Z");
    let text = request.body(body.to_string()).send().await.expect("an answer").text().await.expect("text");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// Sends bytes and reads the whole answer; the request should ask for the connection to be closed.
async fn raw(local: &Local, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(local.url().trim_start_matches("http://")).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_authorizer_decides_as_on_api_gateway() {
    let local = Sample::new().start().await;
    for (key, status, body) in [
        ("denied", 403, "denied because"),
        ("other", 401, "who?"),
        ("down", 503, "later"),
        ("broken", 500, "our fault"),
    ] {
        assert_eq!(get(&local, "/v1/key", ("x-api-key", key)).await, (status, body.to_owned()), "{key}");
    }
    let (status, body) = get(&local, "/v1/key", ("x-api-key", "good")).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, 200);
    assert_eq!(body["event"]["requestContext"]["authorizer"], json!({"n": "1", "principalId": "p"}));
    assert!(body["queue"].as_str().is_some_and(|url| url.starts_with(local.queue_url())));
}

#[tokio::test]
async fn somebody_signed_in_passes_with_claims() {
    let local = Sample::new().start().await;
    let (status, token) = get(&local, "/_local/token?user=admin@acme", ("a", "b")).await;
    let token: Value = serde_json::from_str(&token).expect("JSON");
    let token = token["id_token"].as_str().expect("a token");
    assert_eq!(status, 200);
    for header in [format!("Bearer {token}"), token.to_owned()] {
        let (status, body) = get(&local, "/v1/people", ("authorization", &header)).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (status, &body["event"]["requestContext"]["authorizer"]["claims"]["custom:account"]),
            (200, &json!("acme"))
        );
    }
    assert_eq!(get(&local, "/v1/people", ("authorization", "Bearer x")).await.0, 401);
    assert_eq!(get(&local, "/v1/people", ("a", "b")).await.0, 401);
}

#[tokio::test]
async fn what_has_no_route_is_refused() {
    let local = Sample::new().start().await;
    for (path, status) in [
        ("/v1/nothing", 404),
        ("/v1/key/", 404),
        ("/v1", 404),
        ("/v2/key", 403),
        ("/v1x/key", 403),
        ("/", 403),
        ("/_local/x", 404),
    ] {
        assert_eq!(get(&local, path, ("a", "b")).await.0, status, "{path}");
    }
    assert_eq!(post(&local, "/v1/key", "").await.status(), 404);
    assert_eq!(post(&local, "/v1/open/1", "fail").await.status(), 500);
    assert_eq!(post(&local, "/v1/open/1", "malformed").await.status(), 500);
    let answer = post(&local, "/v1/open/1", "").await;
    assert_eq!(answer.headers()["x-amzn-remapped-www-authenticate"], "x");
    assert!(answer.headers().contains_key("x-amzn-requestid"));
}

#[tokio::test]
async fn a_function_sees_the_request_as_it_was_sent() {
    let local = Sample::new().start().await;
    let request = "POST /v1/open/a%20b?x=1&x=2 HTTP/1.1\r\nHost: h\r\nX-Api-KEY: one\r\nX-Api-KEY: t\u{e9}o\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    let answer = raw(&local, request.as_bytes()).await;
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    let event = &body["event"];
    assert_eq!(event["headers"]["X-Api-KEY"], "t\u{e9}o");
    assert_eq!(event["multiValueHeaders"]["X-Api-KEY"], json!(["one", "t\u{e9}o"]));
    assert_eq!(event["pathParameters"]["id"], "a b");
    assert_eq!(event["body"], "hi");
}

#[tokio::test]
async fn a_second_request_of_a_connection_is_seen_as_it_was_sent_too() {
    let local = Sample::new().start().await;
    let mut stream = TcpStream::connect(local.url().trim_start_matches("http://")).await.expect("connected");
    for (name, last) in [("X-First", false), ("X-SECOND", true)] {
        let close = if last { "Connection: close\r\n" } else { "" };
        let body = "b".repeat(100_000);
        let head = format!(
            "POST /v1/open/1 HTTP/1.1\r\nHost: h\r\n{name}: 1\r\n{close}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(body.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let mut part = vec![0; 64 * 1024];
        while !String::from_utf8_lossy(&answer).contains("\"queue\":") {
            let read = stream.read(&mut part).await.expect("read");
            assert!(read > 0);
            answer.extend_from_slice(&part[..read]);
        }
        assert!(String::from_utf8_lossy(&answer).contains(&format!("\"{name}\":\"1\"")), "{name}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let local = Sample::new().start().await;
    let head = |size: usize| {
        let rest = "POST /v1/open/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: \r\n\r\n";
        rest.replace("X: ", &format!("X: {}", "x".repeat(size - rest.len())))
    };
    assert!(raw(&local, head(10_240).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(raw(&local, head(10_241).as_bytes()).await.starts_with("HTTP/1.1 413"));
    assert_eq!(post(&local, "/v1/open/1", &"x".repeat(6 * 1024 * 1024)).await.status(), 413);
}

#[tokio::test]
async fn an_invocation_ends_even_if_the_client_leaves() {
    let sample = Sample::new();
    let local = sample.start().await;
    let mut stream = TcpStream::connect(local.url().trim_start_matches("http://")).await.expect("connected");
    stream.write_all(b"POST /v1/open/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwait").await.expect("written");
    while !local.running.busy() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    sample.go.add_permits(1);
    local.stop().await;
    assert_eq!(sample.ended.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn messages_reach_the_function_and_bad_ones_become_dead_letters() {
    let local = Sample::new().start().await;
    let url = format!("{}/000000000000/Work", local.queue_url());
    for body in ["good", "bad"] {
        let sent = aws(local.queue_url(), "AmazonSQS.SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await;
        assert_eq!(sent["MD5OfMessageBody"], format!("{:x}", md5::compute(body)));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while !local.queue_is_idle().await {
        assert!(Instant::now() < deadline, "the queue is never idle");
        tokio::task::yield_now().await;
    }
    assert_eq!(local.dead_letters().await, ["bad"]);
    let (_, listed) = get(&local, "/_local/dead-letters", ("a", "b")).await;
    assert_eq!(listed, r#"{"dead_letters":["bad"]}"#);
    let unknown = aws(local.queue_url(), "AmazonSQS.SendMessage", json!({"QueueUrl": "x/y", "MessageBody": "b"})).await;
    assert_eq!(unknown["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}

#[tokio::test]
async fn data_outlives_a_start_and_belongs_to_one_process() {
    let sample = Sample::new();
    let data = sample.folder.0.join("data");
    let options = Options { data: Some(data.clone()), ..sample.options() };
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let local = sample.start_with(options.clone()).await.expect("a start");
        let tables = aws(local.dynamodb_url(), "DynamoDB_20120810.ListTables", json!({})).await;
        assert_eq!(tables["TableNames"], json!(["Table"]));
        let secret = aws(local.secrets_url(), "secretsmanager.GetSecretValue", json!({"SecretId": "Secret"})).await;
        secrets.push(secret["SecretString"].as_str().expect("a secret").to_owned());
        let error = sample.start_with(options.clone()).await.err().expect("refused").to_string();
        assert!(error.contains("in use by another pushgate"), "{error}");
        local.stop().await;
    }
    assert_eq!(secrets[0], secrets[1]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(data.join("secrets.json")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_in_a_sentence() {
    let sample = Sample::new();
    let local = sample.start().await;
    let port = local.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    for (options, expected) in [
        (Options { port, ..sample.options() }, "is taken"),
        (Options { template: "/nowhere.yaml".into(), ..sample.options() }, "cannot be read"),
        (Options { push_hosts: vec!["x".into()], ..sample.options() }, "--push-host takes HOST:PORT"),
    ] {
        let error = sample.start_with(options).await.err().expect("refused").to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_foreign_name_for_this_machine_gets_no_token() {
    let local = Sample::new().start().await;
    let answer =
        raw(&local, b"GET /_local/token?user=admin@acme HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert!(answer.await.starts_with("HTTP/1.1 421"));
}
