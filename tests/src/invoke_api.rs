//! Lambda's Invoke API on this machine, so that a test chooses the environment of each function behind the gateway.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use local::lambda::{Handler, in_process};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The functions by name; none until `run` is called.
type Handlers = Arc<RwLock<HashMap<String, Handler>>>;

/// A server of the Invoke API.
pub(crate) struct InvokeApi {
    url: String,
    handlers: Handlers,
    server: JoinHandle<()>,
}

impl InvokeApi {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let handlers = Handlers::default();
        let router = Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke));
        let router = router.with_state(Arc::clone(&handlers));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { url, handlers, server }
    }

    /// The URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Restarts every function with the environment that `environment` returns for its logical id.
    pub(crate) fn run(&self, environment: impl Fn(&str) -> HashMap<String, String>) {
        let functions = in_process(environment).into_iter();
        *self.handlers.write().unwrap_or_else(PoisonError::into_inner) = functions.collect();
    }
}

impl Drop for InvokeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn invoke(State(handlers): State<Handlers>, Path(name): Path<String>, event: Bytes) -> (StatusCode, String) {
    let id: String = name.split('-').map(capitalized).collect();
    let function = handlers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    let function = function.unwrap_or_else(|| panic!("there is no function {id}"));
    let event: Value = serde_json::from_slice(&event).expect("an event is JSON");
    match function(event).await {
        Ok(response) => (StatusCode::OK, response.to_string()),
        Err(message) => (StatusCode::OK, json!({ "errorType": "Error", "errorMessage": message }).to_string()),
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
