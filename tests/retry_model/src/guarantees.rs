//! What the counting write guarantees, by the names that a check reports.

/// The requests are counted exactly, except those that are reported as ambiguous.
pub const EXACT_USAGE: &str = "authorized <= counted <= authorized + ambiguous";
/// No request is allowed that began after a revocation was answered.
pub const REVOCATION: &str = "a request after a revocation is denied";
/// A request whose write the item shows is allowed.
pub const RECOGNIZED: &str = "a repeated write is recognized";
/// No write brings a deleted key back.
pub const DELETED: &str = "a deleted key stays deleted";

/// The guarantees.
pub const GUARANTEES: [&str; 4] = [EXACT_USAGE, REVOCATION, RECOGNIZED, DELETED];
