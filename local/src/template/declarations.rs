//! What the template declares, in plain values.

use std::{collections::BTreeMap, time::Duration};

use axum::http::HeaderName;
use serde_json::Value;

/// The stage of the API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// The stage variables, which every event contains.
    pub(crate) variables: BTreeMap<String, String>,
}

/// One method of one path of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method in upper case, or `ANY`.
    pub method: String,
    /// The path as the template writes it, such as `/keys/{id}`.
    pub resource: String,
    /// The logical ID of the function behind the route.
    pub function: String,
    /// The name of the authorizer; `None` for a public route.
    pub authorizer: Option<String>,
}

/// An authorizer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorizer {
    /// A Lambda authorizer of type REQUEST. It is invoked only if all its identity sources, which are headers, are
    /// sent.
    Function { function: String, headers: Vec<String> },
    /// A Cognito user pool, whose ID token is in this header.
    UserPool { header: String },
}

/// A gateway response: how the API answers an error of its own.
#[derive(Debug)]
pub(crate) struct GatewayResponse {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// The mapping template of the body.
    pub(crate) body: Option<String>,
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The name of the crate that holds it.
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    pub(crate) environment: BTreeMap<String, String>,
}

/// An event source mapping: the queue whose messages invoke a function.
#[derive(Debug, Clone)]
pub(crate) struct EventSourceMapping {
    /// The logical ID of the function.
    pub(crate) function: String,
    pub(crate) queue: String,
    pub(crate) queue_arn: String,
    pub(crate) batch_size: usize,
    pub(crate) max_concurrency: usize,
    /// Whether the function's response may name the messages that failed (`ReportBatchItemFailures`). If not, the
    /// response is ignored.
    pub(crate) reports_failures: bool,
}

/// One action that a role allows on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The action, such as `dynamodb:GetItem`.
    pub action: String,
    /// The ARN of the resource.
    pub resource: String,
}

/// A `DynamoDB` table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The input of `CreateTable`.
    pub(crate) input: Value,
    /// The time-to-live attribute.
    pub(crate) ttl_attribute: Option<String>,
}

/// An SQS queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueSettings {
    pub(crate) name: String,
    pub(crate) visibility_timeout: Duration,
    pub(crate) retention: Duration,
    pub(crate) delay: Duration,
    /// The name of the dead-letter queue.
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) max_receive_count: Option<u32>,
}

/// A Secrets Manager secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretSettings {
    pub(crate) name: String,
    /// The property `GenerateSecretString`, from which the first value is generated.
    pub(crate) generate: Value,
}
