//! The examples, run as they stand.

use std::path::PathBuf;

mod senders;
mod web_page;

/// A file or folder of the examples.
fn example(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "examples", path].iter().collect()
}
