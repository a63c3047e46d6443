//! The queue of delivery tasks. A message names a task and holds no content.

use aws_sdk_sqs::Client;

use super::client;
use crate::config::{Config, MissingVariable};
use crate::domain::delivery_task::DeliveryTask;

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
        let body = serde_json::to_string(task).unwrap_or_else(|_| unreachable!("strings and numbers serialize"));
        let delay = i32::try_from(delay.min(MAX_DELAY)).unwrap_or_default();
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).delay_seconds(delay).send().await;

        sent.map(|_| ()).map_err(|e| Error(e.into()))
    }
}
