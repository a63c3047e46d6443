//! The AWS services that functions call, each with its own address.

mod aws_json;
pub(crate) mod dynamodb;
pub(crate) mod iam;
pub(crate) mod secrets_manager;
pub(crate) mod sqs;
