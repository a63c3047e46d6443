//! Clients of AWS services other than the tables: how the SDK is configured, the queue and the VAPID secret.

mod cache;
pub mod client;
pub mod queue;
pub mod vapid_secret;
