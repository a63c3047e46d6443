//! The tables of one deployment, and reads by primary key.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use tokio::sync::Semaphore;

use super::counts::MaxCounts;
use super::error::Error;
use super::item::Item;
use super::proven::ProvenSecrets;
use super::writers::WriterPool;
use crate::aws::client;
use crate::config::{Config, MissingVariable};

/// The maximum number of items of one `BatchGetItem`.
const MAX_BATCH_GET: usize = 100;

/// The maximum number of concurrent queries of audiences.
const MAX_AUDIENCE_QUERIES: usize = 32;

/// The maximum number of retries for `UnprocessedKeys`.
const MAX_UNPROCESSED_RETRIES: u32 = 8;

/// The tables of one deployment.
pub struct Store {
    pub(super) client: Client,
    /// A client without the SDK's retries: the counting write decides itself what a lost response means.
    pub(super) no_retry_client: Client,
    pub(super) writers: WriterPool,
    pub(super) proven: ProvenSecrets,
    pub(super) max_counts: MaxCounts,
    /// A permit for each query of an audience: each is a connection, and a process may have few.
    pub(super) audience_queries: Semaphore,
    pub(super) tables: Tables,
}

/// The names of the tables. A function's environment has only those that its role grants.
pub(super) struct Tables {
    pub(super) keys: String,
    pub(super) history: String,
    pub(super) channels: String,
    pub(super) subscriptions: String,
    pub(super) pushes: String,
}

impl Store {
    /// The store that the environment names.
    pub async fn connect(config: &Config) -> Result<Self, MissingVariable> {
        let mut builder = aws_sdk_dynamodb::config::Builder::from(&client::sdk_config(config).await?);
        builder.set_endpoint_url(client::endpoint(config, "DYNAMODB"));
        let name = |variable| config.optional(variable).unwrap_or_default().to_owned();

        Ok(Self {
            client: Client::from_conf(builder.clone().build()),
            no_retry_client: Client::from_conf(builder.retry_config(RetryConfig::disabled()).build()),
            writers: WriterPool::default(),
            proven: ProvenSecrets::default(),
            max_counts: MaxCounts::from_config(config),
            audience_queries: Semaphore::new(MAX_AUDIENCE_QUERIES),
            tables: Tables {
                keys: name("KEYS_TABLE"),
                history: name("HISTORY_TABLE"),
                channels: name("CHANNELS_TABLE"),
                subscriptions: name("SUBSCRIPTIONS_TABLE"),
                pushes: name("PUSHES_TABLE"),
            },
        })
    }

    /// The item of a primary key, read consistently.
    pub(super) async fn get(&self, table: &str, key: Item) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await?.item)
    }

    /// The existing items of these primary keys, in as many calls as that takes.
    pub(super) async fn batch_get(&self, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let (mut left, mut retries) = (keys, 0);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(MAX_BATCH_GET));
            let requested = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build()?;
            let got = self.client.batch_get_item().request_items(table, requested).send().await?;
            items.extend(got.responses.unwrap_or_default().remove(table).unwrap_or_default());
            left = rest;
            // Keys beyond 16 MB or over the table's throughput come back as unprocessed.
            if let Some(unprocessed) = got.unprocessed_keys.unwrap_or_default().remove(table) {
                left.extend(unprocessed.keys);
                retries += 1;
                if retries == MAX_UNPROCESSED_RETRIES {
                    return Err(Error::Unavailable("keys remain unprocessed".into()));
                }
                tokio::time::sleep(Duration::from_millis(10 << retries)).await;
            }
        }
        Ok(items)
    }
}
