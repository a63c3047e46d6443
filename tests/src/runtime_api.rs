//! The Lambda Runtime API on this machine: it hands events to a real function binary and takes its responses.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Notify;

use crate::binaries;

/// The result of running a function binary.
pub struct Run {
    /// The responses, or the errors that the binary reported, in the order of the events.
    pub responses: Vec<Value>,
    /// Whether each of them was reported as an invocation error.
    pub is_error: Vec<bool>,
    /// The standard output, then the standard error.
    pub output: Vec<u8>,
}

#[derive(Default)]
struct Events {
    pending: Mutex<VecDeque<String>>,
    in_progress: Mutex<String>,
    responses: Mutex<Vec<(Value, bool)>>,
    done: Notify,
}

/// Runs a binary of this workspace with this environment on these events, one after the other. An event is a JSON value, or
/// JSON text that has no such value.
pub async fn run(
    binary: &str,
    environment: &[(impl AsRef<OsStr>, impl AsRef<OsStr>)],
    events: Vec<impl ToString>,
) -> Run {
    let pending = events.iter().map(ToString::to_string).collect();
    let state = Arc::new(Events { pending: Mutex::new(pending), ..Events::default() });
    let address = serve(&state).await;
    let mut function = Command::new(binaries::path(binary))
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", binary)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let (mut stdout, mut stderr) = (function.stdout.take().expect("a pipe"), function.stderr.take().expect("a pipe"));
    let reading = tokio::spawn(async move {
        use tokio::io::AsyncReadExt as _;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let read = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
        assert!(read.0.is_ok() && read.1.is_ok());
        [out, err].concat()
    });

    tokio::select! {
        () = state.done.notified() => {}
        ended = function.wait() => {
            panic!("{binary} exited: {ended:?}, in progress: {}", lock(&state.in_progress));
        }
    }
    function.kill().await.expect("an exit");
    let output = reading.await.expect("the output");
    let (responses, is_error) = std::mem::take(&mut *lock(&state.responses)).into_iter().unzip();

    Run { responses, is_error, output }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(state: &Arc<Events>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(take_response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(take_error))
        .with_state(Arc::clone(state));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
    address
}

async fn next(State(state): State<Arc<Events>>) -> (HeaderMap, String) {
    let event = lock(&state.pending).pop_front();
    let Some(event) = event else {
        state.done.notify_one();
        return std::future::pending().await;
    };
    lock(&state.in_progress).clone_from(&event);
    let deadline = shared::domain::time::Timestamp::now().plus_seconds(60).millis().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:function"),
    ];
    let headers = headers.map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
    (headers.into_iter().collect(), event)
}

async fn take_response(State(state): State<Arc<Events>>, body: Bytes) -> StatusCode {
    state.record(&body, false)
}

async fn take_error(State(state): State<Arc<Events>>, body: Bytes) -> StatusCode {
    state.record(&body, true)
}

impl Events {
    fn record(&self, body: &[u8], is_error: bool) -> StatusCode {
        let response = serde_json::from_slice(body).unwrap_or(Value::Null);
        lock(&self.responses).push((response, is_error));
        StatusCode::ACCEPTED
    }
}
