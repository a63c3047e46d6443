//! The environment, read once: no other code of the workspace reads an environment variable.

use std::collections::HashMap;

/// The environment variables of a function. A missing one is reported when it is first needed, at the start.
#[derive(Clone, Default)]
pub struct Config {
    variables: HashMap<String, String>,
    /// The origin of the web console, whose pages may read the management routes.
    pub console_origin: String,
}

/// A required variable is missing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct MissingVariable(String);

impl MissingVariable {
    /// The error of a variable with this name.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl Config {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    pub fn from_env() -> Self {
        Self::new(std::env::vars().collect())
    }

    /// These variables, where several functions run in one process.
    pub fn new(variables: HashMap<String, String>) -> Self {
        let console_origin = variables.get("CONSOLE_ORIGIN").cloned().unwrap_or_default();
        Self { variables, console_origin }
    }

    /// A required variable.
    pub fn required(&self, name: &str) -> Result<&str, MissingVariable> {
        self.optional(name).ok_or_else(|| MissingVariable::new(name))
    }

    /// An optional variable; empty is absent.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}
