//! The measuring programs. Each takes its count as an argument, prints its results, and fails if a guarantee is broken.

pub mod cost;
pub mod counting_faults;
pub mod flood;
mod functions;
mod gateway_process;
pub mod idempotency;
pub mod kills;
pub mod limits;
pub mod load;
pub mod malformed;
mod print;
pub mod revocation;
pub mod rotation;
pub mod scale;
pub mod soak;
pub mod startup;
pub mod usage;
