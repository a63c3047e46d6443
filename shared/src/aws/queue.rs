//! The queue of delivery tasks. A message names a task and holds no content. Its group is the account, so that SQS shares the
//! queue fairly: the tasks of an account that has many do not delay those of another.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::client;
use crate::config::{Config, MissingVariable};
use crate::domain::delivery_task::DeliveryTask;
use crate::error::error_chain;

/// The maximum `DelaySeconds` of an SQS message.
pub const MAX_DELAY: u32 = 900;

/// The queue did not accept a message.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not accept a message")]
pub struct Error(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The queue of one deployment.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue that the environment names.
    pub async fn connect(config: &Config) -> Result<Self, MissingVariable> {
        let mut builder = aws_sdk_sqs::config::Builder::from(&client::sdk_config(config).await?);
        builder.set_endpoint_url(client::endpoint(config, "SQS"));

        Ok(Self { client: Client::from_conf(builder.build()), url: config.required("QUEUE_URL")?.to_owned() })
    }

    /// Sends a task, visible after `delay` seconds. It is on the queue when this returns; it may be there twice.
    pub async fn send(&self, task: &DeliveryTask, delay: u32) -> Result<(), Error> {
        let delay = i32::try_from(delay.min(MAX_DELAY)).unwrap_or_default();
        let message = self.client.send_message().queue_url(&self.url).message_body(body(task)).delay_seconds(delay);
        let message = message.message_group_id(task.account.as_str());

        message.send().await.map(|_| ()).map_err(|e| Error(e.into()))
    }

    /// Sends at most ten tasks, visible at once. All are on the queue when this returns; each may be there twice.
    pub async fn send_all(&self, tasks: &[DeliveryTask]) -> Result<(), Error> {
        let entry = |(index, task): (usize, &DeliveryTask)| {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body(task));
            entry.message_group_id(task.account.as_str()).build()
        };
        let entries = tasks.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>();
        let batch = self.client.send_message_batch().queue_url(&self.url);
        let batch = batch.set_entries(Some(entries.map_err(|e| Error(e.into()))?));
        let sent = batch.send().await.map_err(|e| Error(e.into()))?;

        match sent.failed.first() {
            None => Ok(()),
            Some(failed) => Err(Error(format!("a message of a batch was rejected: {}", failed.code()).into())),
        }
    }

    /// Hides a message that was received for these seconds from now. If that fails, it is hidden until the queue's visibility
    /// timeout.
    pub async fn hide(&self, receipt: &str, seconds: i64) {
        let seconds = i32::try_from(seconds.max(0)).unwrap_or(i32::MAX);
        let change = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        if let Err(error) = change.visibility_timeout(seconds).send().await {
            tracing::warn!(cause = error_chain(&error), "the visibility of a message was not changed");
        }
    }
}

fn body(task: &DeliveryTask) -> String {
    serde_json::to_string(task).unwrap_or_else(|_| unreachable!("strings and numbers serialize"))
}
