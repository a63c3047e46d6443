//! The AWS services that functions call: each over HTTP at an endpoint of its own, as far as functions use it.

mod aws_json;
pub(crate) mod dynamodb;
pub(crate) mod iam;
pub(crate) mod secrets_manager;
pub(crate) mod sqs;
