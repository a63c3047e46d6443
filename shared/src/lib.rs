//! What two functions need. In reading order: the domain (`key`, `secret`, `scope`, `channel`, `push`, `subscription`,
//! `vapid`) knows no AWS and no HTTP; `store` keeps it; `http` and `problem` take requests in and let answers out.

pub mod account;
pub mod caller;
pub mod channel;
pub mod key;
pub mod permission;
pub mod push;
pub mod scope;
pub mod secret;
pub mod subscription;
pub mod text;
pub mod time;
pub mod vapid;

pub mod store;

pub mod answers;
pub mod fields;
pub mod http;
pub mod key_fields;
pub mod problem;

pub mod aws;
pub mod config;
pub mod log;
pub mod queue;
pub mod vapid_secret;
