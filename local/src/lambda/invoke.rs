//! Invocations, each with its function's timeout. An invocation runs to its end even if its caller is gone.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::{lambda::handler::Handler, start_error::StartError, template::Function};

/// Lambda's quota for an event and for a response.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// The functions of the template, by logical ID.
#[derive(Clone)]
pub(crate) struct Functions {
    functions: Arc<HashMap<String, (Handler, Duration)>>,
    invocations: TaskTracker,
}

impl Functions {
    /// Fails if a function of the template has no handler. `invocations` tracks the invocations in progress.
    pub(crate) fn new(
        declared: &BTreeMap<String, Function>,
        mut handlers: HashMap<String, Handler>,
        invocations: TaskTracker,
    ) -> Result<Self, StartError> {
        let mut functions = HashMap::new();
        for (id, function) in declared {
            let handler = handlers.remove(id).ok_or_else(|| {
                StartError::new(format!("The template has a function {id} that this program does not contain."))
            })?;
            functions.insert(id.clone(), (handler, function.timeout));
        }
        Ok(Self { functions: Arc::new(functions), invocations })
    }

    /// The function's response, or the error message that Lambda reports.
    pub(crate) async fn invoke(&self, id: &str, event: Value) -> Result<Value, String> {
        let Some((handler, limit)) = self.functions.get(id) else {
            return Err(format!("the function {id} does not exist"));
        };
        let (invocation, limit) = (handler(event), *limit);
        let task = self.invocations.spawn(async move {
            let timed_out = || format!("Task timed out after {} seconds", limit.as_secs());
            timeout(limit, invocation).await.unwrap_or_else(|_| Err(timed_out()))
        });
        let result = task.await.unwrap_or_else(|_| Err("the function panicked".to_owned()));
        match result {
            Ok(response) if response.to_string().len() > MAX_PAYLOAD_BYTES => {
                tracing::error!(function = id, "the response is larger than 6 MB");
                Err("Response payload size exceeded maximum allowed payload size".to_owned())
            }
            Err(message) => {
                // "Unauthorized" is how an authorizer answers 401, so it is not a failure.
                if message != "Unauthorized" {
                    tracing::error!(function = id, message, "the function failed");
                }
                Err(message)
            }
            response => response,
        }
    }
}
