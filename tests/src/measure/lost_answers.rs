//! Placeholder while it is written.

/// Runs.
pub async fn run(_calls: usize) {}
