//! The whole stack over HTTP, with functions that a test controls.

mod connections;
mod requests;
mod state;

use std::sync::atomic::{AtomicUsize, Ordering};

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
      Variables: {app_client: !Ref Client}
      Auth:
        Authorizers:
          ApiKeyAuthorizer: {FunctionArn: !GetAtt Authorizer.Arn, FunctionPayloadType: REQUEST, Identity: {ReauthorizeEvery: 0}}
          UserPoolAuthorizer: {UserPoolArn: !GetAtt Pool.Arn}
      GatewayResponses:
        ACCESS_DENIED:
          StatusCode: '403'
          ResponseTemplates: {application/json: 'denied $context.authorizer.code'}
        UNAUTHORIZED:
          StatusCode: '401'
          ResponseParameters: {Headers: {WWW-Authenticate: "'Bearer'"}}
          ResponseTemplates: {application/json: 'unauthorized'}
        AUTHORIZER_FAILURE: {StatusCode: '503', ResponseTemplates: {application/json: 'unavailable'}}
        MISSING_AUTHENTICATION_TOKEN: {StatusCode: '404', ResponseTemplates: {application/json: 'not found'}}
        DEFAULT_5XX: {StatusCode: '500', ResponseTemplates: {application/json: 'server error'}}
  Pool: {Type: AWS::Cognito::UserPool}
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      CallbackURLs: ['http://localhost:5173/', !Sub 'https://${Api}.execute-api.${AWS::Region}.amazonaws.com/v1/console']
      LogoutURLs: ['http://localhost:5173/out']
  Authorizer: {Type: AWS::Serverless::Function, Properties: {Timeout: 1}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 20
      Environment: {Variables: {QUEUE_URL: !Ref Work}}
      Events:
        Public: {Type: Api, Properties: {Path: '/public/{id}', Method: POST}}
        Key: {Type: Api, Properties: {Path: /key, Method: GET, Auth: {Authorizer: ApiKeyAuthorizer}}}
        User: {Type: Api, Properties: {Path: /user, Method: GET, Auth: {Authorizer: UserPoolAuthorizer}}}
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

/// The sample template in a folder, and the state that its functions share with the test.
struct Sample {
    folder: TempDir,
    /// The number of `wait` requests that the function completed.
    completed: Arc<AtomicUsize>,
    /// A permit lets one `wait` request complete.
    permits: Arc<Semaphore>,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("template.yaml"), SAMPLE).expect("written");
        Self { folder, completed: Arc::default(), permits: Arc::new(Semaphore::new(0)) }
    }

    fn options(&self) -> Options {
        Options {
            port: 0,
            data: None,
            push_hosts: Vec::new(),
            functions: None,
            redrive: false,
            template: self.folder.path().join("template.yaml"),
        }
    }

    async fn start(&self) -> Local {
        self.start_with(self.options()).await.expect("a start")
    }

    async fn start_with(&self, options: Options) -> Result<Local, StartError> {
        self.start_limited(options, Limits::default()).await
    }

    async fn start_limited(&self, options: Options, limits: Limits) -> Result<Local, StartError> {
        let (completed, permits) = (Arc::clone(&self.completed), Arc::clone(&self.permits));
        Local::start_with(options, limits, move |environment| {
            let queue = environment("Echo")["QUEUE_URL"].clone();
            let echo: Handler = Arc::new(move |event| {
                let (completed, permits, queue) = (Arc::clone(&completed), Arc::clone(&permits), queue.clone());
                Box::pin(async move {
                    match event["body"].as_str() {
                        Some("fail") => return Err("failed".to_owned()),
                        Some("malformed") => return Ok(json!({"body": 1})),
                        Some("wait") => {
                            permits.acquire().await.expect("open").forget();
                            completed.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => {}
                    }
                    let body = json!({"event": event, "queue": queue}).to_string();
                    Ok(json!({"statusCode": 200, "headers": {"WWW-Authenticate": "x"}, "body": body}))
                })
            });
            let authorizer: Handler = Arc::new(|event| Box::pin(std::future::ready(authorize(&event))));
            let worker: Handler = Arc::new(|event| {
                let invalid = event["Records"].as_array().into_iter().flatten().filter(|it| it["body"] == "invalid");
                let failures: Vec<Value> = invalid.map(|it| json!({"itemIdentifier": it["messageId"]})).collect();
                Box::pin(std::future::ready(Ok(json!({ "batchItemFailures": failures }))))
            });
            [("Echo", echo), ("Authorizer", authorizer), ("Worker", worker)].map(|(id, it)| (id.to_owned(), it)).into()
        })
        .await
    }
}

fn authorize(event: &Value) -> Result<Value, String> {
    assert!(event.get("body").is_none());
    let key = event["headers"]["x-api-key"].as_str().unwrap_or_default();
    let (effect, context) = match key {
        "valid" => ("Allow", json!({"n": 1})),
        "denied" => ("Deny", json!({"code": "because"})),
        "malformed" => return Ok(json!({})),
        "failing" => return Err("failed".to_owned()),
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
    let response = response.expect("a response");
    (response.status().as_u16(), response.text().await.expect("text"))
}

async fn post(local: &Local, path: &str, body: &str) -> reqwest::Response {
    client().post(format!("{}{path}", local.url())).body(body.to_owned()).send().await.expect("a response")
}

async fn aws(local: &Local, address: &str, target: &str, body: Value) -> Value {
    let request =
        client().post(address).header("x-amz-target", target).header("content-type", "application/x-amz-json-1.0");
    let request = request.header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0").header("x-amz-date", "20260101T000000Z").header("x-amz-security-token", local.session_token());
    let text = request.body(body.to_string()).send().await.expect("a response").text().await.expect("text");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// The gateway's address, which is the host of a request to it.
fn host(local: &Local) -> &str {
    local.url().trim_start_matches("http://")
}

/// Sends bytes and reads until the connection is closed, which the request should ask for.
async fn raw(local: &Local, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host(local)).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}
