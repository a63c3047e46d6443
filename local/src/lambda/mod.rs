//! Invoking functions: in this process or in `cargo lambda watch`, for a request or for messages of a queue.

pub(crate) mod environment;
pub(crate) mod event_source_mapping;
pub mod in_process;
pub(crate) mod invoke;
pub(crate) mod watch;
