//! A message of a queue.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::template::values::ACCOUNT_ID;

/// A message and its state. Times are in milliseconds since the epoch. The names in the journal are shorter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// The name of the queue, which changes when the message moves to the dead-letter queue.
    pub(crate) queue: String,
    pub(crate) body: String,
    /// The group, by which a queue is shared fairly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(rename = "sent")]
    pub(crate) sent_at: u64,
    #[serde(rename = "visible")]
    pub(crate) visible_at: u64,
    #[serde(rename = "receives")]
    pub(crate) receive_count: u32,
    #[serde(rename = "first_received")]
    pub(crate) first_received_at: Option<u64>,
    /// The handle of the last receive; earlier handles are invalid.
    #[serde(rename = "receipt")]
    pub(crate) receipt_handle: Option<String>,
}

impl Message {
    /// The system attributes, as `ReceiveMessage` and SQS events have them.
    pub(crate) fn system_attributes(&self) -> Value {
        let mut attributes = json!({
            "ApproximateReceiveCount": self.receive_count.to_string(),
            "SentTimestamp": self.sent_at.to_string(),
            "SenderId": ACCOUNT_ID,
            "ApproximateFirstReceiveTimestamp": self.first_received_at.unwrap_or_default().to_string(),
        });
        if let Some(group) = &self.group {
            attributes["MessageGroupId"] = json!(group);
        }
        attributes
    }

    /// The MD5 digest of the body in hexadecimal.
    pub(crate) fn body_md5(&self) -> String {
        md5_hex(&self.body)
    }
}

/// The MD5 digest of a text in hexadecimal.
pub(super) fn md5_hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}
