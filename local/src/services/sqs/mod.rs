//! SQS: the queues of the template, with visibility timeouts, delays and dead-letter queues.

mod journal;
mod message;
mod queues;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use journal::Journal;
pub(crate) use message::Message;
pub(crate) use queues::{Counts, Queues};
pub(crate) use server::router;
