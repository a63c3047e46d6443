//! A wire between the SDK and the embedded DynamoDB that counts what passes, and loses what it is told to lose.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What happens to one call on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives, and so does its answer.
    Pass,
    /// It never arrives.
    LoseRequest,
    /// It arrives and is applied; its answer does not arrive.
    LoseAnswer,
}

/// One call that came.
#[derive(Clone, Debug)]
pub struct Call {
    /// `UpdateItem` and the like.
    pub operation: String,
    /// The request's JSON.
    pub request: Value,
    /// The answer's status; 0 if it never arrived.
    pub status: u16,
    /// The write units that it cost.
    pub write_units: f64,
}

/// The wire.
pub struct Proxy {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    server: JoinHandle<()>,
}

type Decide = Arc<dyn Fn(&Value) -> Fate + Send + Sync>;

#[derive(Clone)]
struct Wire {
    upstream: String,
    client: Client,
    calls: Arc<Mutex<Vec<Call>>>,
    decide: Decide,
    keep: bool,
}

impl Proxy {
    /// A wire to this address, that asks `decide` about each request. Calls are kept only if asked for.
    pub async fn start(upstream: &str, keep: bool, decide: impl Fn(&Value) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let wire = Wire {
            upstream: upstream.to_owned(),
            client: Client::new(),
            calls: Arc::clone(&calls),
            decide: Arc::new(decide),
            keep,
        };
        let router = Router::new().fallback(pass).with_state(wire);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { address, calls, server }
    }

    /// Its own address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far, and forgets them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(wire): State<Wire>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut request: Value = serde_json::from_slice(&body).expect("DynamoDB speaks JSON");
    let target = headers.get("X-Amz-Target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let fate = (wire.decide)(&request);
    let (mut status, mut write_units, mut answer) = (0, 0.0, Bytes::new());
    if fate != Fate::LoseRequest {
        let sent = request.clone();
        // The engine tells what a call costs if it is asked to; the product does not ask.
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let call = wire.client.post(&wire.upstream).header("X-Amz-Target", &target);
        let call = call.header("Content-Type", "application/x-amz-json-1.0").header("Authorization", authorization(&headers));
        let response = call.body(request.to_string()).send().await.expect("the engine answers");
        status = response.status().as_u16();
        answer = response.bytes().await.expect("a body");
        let consumed = serde_json::from_slice::<Value>(&answer).unwrap_or_default()["ConsumedCapacity"].take();
        write_units = consumed["CapacityUnits"].as_f64().unwrap_or_default();
        request = sent;
    }
    if wire.keep {
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let call = Call { operation, request, status, write_units };
        wire.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
    match fate {
        Fate::Pass => {
            let response = Response::builder().status(status).header("Content-Type", "application/x-amz-json-1.0");
            response.body(Body::from(answer)).expect("a response")
        }
        // The connection ends in the middle of the answer: the SDK cannot know what became of the call.
        Fate::LoseRequest | Fate::LoseAnswer => {
            let broken = broken_body();
            Response::builder().status(200).header("Content-Length", "64").body(broken).expect("a response")
        }
    }
}

fn authorization(headers: &HeaderMap) -> String {
    headers.get("Authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// A body that breaks off.
fn broken_body() -> Body {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "lost on the way");
    Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(broken) }))
}
