//! Web Push: RFC 8030, 8291 and 8292.

mod client;
mod encrypt;

pub use client::Sender;
pub(crate) use client::{Answer, Answered};
