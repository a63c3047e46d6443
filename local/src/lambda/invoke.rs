//! Functions being run: each invocation has its function's time limit, and ends even if nobody waits for it.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

use crate::{StartError, lambda::in_process::Handler, template::Function};

/// What Lambda takes and gives at most, in bytes.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Tasks that are let end when the rest stops.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<watch::Sender<usize>>);

struct Ended(Running);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Running {
    /// Runs the task to its end, whether or not the handle is kept.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.0.send_modify(|count| *count += 1);
        let ended = Ended(self.clone());
        tokio::spawn(async move {
            let _ended = ended;
            task.await
        })
    }

    #[cfg(test)]
    pub(crate) fn busy(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Returns when no task is left, or after this time.
    pub(crate) async fn wait(&self, at_most: Duration) {
        let mut count = self.0.subscribe();
        if tokio::time::timeout(at_most, count.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!("some invocations were still running and are broken off");
        }
    }
}

/// The functions of the template, ready to be invoked.
#[derive(Clone)]
pub(crate) struct Functions {
    functions: Arc<HashMap<String, (Handler, Duration)>>,
    running: Running,
}

impl Functions {
    /// Each function needs its handler.
    pub(crate) fn new(
        declared: &BTreeMap<String, Function>,
        mut handlers: HashMap<String, Handler>,
        running: Running,
    ) -> Result<Self, StartError> {
        let mut functions = HashMap::new();
        for (id, function) in declared {
            let handler = handlers.remove(id).ok_or_else(|| {
                StartError::new(format!("The template has a function {id} that this program does not hold."))
            })?;
            functions.insert(id.clone(), (handler, function.timeout));
        }
        Ok(Self { functions: Arc::new(functions), running })
    }

    /// The function's answer, or the message of the error that Lambda would report.
    pub(crate) async fn invoke(&self, id: &str, event: Value) -> Result<Value, String> {
        let Some((handler, limit)) = self.functions.get(id) else {
            return Err(format!("there is no function {id}"));
        };
        let invocation = handler(event);
        let limit = *limit;
        let task = self.running.spawn(async move {
            tokio::time::timeout(limit, invocation)
                .await
                .unwrap_or_else(|_| Err(format!("Task timed out after {} seconds", limit.as_secs())))
        });
        let answer = task.await.unwrap_or_else(|_| Err("the function panicked".to_owned()));
        match answer {
            Ok(answer) if answer.to_string().len() > PAYLOAD_LIMIT => {
                tracing::error!(function = id, "the answer is over 6 MB");
                Err("Response payload size exceeded maximum allowed payload size".to_owned())
            }
            Err(message) => {
                // An authorizer's way to say no, and not a fault.
                if message != "Unauthorized" {
                    tracing::error!(function = id, message, "the function failed");
                }
                Err(message)
            }
            answer => answer,
        }
    }
}
