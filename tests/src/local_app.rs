//! The app in this process, with access to what no request shows: its tables, its queue and its environment.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_secretsmanager::Client as SecretsManager;
use local::{Local, Options, Route};
use reqwest::Client;
use serde_json::{Value, json};
use shared::config::Config;
use shared::domain::secret::TagKey;

use crate::fault_proxy::FaultProxy;
use crate::invoke_api::InvokeApi;
use crate::response::Response;
use crate::role_calls;
use push_service::PushService;

/// With this variable, the functions of every app run over DynamoDB's limits.
const OVER_LIMITS: &str = "PUSHGATE_OVER_LIMITS";

/// The app on a free port with a new database.
pub struct LocalApp {
    local: Local,
    push_service: SocketAddr,
    client: Client,
    /// The Invoke API that runs the functions, if a test chooses their environments.
    functions: Option<InvokeApi>,
    /// DynamoDB's limits in front of the functions' database, if the suite runs over them.
    limits: Option<FaultProxy>,
    tag_key: String,
}

impl LocalApp {
    /// Starts the app in memory. The functions run in this process, or behind `functions` if it is given.
    pub(crate) async fn start(push_service: &PushService, functions: Option<InvokeApi>) -> Self {
        let over_limits = std::env::var_os(OVER_LIMITS).is_some();
        let functions = if over_limits && functions.is_none() { Some(InvokeApi::start().await) } else { functions };
        let address = functions.as_ref().map(|it| it.url().parse().expect("an address"));
        let options = Options {
            port: 0,
            data: None,
            push_hosts: vec![push_service.address().to_string()],
            functions: address,
            redrive: false,
            template: PathBuf::from(local::TEMPLATE),
        };
        let local = Local::start(options).await.unwrap_or_else(|e| panic!("{e}"));
        let limits =
            if over_limits { Some(FaultProxy::with_limits(local.dynamodb_url(), Arc::default()).await) } else { None };

        let mut local = Self {
            local,
            push_service: push_service.address(),
            client: Client::new(),
            functions,
            limits,
            tag_key: String::new(),
        };
        local.tag_key = local.secret("TagKeySecret").await;
        if local.functions.is_some() {
            local.run_functions(|_, _| ());
        }
        local
    }

    /// Restarts every function with its environment as `change` leaves it, which is given the logical id. Only for an
    /// app of `App::start_with_fault_injection`.
    pub fn run_functions(&self, change: impl Fn(&str, &mut HashMap<String, String>)) {
        let functions = self.functions.as_ref().expect("an app of App::start_with_fault_injection");
        functions.run(|function| {
            let dynamodb = self.limits.as_ref().map_or_else(|| self.dynamodb_url().to_owned(), FaultProxy::url);
            let mut environment = self.environment(&dynamodb);
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
            change(function, &mut environment);
            environment
        });
    }

    /// The gateway's URL, without the stage.
    pub fn url(&self) -> &str {
        self.local.url()
    }

    /// The URL of the embedded `DynamoDB`.
    pub fn dynamodb_url(&self) -> &str {
        self.local.dynamodb_url()
    }

    /// The URL of the SQS server.
    pub fn queue_url(&self) -> &str {
        self.local.queue_url()
    }

    /// The URL of the Secrets Manager server.
    pub fn secrets_url(&self) -> &str {
        self.local.secrets_url()
    }

    /// The session token that these servers require.
    pub fn session_token(&self) -> &str {
        self.local.session_token()
    }

    pub(crate) async fn id_token(&self, email: &str) -> String {
        self.token(&format!("user={email}")).await
    }

    /// The ID token that another app client of the user pool gets for this user.
    pub(crate) async fn id_token_of_another_client(&self, email: &str) -> String {
        self.token(&format!("user={email}&client_id=another-client")).await
    }

    async fn token(&self, query: &str) -> String {
        let response = self.client.get(format!("{}/_local/token?{query}", self.url())).send().await;
        let response = Response::read(response.expect("a response")).await.expect(200).json();
        response["id_token"].as_str().expect("a token").to_owned()
    }

    /// The template's routes.
    pub fn routes(&self) -> &[Route] {
        self.local.routes()
    }

    /// Whether the queue is empty: no message is visible, in flight or delayed.
    pub async fn queue_is_idle(&self) -> bool {
        self.local.queue_is_idle().await
    }

