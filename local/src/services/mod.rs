//! The AWS services that functions call: each over HTTP at an endpoint of its own, as far as functions use it.

mod aws_json;
pub(crate) mod dynamodb;
pub(crate) mod iam;
pub(crate) mod secrets_manager;
mod session_token;
pub(crate) mod sqs;

pub(crate) use session_token::SessionToken;
