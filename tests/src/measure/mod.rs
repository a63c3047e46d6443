//! The measuring programs. Each takes its count as an argument, prints what it found, and fails if a promise is broken.

pub mod cost;
pub mod counting_faults;
pub mod idempotency;
pub mod limits;
pub mod malformed;
pub mod revocation;
pub mod rotation;
pub mod startup;
pub mod usage;

#[expect(clippy::print_stdout, reason = "a measuring program prints")]
fn say(line: &str) {
    println!("{line}");
}