    pub(crate) async fn delivered(&self) {
        let started = Instant::now();
        while !self.queue_is_idle().await {
            assert!(started.elapsed() < Duration::from_mins(2), "a message stays on the queue");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts a message with this body on the queue.
    pub async fn enqueue(&self, body: &str) {
        let call = self.client.post(self.queue_url()).header("X-Amz-Target", "AmazonSQS.SendMessage");
        let message =
            json!({ "QueueUrl": format!("{}/000000000000/PushQueue", self.queue_url()), "MessageBody": body });
        let call = call.header("X-Amz-Security-Token", self.session_token());
        let sent = call.header("Content-Type", "application/x-amz-json-1.0").body(message.to_string()).send().await;
        assert_eq!(sent.expect("a response").status(), 200);
    }

    /// Every item of every table, as text that is equal for equal items.
    pub async fn dump(&self) -> String {
        let client = self.dynamodb();
        let mut dump = String::new();
        for table in client.list_tables().send().await.expect("tables").table_names() {
            let mut pages = client.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = AttributeValue::M(item.expect("an item"));
                writeln!(dump, "{table} {}", sorted(&item)).expect("a write to a string");
            }
        }
        dump
    }

    /// The functions' config, with `DynamoDB` at this URL: a fault proxy's, or the database's own.
    pub fn config(&self, dynamodb: &str) -> Config {
        Config::new(self.environment(dynamodb))
    }

    /// The functions' environment, with `DynamoDB` at this URL.
    pub fn environment(&self, dynamodb: &str) -> HashMap<String, String> {
        let queue = format!("{}/000000000000/PushQueue", self.queue_url());
        let push_service = format!("http://{}", self.push_service);
        [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "tests"),
            ("AWS_SESSION_TOKEN", self.session_token()),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_SQS", self.queue_url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_url()),
            ("KEYS_TABLE", "KeysTable"),
            ("CHANNELS_TABLE", "ChannelsTable"),
            ("HISTORY_TABLE", "HistoryTable"),
            ("SUBSCRIPTIONS_TABLE", "SubscriptionsTable"),
            ("PUSHES_TABLE", "PushesTable"),
            ("QUEUE_URL", &queue),
            ("TAG_KEY", &self.tag_key),
            ("PUSH_HOSTS", &push_service),
            ("VAPID_SECRET", "VapidSecret"),
            ("VAPID_SUBJECT", "mailto:admin@example.com"),
            ("CONSOLE_ORIGIN", "http://localhost:3000"),
            ("SIGN_IN_URL", "https://sign-in.example.com"),
            ("SIGN_IN_ISSUER", "https://issuer.example.com"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The credentials of this start, of no function.
    fn credentials(&self) -> Credentials {
        Credentials::new("tests", "tests", Some(self.session_token().to_owned()), None, "tests")
    }

    /// A client of the embedded `DynamoDB`.
    pub fn dynamodb(&self) -> DynamoDb {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(self.credentials())
            .endpoint_url(self.dynamodb_url());
        DynamoDb::from_conf(config.build())
    }

    /// A client of the Secrets Manager server.
    pub fn secrets_manager(&self) -> SecretsManager {
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(self.credentials())
            .endpoint_url(self.secrets_url());
        SecretsManager::from_conf(config.build())
    }

    /// The current value of the VAPID secret.
    pub async fn vapid_secret(&self) -> Value {
        serde_json::from_str(&self.secret("VapidSecret").await).expect("JSON")
    }

    /// The key of the tags in secrets.
    pub fn tag_key(&self) -> TagKey {
        TagKey::new(&self.tag_key).expect("a tag key")
    }

    /// The text of the tag key, for the environment of a function.
    pub fn tag_key_text(&self) -> &str {
        &self.tag_key
    }

    async fn secret(&self, id: &str) -> String {
        let secret = self.secrets_manager().get_secret_value().secret_id(id).send().await;
        secret.expect("the secret").secret_string().expect("text").to_owned()
    }

    /// Stops the app, and records the AWS calls of its functions.
    pub(crate) async fn stop(self) {
        // With environments that a test chose, a function may have used the credentials of another.
        if self.functions.is_none() {
            role_calls::record(&self.local.calls());
        }
        self.local.stop().await;
    }
}

/// An attribute as text, with the entries of a map sorted by name.
fn sorted(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let entries: BTreeMap<&String, String> = map.iter().map(|(name, value)| (name, sorted(value))).collect();
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => format!("{other:?}"),
    }
}
