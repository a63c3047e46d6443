//! The rules of the product: what a key, a channel, a subscription and a push are. No AWS, no HTTP.

pub mod access;
pub mod account;
pub mod audience;
pub mod caller;
pub mod channel;
pub mod delivery_task;
pub mod history;
pub mod id;
pub mod id_range;
pub mod idempotency;
pub mod json;
pub mod key;
pub mod limits;
pub mod notification;
pub mod permission;
pub mod push;
pub mod push_hosts;
pub mod random;
pub mod scope;
pub mod secret;
pub mod subscription;
pub mod text;
pub mod time;
pub mod vapid;
