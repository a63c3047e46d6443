//! What two functions need. In reading order: the domain knows no AWS and no HTTP; `store` keeps it in the tables, `queue`
//! and `vapid_secret` stand for the other services; `http`, `fields` and `problem` take requests in and let answers out.

pub mod account;
pub mod caller;
pub mod channel;
pub mod history;
pub mod idempotency;
pub mod json;
pub mod key;
pub mod permission;
pub mod push;
pub mod random;
pub mod scope;
pub mod secret;
pub mod subscription;
pub mod task;
pub mod time;
pub mod vapid;

pub mod store;

pub mod answers;
pub mod fields;
pub mod http;
pub mod key_fields;
pub mod plan;
pub mod problem;
pub mod wish;

pub mod aws;
pub mod config;
pub mod event;
pub mod log;
pub mod queue;
pub mod vapid_secret;
