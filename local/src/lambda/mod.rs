//! Invokes functions, in this process or in `cargo lambda watch`, for a request or for the messages of a queue.

mod environment;
mod event_source_mapping;
mod handler;
mod in_process;
mod invoke;
mod watch;

pub(crate) use environment::{ServiceEndpoints, check_push_host};
pub(crate) use event_source_mapping::poll;
pub use handler::Handler;
pub use in_process::in_process;
pub(crate) use invoke::{Functions, MAX_PAYLOAD_BYTES};
pub(crate) use watch::cargo_lambda_watch;
