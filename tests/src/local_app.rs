//! The product in this process, and what no request can show of it: its tables, its queue, its log.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use local::{Local, Options, Route};
use reqwest::Client;
use serde_json::json;
use shared::config::Config;

use crate::invoke_api::InvokeApi;
use crate::{Answer, PushService, role_calls};

/// The product on a free port with a fresh database.
pub struct Laptop {
    local: Local,
    push_service: SocketAddr,
    client: Client,
    /// Where the functions run, if a test chooses their environments.
    functions: Option<InvokeApi>,
}

impl Laptop {
    /// Starts it in memory; `functions` run the functions, if not this process.
    pub(crate) async fn start(push_service: &PushService, functions: Option<InvokeApi>) -> Self {
        let address = functions.as_ref().map(|it| it.url().parse().expect("an address"));
        let options = Options {
            port: 0,
            data: None,
            push_hosts: vec![push_service.address().to_string()],
            functions: address,
            template: PathBuf::from(local::TEMPLATE),
        };
        let local = Local::start(options).await.unwrap_or_else(|e| panic!("{e}"));

        let laptop = Self { local, push_service: push_service.address(), client: Client::new(), functions };
        if laptop.functions.is_some() {
            laptop.run_functions(|_, _| ());
        }
        laptop
    }

    /// Starts every function anew, with what this makes of the environment of each, by its logical id. Only where a test
    /// asked for it at the start.
    pub fn run_functions(&self, change: impl Fn(&str, &mut HashMap<String, String>)) {
        let functions = self.functions.as_ref().expect("an app of App::start_to_fail");
        functions.run(|function| {
            let mut environment = self.environment(self.dynamodb_url());
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
            change(function, &mut environment);
            environment
        });
    }

    /// The gateway's address, without the stage.
    pub fn url(&self) -> &str {
        self.local.url()
    }

    /// The address of the embedded `DynamoDB`.
    pub fn dynamodb_url(&self) -> &str {
        self.local.dynamodb_url()
    }

    /// The address of the queue's service.
    pub fn queue_url(&self) -> &str {
        self.local.queue_url()
    }

    /// The address of the secret's service.
    pub fn secrets_url(&self) -> &str {
        self.local.secrets_url()
    }

    pub(crate) async fn id_token(&self, user: &str) -> String {
        let answer = self.client.get(format!("{}/_local/token?user={user}", self.url())).send().await;
        let answer = Answer::of(answer.expect("an answer")).await.expect(200).json();
        answer["id_token"].as_str().expect("a token").to_owned()
    }

    /// The template's routes.
    pub fn routes(&self) -> &[Route] {
        self.local.routes()
    }

    /// Whether nothing is left on the queue, not even what is held back.
    pub async fn queue_is_idle(&self) -> bool {
        self.local.queue_is_idle().await
    }

    pub(crate) async fn delivered(&self) {
        let began = Instant::now();
        while !self.queue_is_idle().await {
            assert!(began.elapsed() < Duration::from_mins(2), "a message stays on the queue");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts a message on the queue, as if it came from nowhere.
    pub async fn enqueue(&self, body: &str) {
        let call = self.client.post(self.queue_url()).header("X-Amz-Target", "AmazonSQS.SendMessage");
        let message =
            json!({ "QueueUrl": format!("{}/000000000000/PushQueue", self.queue_url()), "MessageBody": body });
        let sent = call.header("Content-Type", "application/x-amz-json-1.0").body(message.to_string()).send().await;
        assert_eq!(sent.expect("an answer").status(), 200);
    }

    /// Every item of every table, the same text for the same items.
    pub async fn dump(&self) -> String {
        let client = self.dynamodb();
        let mut dump = String::new();
        for table in client.list_tables().send().await.expect("tables").table_names() {
            let mut pages = client.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let item = AttributeValue::M(item.expect("an item"));
                writeln!(dump, "{table} {}", in_order(&item)).expect("a string takes all");
            }
        }
        dump
    }

    /// What the functions are told, with their tables behind this address: a wire's, or the engine's own.
    pub fn config(&self, dynamodb: &str) -> Config {
        Config::new(self.environment(dynamodb))
    }

    /// The environment of every function, with the tables behind this address.
    pub fn environment(&self, dynamodb: &str) -> HashMap<String, String> {
        let queue = format!("{}/000000000000/PushQueue", self.queue_url());
        let push_service = format!("http://{}", self.push_service);
        [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "tests"),
            ("AWS_SECRET_ACCESS_KEY", "tests"),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_SQS", self.queue_url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_url()),
            ("KEYS_TABLE", "KeysTable"),
            ("CHANNELS_TABLE", "ChannelsTable"),
            ("HISTORY_TABLE", "HistoryTable"),
            ("SUBSCRIPTIONS_TABLE", "SubscriptionsTable"),
            ("PUSHES_TABLE", "PushesTable"),
            ("QUEUE_URL", &queue),
            ("PUSH_HOSTS", &push_service),
            ("VAPID_SECRET", "VapidSecret"),
            ("VAPID_SUBJECT", "mailto:admin@example.com"),
            ("CONSOLE_ORIGIN", "http://localhost:3000"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The embedded `DynamoDB`.
    pub fn dynamodb(&self) -> DynamoDb {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("tests", "tests", None, None, "tests"))
            .endpoint_url(self.dynamodb_url());
        DynamoDb::from_conf(config.build())
    }

    /// Stops it, and keeps what its functions did.
    pub(crate) async fn stop(self) {
        // Where a test chose the environments, a function may have signed as another.
        if self.functions.is_none() {
            role_calls::keep(&self.local.calls());
        }
        self.local.stop().await;
    }
}

/// An attribute as text, maps in the order of their names.
fn in_order(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let entries: BTreeMap<&String, String> = map.iter().map(|(name, value)| (name, in_order(value))).collect();
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => format!("{other:?}"),
    }
}
