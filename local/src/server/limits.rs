//! What a client may use of a server.

use std::time::Duration;

/// How long a client may take, and how much memory the bodies of all clients may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest wait for the head of a request, also between two requests of a connection.
    pub(crate) head: Duration,
    /// The longest wait for all of a body.
    pub(crate) body: Duration,
    /// The largest size of all bodies that are read or handled at one time, in bytes.
    pub(crate) all_bodies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: Duration::from_secs(20), body: Duration::from_secs(20), all_bodies: 32 * 1024 * 1024 }
    }
}
