//! The environment, read once: nothing else in the workspace looks at an environment variable.

use std::collections::HashMap;

/// What a function is told by its environment. A variable that is missing is named when it is needed first, at the start.
#[derive(Clone, Default)]
pub struct Config {
    variables: HashMap<String, String>,
    /// The origin of the web console, which a browser lets read the management routes.
    pub console_origin: String,
}

/// A variable is missing.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct Missing(String);

impl Config {
    /// From this process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn from_env() -> Self {
        Self::new(std::env::vars().collect())
    }

    /// From these variables, where several functions run in one process.
    pub fn new(variables: HashMap<String, String>) -> Self {
        let console_origin = variables.get("CONSOLE_ORIGIN").cloned().unwrap_or_default();
        Self { variables, console_origin }
    }

    /// A variable that must be there.
    pub fn required(&self, name: &str) -> Result<&str, Missing> {
        self.optional(name).ok_or_else(|| Missing(name.to_owned()))
    }

    /// A variable that may be there.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}
