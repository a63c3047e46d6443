//! The queue between accepting a push and delivering it. A message names work and holds no content.

use aws_sdk_sqs::Client;

use crate::aws::client;
use crate::config::Config;
use crate::domain::delivery_task::Task;

/// The longest that a message can be held back, in seconds (SQS, `DelaySeconds`).
pub const LONGEST_DELAY: u32 = 900;

/// The queue did not take a message.
#[derive(Debug, thiserror::Error)]
#[error("the queue took no message")]
pub struct Error(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue that the environment names.
    pub fn connect(config: &Config) -> Result<Self, crate::config::Missing> {
        let mut builder = aws_sdk_sqs::config::Builder::from(&client::sdk_config(config)?);
        builder.set_endpoint_url(client::endpoint(config, "SQS"));

        Ok(Self { client: Client::from_conf(builder.build()), url: config.required("QUEUE_URL")?.to_owned() })
    }

    /// Puts a task on the queue, to be seen after so many seconds. It is there when this returns; it may be there twice.
    pub async fn put(&self, task: &Task, delay: u32) -> Result<(), Error> {
        let body = serde_json::to_string(task).unwrap_or_else(|_| unreachable!("strings and numbers serialize"));
        let delay = i32::try_from(delay.min(LONGEST_DELAY)).unwrap_or_default();
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).delay_seconds(delay).send().await;

        sent.map(|_| ()).map_err(|e| Error(e.into()))
    }
}
