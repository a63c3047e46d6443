//! The access log, one line for each request in the template's format.

use crate::gateway::context::{Lookup, substitute};

/// The `tracing` target of access log lines, which are written verbatim.
pub(crate) const ACCESS_LOG_TARGET: &str = "access";

/// Writes access log lines.
pub(super) struct AccessLog {
    format: String,
}

impl AccessLog {
    pub(super) fn new(format: String) -> Self {
        Self { format }
    }

    /// Writes the line of a request. A variable without a value is a dash, as on AWS.
    pub(super) fn write(&self, context: Lookup<'_>) {
        let value = |name: &str| context(name).filter(|value| !value.is_empty()).or_else(|| Some("-".to_owned()));
        let line = substitute(&self.format, &value);
        tracing::info!(target: ACCESS_LOG_TARGET, "{line}");
    }
}
