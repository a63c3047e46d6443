//! An embedded DynamoDB with the tables of keys, channels and history, for tests of the store alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use dynoxide::Database;
use shared::config::Config;
use shared::domain::account::{Account, Actor};
use shared::domain::history::{Action, AuditEvent};
use shared::domain::id::KeyId;
use shared::domain::key::{Key, KeyName};
use shared::domain::permission::{Permission, Permissions};
use shared::domain::scope::Scope;
use shared::domain::secret::{Secret, TagKey};
use shared::domain::time::Timestamp;
use shared::store::{EditOutcome, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The name of the keys table.
pub const KEYS: &str = "keys";

/// The name of the channels table.
pub const CHANNELS: &str = "channels";

/// The name of the history table.
pub const HISTORY: &str = "history";

/// The text of the tag key of secrets that a test generates.
pub const TAG_KEY: &str = "0123456789abcdef0123456789abcdef";

const REGION: &str = "eu-central-1";

/// The tag key of secrets that a test generates.
pub fn tag_key() -> TagKey {
    TagKey::new(TAG_KEY).expect("a tag key")
}

/// The database, on a port of its own.
pub struct EmbeddedDynamoDb {
    url: String,
    client: Client,
    server: JoinHandle<()>,
}

impl EmbeddedDynamoDb {
    /// Starts the database in memory and creates the tables.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let database = Database::memory().expect("a database");
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&url)
            .build();
        let database = Self { url, client: Client::from_conf(config), server };
        database.create_table(KEYS, "account", "id").await;
        database.create_table(CHANNELS, "account", "slug").await;
        database.create_table(HISTORY, "pk", "sk").await;
        database
    }

    async fn create_table(&self, name: &str, partition: &str, sort: &str) {
        let mut table = self.client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for (attribute, kind) in [(partition, KeyType::Hash), (sort, KeyType::Range)] {
            let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
            let definition = AttributeDefinition::builder().attribute_name(attribute);
            let definition = definition.attribute_type(ScalarAttributeType::S);
            table = table
                .key_schema(element.build().expect("an element"))
                .attribute_definitions(definition.build().expect("a definition"));
        }
        table.send().await.expect("a table");
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client, for what the store does not offer.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A store that reaches the tables at this URL: a fault proxy's, or the database's own.
    pub async fn store(url: &str) -> Store {
        let variables = [
            ("KEYS_TABLE", KEYS),
            ("CHANNELS_TABLE", CHANNELS),
            ("HISTORY_TABLE", HISTORY),
            // Generated cases add a key each.
            ("MAX_KEYS", "1000000"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL_DYNAMODB", url),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Store::connect(&Config::new(HashMap::from(variables))).await.expect("a complete environment")
    }

    /// Adds an active key that may send to everyone; `change` can change it first. Returns the key and its secret.
    pub async fn add_key(&self, store: &Store, change: impl FnOnce(&mut Key)) -> (Key, Secret) {
        let now = Timestamp::now();
        let account = Account::try_from("acme".to_owned()).expect("an account");
        let secret = Secret::generate(&account, &KeyId::generate(now), &tag_key());
        let name = KeyName::from_stored("Webshop integrations".to_owned());
        let permissions = Permissions::from([Permission::SendPush]);
        let ada = Actor { id: "0b1f5a7c-3d52-4c8e-9a41-6f2d8e7b9c10".to_owned(), name: "Ada Admin".to_owned() };
        let mut key = Key::new(&secret, name, permissions, Scope::All, ada, now);
        change(&mut key);
        let event = AuditEvent::new(Action::Created, &key.created_by, None, Some(&key), now);
        assert_eq!(store.add_key(&key, &event, None).await.expect("a response"), EditOutcome::Written);
        (key, secret)
    }

    /// The key's item.
    pub async fn item(&self, key: &Key) -> HashMap<String, AttributeValue> {
        let get = self.client.get_item().table_name(KEYS).consistent_read(true);
        let get = get.key("account", AttributeValue::S(key.account.to_string()));
        let got = get.key("id", AttributeValue::S(key.id.to_string())).send().await.expect("a response");
        got.item.expect("the key")
    }

    /// The key's total usage. Fails unless the counters of its days add up to it.
    pub async fn counted(&self, key: &Key) -> usize {
        let item = self.item(key).await;
        let number = |value: &AttributeValue| value.as_n().expect("a number").parse::<usize>().expect("a count");
        let is_day = |name: &str| name.strip_prefix('d').is_some_and(|day| day.parse::<u32>().is_ok());
        let days: usize = item.iter().filter(|(name, _)| is_day(name)).map(|(_, value)| number(value)).sum();
        let uses = number(&item["uses"]);
        assert_eq!(uses, days, "the total and the days differ: {item:?}");
        uses
    }
}

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        self.server.abort();
    }
}
