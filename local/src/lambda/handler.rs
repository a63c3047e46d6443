//! The interface of a function to whatever invokes it.

use std::{pin::Pin, sync::Arc};

use serde_json::Value;

/// A function: takes an event and resolves to its response, or to the error message that Lambda reports.
pub type Handler = Arc<dyn Fn(Value) -> InvokeFuture + Send + Sync>;

type InvokeFuture = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;
