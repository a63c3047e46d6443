//! Fuzz targets: what reads untrusted text, each with a property. `cargo test` runs a second of each, and
//! `tools/fuzz-targets SECONDS` longer.

mod bodies;
mod corpus;
mod cursor;
mod endpoint;
mod event;
mod gateway;
mod key;
mod queue_message;
mod scope;
mod slug;
