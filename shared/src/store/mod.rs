//! The tables: the only place with attribute names and expressions.
//!
//! Every method is one step that is applied as a whole or not at all. A write that may be repeated after a lost response
//! recognizes its own repeat: a transaction by its token, the others by what they wrote.

mod audience;
mod authorize;
mod cancel;
mod channels;
mod conditional;
mod counts;
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
mod range_tasks;
mod retry;
mod retry_tasks;
mod secret_requests;
mod subscription_counts;
mod subscriptions;
mod tables;
mod task_item;
mod transaction;
mod writers;

pub use audience::Recipients;
pub use authorize::Verdict;
pub use channels::{CreateOutcome, DeleteOutcome};
pub use error::Error;
pub use idempotency::{IdempotencyState, IdempotentSend};
pub use keys::EditOutcome;
pub use page::Page;
pub use pushes::DeliveryState;
pub use range_tasks::{Lease, PageOutcome, SentPage};
pub use retry_tasks::{AttemptOutcome, PendingRetry, RetryLease};
pub use secret_requests::FirstRequest;
pub use subscriptions::{Memberships, Recipient, StoredSubscription};
pub use tables::Store;
