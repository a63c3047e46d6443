//! The tables: the only place that knows their attributes and expressions.
//!
//! Every method is one step that is done as a whole or not at all. A write that may be repeated after a lost answer
//! recognises its own repeat: a transaction by its token, the others by what they wrote.

mod audience;
mod authorize;
mod channels;
mod delivery;
mod history;
mod idempotency;
mod item;
mod key_item;
mod keys;
mod pushes;
mod subscriptions;
mod transaction;
mod writers;

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::aws::client;
use crate::config::{Config, Missing};
use crate::domain::random;

use item::Item;

pub use audience::Recipients;
pub use authorize::Verdict;
pub use channels::{Added, Removed};
pub use delivery::{Claim, Finished, Outcome, Waiting};
pub use idempotency::{NamedSend, SendClaim};
pub use keys::Edited;
pub use pushes::Begun;
pub use subscriptions::{Found, Memberships};

/// The tables of one deployment.
pub struct Store {
    client: Client,
    /// Without the SDK's own repeats: the counting write decides for itself what a lost answer means.
    once: Client,
    writers: writers::Writers,
    tables: Tables,
}

/// The tables' names. A function is told only those that it may use; it never asks for another.
struct Tables {
    keys: String,
    history: String,
    channels: String,
    subscriptions: String,
    pushes: String,
}

impl Store {
    /// The tables that the environment names.
    pub fn connect(config: &Config) -> Result<Self, Missing> {
        let mut builder = aws_sdk_dynamodb::config::Builder::from(&client::sdk_config(config)?);
        builder.set_endpoint_url(client::endpoint(config, "DYNAMODB"));
        let name = |variable| config.optional(variable).unwrap_or_default().to_owned();

        Ok(Self {
            client: Client::from_conf(builder.clone().build()),
            once: Client::from_conf(builder.retry_config(RetryConfig::disabled()).build()),
            writers: writers::Writers::default(),
            tables: Tables {
                keys: name("KEYS_TABLE"),
                history: name("HISTORY_TABLE"),
                channels: name("CHANNELS_TABLE"),
                subscriptions: name("SUBSCRIPTIONS_TABLE"),
                pushes: name("PUSHES_TABLE"),
            },
        })
    }

    /// An item by its key, as the last write left it.
    async fn get(&self, table: &str, key: Item) -> Result<Option<Item>, Error> {
        let get = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(failed)?.item)
    }

    /// Items by their keys, in as many calls as that takes.
    async fn batch_get(&self, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let (mut left, mut unanswered) = (keys, 0);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(MOST_IN_BATCH));
            let wanted =
                KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build().map_err(built)?;
            let got = self.client.batch_get_item().request_items(table, wanted).send().await.map_err(failed)?;
            items.extend(got.responses.unwrap_or_default().remove(table).unwrap_or_default());
            left = rest;
            // What was too much for one answer, or came at a busy moment, is asked for again.
            if let Some(unprocessed) = got.unprocessed_keys.unwrap_or_default().remove(table) {
                left.extend(unprocessed.keys);
                unanswered += 1;
                if unanswered == MOST_UNPROCESSED {
                    return Err(Error::Unavailable("the store is too busy to read".into()));
                }
                tokio::time::sleep(Duration::from_millis(10 << unanswered)).await;
            }
        }
        Ok(items)
    }
}

/// The most items of one `BatchGetItem`.
const MOST_IN_BATCH: usize = 100;

/// So often items that were left out of an answer are asked for again.
const MOST_UNPROCESSED: u32 = 8;

/// One more than a page holds, to know whether another follows.
fn page_limit(most: usize) -> i32 {
    i32::try_from(most + 1).unwrap_or(i32::MAX)
}

/// A call that lacks a part is our mistake.
fn built(error: BuildError) -> Error {
    Error::Unexpected(error.into())
}

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not answer, or not in time, or was too busy.
    #[error("the store does not answer")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// An attempt of the counting write was never answered, so the request may have been counted.
    #[error("the counting write may have been applied")]
    Ambiguous(#[source] Box<Error>),
    /// It refused a call that it should not have refused.
    #[error("the store refused a call")]
    Unexpected(#[source] Box<dyn StdError + Send + Sync>),
    /// What is stored is not of the form that we write.
    #[error("an item of {0} is malformed")]
    Malformed(&'static str),
}

/// What a failed call means for the caller.
fn failed<E>(error: SdkError<E>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let ours = match &error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(answer) => answer.raw().status().as_u16() < 500 && !busy(answer.err()),
        _ => false,
    };
    if ours { Error::Unexpected(error.into()) } else { Error::Unavailable(error.into()) }
}

/// Sends a call again for as long as it was surely not applied because too much was asked at once, so often at most.
async fn patiently<O, E, F>(call: impl Fn() -> F) -> Result<O, SdkError<E>>
where
    F: Future<Output = Result<O, SdkError<E>>>,
    E: ProvideErrorMetadata,
{
    let mut repeats = 0;
    loop {
        match call().await {
            Err(SdkError::ServiceError(answer)) if busy(answer.err()) && repeats < REPEATS => {
                repeats += 1;
                tokio::time::sleep(pause(repeats)).await;
            }
            sent => return sent,
        }
    }
}

/// So often a call that was surely not applied is repeated: for about 4 seconds in all.
const REPEATS: u32 = 12;

/// No repeat begins later: with the last one's own time it still fits into the 10 seconds of an authorizer.
const PATIENCE: Duration = Duration::from_secs(6);

/// A short wait that grows, of which chance takes up to a half: those who met each other do not meet again.
fn pause(repeat: u32) -> Duration {
    let most = 10 << repeat.min(6);
    Duration::from_millis(u64::from(most / 2 + random::up_to(most / 2)))
}

/// Whether the store did not apply the call because too much was asked at once.
fn busy(error: &impl ProvideErrorMetadata) -> bool {
    let code = error.code().unwrap_or_default();
    code.contains("Throttl")
        || matches!(
            code,
            "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "TransactionConflictException"
                | "TransactionInProgressException"
        )
}
