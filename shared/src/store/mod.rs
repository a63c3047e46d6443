//! The tables: the only place with attribute names and expressions.
//!
//! Every method is one step that is applied as a whole or not at all. A write that may be repeated after a lost response
//! recognizes its own repeat: a transaction by its token, the others by what they wrote.

mod audience;
mod authorize;
mod channels;
mod conditional;
mod counts;
mod delivery;
mod error;
mod expression;
mod history;
mod idempotency;
mod item;
mod key_item;
mod keys;
mod page;
mod proven;
mod pushes;
mod retry;
mod secret_requests;
mod subscriptions;
mod tables;
mod transaction;
mod writers;

pub use audience::Recipients;
pub use authorize::Verdict;
pub use channels::{CreateOutcome, DeleteOutcome};
pub use delivery::{FinishOutcome, Lease, PendingRetry, TaskResult};
pub use error::Error;
pub use idempotency::{IdempotencyState, IdempotentSend};
pub use keys::EditOutcome;
pub use page::Page;
pub use pushes::DeliveryState;
pub use secret_requests::FirstRequest;
pub use subscriptions::{Memberships, StoredSubscription};
pub use tables::Store;
