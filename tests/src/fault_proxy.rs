//! A proxy between the AWS SDK and an embedded service that injects faults and records calls. It can hold each attempt
//! until the test decides on it, and it recognizes the attempts of one counting write.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::dynamodb_limits::{DynamoDbLimits, Rejection};

/// The fault that is injected into one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No fault: the request and the response arrive.
    None,
    /// The request never arrives.
    LoseRequest,
    /// The request is applied; the response never arrives.
    LoseResponse,
    /// The request is not applied: the response is a transaction conflict.
    Conflict,
    /// The request is not applied: the table is throttled.
    Throttle,
    /// The transaction is not applied: the condition of its first item failed.
    ConditionFailed,
}

/// A recorded attempt.
#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// The operation, such as `UpdateItem`.
    pub operation: String,
    /// The request's JSON.
    pub request: Value,
    /// The status of the response; 0 if the request never arrived.
    pub status: u16,
    /// The consumed capacity: write units of a write, read units of a read.
    pub units: f64,
}

/// A request as the SDK sent it.
#[derive(Clone, Debug)]
pub struct SentRequest {
    /// The request's JSON.
    pub request: Value,
    target: String,
    authorization: String,
    session_token: String,
    date: String,
}

impl SentRequest {
    fn operation(&self) -> &str {
        self.target.rsplit('.').next().unwrap_or_default()
    }
}

/// The response of the embedded service.
#[derive(Clone, Debug)]
pub struct ProxyResponse {
    /// The status.
    pub status: u16,
    body: Bytes,
}

/// An attempt that the proxy holds. When it is dropped, the connection of its sender breaks immediately.
#[derive(Debug)]
pub struct HeldRequest {
    /// The request.
    pub sent: SentRequest,
    response: oneshot::Sender<ProxyResponse>,
}

impl HeldRequest {
    /// Sends this response to the sender.
    pub fn respond(self, response: ProxyResponse) {
        // The sender may have given up.
        let _ = self.response.send(response);
    }
}

/// The identity of a counting write: the same in all attempts of one request, and in no other request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Signature {
    /// The writer's slot.
    pub writer: String,
    /// The write's number in the slot.
    pub n: i64,
}

impl Signature {
    /// The signature of a counting write; `None` for other calls.
    pub fn of(request: &Value) -> Option<Self> {
        let writer = request["ExpressionAttributeNames"]["#writer"].as_str()?.to_owned();
        let n = request["ExpressionAttributeValues"][":n"]["N"].as_str()?.parse().ok()?;
        Some(Self { writer, n })
    }
}

/// Changes to requests before they arrive, and to responses before the SDK sees them.
#[derive(Clone, Copy, Debug)]
pub struct Rewrites {
    /// Changes a request.
    pub request: fn(&mut Value),
    /// Changes the response to a request, which is given as it was sent.
    pub response: fn(&Value, &mut Value),
}

impl Rewrites {
    /// No changes.
    pub const NONE: Self = Self { request: |_| {}, response: |_, _| {} };
}

/// The proxy.
pub struct FaultProxy {
    address: SocketAddr,
    upstream: Upstream,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Upstream {
    url: String,
    client: Client,
    rewrites: Rewrites,
    /// The recorded calls, if the proxy records.
    calls: Option<Arc<Mutex<Vec<RecordedCall>>>>,
}

/// The response to send; `None` breaks the connection.
type PendingResponse = Pin<Box<dyn Future<Output = Option<ProxyResponse>> + Send>>;
type Forward = Arc<dyn Fn(SentRequest) -> PendingResponse + Send + Sync>;

impl FaultProxy {
    /// Starts a proxy to this URL; `decide` chooses the fault of each attempt. The proxy records calls if `record` is
    /// set.
    pub async fn start(upstream: &str, record: bool, decide: impl Fn(&Value) -> Fault + Send + Sync + 'static) -> Self {
        let upstream = Upstream::new(upstream, Rewrites::NONE, record);
        let to = upstream.clone();
        let forward = move |sent: SentRequest| -> PendingResponse {
            let (fault, to) = (decide(&sent.request), to.clone());
            // In a task of its own: a request that arrived is applied even if its sender gives up.
            let forwarded = tokio::spawn(async move {
                match fault {
                    Fault::None => Some(to.apply(&sent).await),
                    Fault::LoseResponse => {
                        to.apply(&sent).await;
                        None
                    }
                    Fault::LoseRequest => {
                        to.record(&sent, 0, 0.0);
                        None
                    }
                    Fault::Conflict => {
                        to.record(&sent, 400, 0.0);
                        Some(conflict(&sent.request))
                    }
                    Fault::Throttle => {
                        to.record(&sent, 400, 0.0);
                        Some(throttled())
                    }
                    Fault::ConditionFailed => {
                        to.record(&sent, 400, 0.0);
                        Some(cancelled(&sent.request, "ConditionalCheckFailed", "The conditional request failed"))
                    }
                }
            });
            Box::pin(async { forwarded.await.expect("a response") })
        };
        Self::serve(upstream, Arc::new(forward)).await
    }

    /// Starts a recording proxy with DynamoDB's limits.
    pub async fn with_limits(upstream: &str, limits: Arc<DynamoDbLimits>) -> Self {
        let upstream = Upstream::new(upstream, Rewrites::NONE, true);
        let to = upstream.clone();
        let forward = move |sent: SentRequest| -> PendingResponse {
            let (limits, to) = (Arc::clone(&limits), to.clone());
            let forwarded = tokio::spawn(async move {
                match limits.admit(sent.operation(), &sent.request) {
                    Ok(admitted) => {
                        let (response, units) = to.apply_and_count(&sent).await;
                        limits.settle(admitted, units).await;
                        response
                    }
                    Err(rejection) => {
                        to.record(&sent, 400, 0.0);
                        if rejection == Rejection::Conflict { conflict(&sent.request) } else { throttled() }
                    }
                }
            });
            Box::pin(async { Some(forwarded.await.expect("a response")) })
        };
        Self::serve(upstream, Arc::new(forward)).await
    }

    /// Starts a proxy that holds each attempt for the receiver to decide.
    pub async fn hold(upstream: &str, rewrites: Rewrites) -> (Self, mpsc::UnboundedReceiver<HeldRequest>) {
        let (arrivals, arrived) = mpsc::unbounded_channel();
        let forward = move |sent: SentRequest| -> PendingResponse {
            let (response, answered) = oneshot::channel();
            // If the receiver was dropped, the connection breaks.
            let _ = arrivals.send(HeldRequest { sent, response });
            Box::pin(async { answered.await.ok() })
        };
        (Self::serve(Upstream::new(upstream, rewrites, false), Arc::new(forward)).await, arrived)
    }

    async fn serve(upstream: Upstream, forward: Forward) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(pass).with_state(forward);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { address, upstream, server }
    }

    /// Starts a proxy that injects this fault into the next transactions, as many as `left` says.
    pub async fn with_transaction_faults(upstream: &str, fault: Fault, left: &Arc<AtomicUsize>) -> Self {
        let left = Arc::clone(left);
        Self::start(upstream, false, move |request| {
            let one_less = |left: usize| left.checked_sub(1);
            let transaction = request.get("TransactItems").is_some();
            let chosen = transaction && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
            if chosen { fault } else { Fault::None }
        })
        .await
    }

    /// The URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Applies a request, whether or not its sender still waits for the response.
    pub async fn apply(&self, sent: &SentRequest) -> ProxyResponse {
        self.upstream.apply(sent).await
    }

    /// Takes the recorded calls.
    pub fn take_calls(&self) -> Vec<RecordedCall> {
        let calls = self.upstream.calls.as_ref().expect("a proxy that records");
        std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Upstream {
    fn new(url: &str, rewrites: Rewrites, record: bool) -> Self {
        Self { url: url.to_owned(), client: Client::new(), rewrites, calls: record.then(Arc::default) }
    }

    async fn apply(&self, sent: &SentRequest) -> ProxyResponse {
        self.apply_and_count(sent).await.0
    }

    /// Applies a request; its response, and the units that it consumed.
    async fn apply_and_count(&self, sent: &SentRequest) -> (ProxyResponse, f64) {
        let mut request = sent.request.clone();
        (self.rewrites.request)(&mut request);
        // The app does not ask for the consumed capacity.
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let call = self.client.post(&self.url).header("X-Amz-Target", &sent.target);
        let call = call
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("Authorization", &sent.authorization)
            .header("X-Amz-Security-Token", &sent.session_token)
            .header("X-Amz-Date", &sent.date);
        let response = call.body(request.to_string()).send().await.expect("a response");
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a body");
        let mut response: Value = serde_json::from_slice(&body).expect("JSON");
        (self.rewrites.response)(&sent.request, &mut response);
        let units = units(&response["ConsumedCapacity"]);
        self.record(sent, status, units);

        (ProxyResponse { status, body: Bytes::from(response.to_string()) }, units)
    }

    fn record(&self, sent: &SentRequest, status: u16, units: f64) {
        let Some(calls) = &self.calls else { return };
        let operation = sent.operation().to_owned();
        let call = RecordedCall { operation, request: sent.request.clone(), status, units };
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// DynamoDB's response to a write, or a transaction, that conflicts with another transaction.
fn conflict(request: &Value) -> ProxyResponse {
    let message = "Transaction is ongoing for the item";
    if request.get("TransactItems").is_some() {
        return cancelled(request, "TransactionConflict", message);
    }
    let body = json!({ "__type": kind("TransactionConflictException"), "message": message });
    ProxyResponse { status: 400, body: Bytes::from(body.to_string()) }
}

/// DynamoDB's response to a request beyond the throughput of a partition.
fn throttled() -> ProxyResponse {
    let message = "Throughput exceeds the current capacity of your table or index";
    let body = json!({ "__type": kind("ThrottlingException"), "message": message });
    ProxyResponse { status: 400, body: Bytes::from(body.to_string()) }
}

/// DynamoDB's response to a canceled transaction; the reason is that of its first item.
fn cancelled(request: &Value, code: &str, message: &str) -> ProxyResponse {
    let parts = request["TransactItems"].as_array().map_or(1, Vec::len);
    let mut reasons = vec![json!({ "Code": "None" }); parts];
    reasons[0] = json!({ "Code": code, "Message": message });
    let body = json!({
        "__type": kind("TransactionCanceledException"), "CancellationReasons": reasons,
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
    });
    ProxyResponse { status: 400, body: Bytes::from(body.to_string()) }
}

fn kind(name: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{name}")
}

/// The capacity units that a call consumed, over all tables.
fn units(consumed: &Value) -> f64 {
    let tables = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
    tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()
}

async fn pass(State(forward): State<Forward>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = serde_json::from_slice(&body).expect("JSON");
    let sent = SentRequest {
        request,
        target: header("X-Amz-Target"),
        authorization: header("Authorization"),
        session_token: header("X-Amz-Security-Token"),
        date: header("X-Amz-Date"),
    };

    let response = Response::builder().header("Content-Type", "application/x-amz-json-1.0");
    let response = match forward(sent).await {
        Some(reply) => response.status(reply.status).body(Body::from(reply.body)),
        // The connection breaks in the middle of the response: the SDK cannot know whether the call was applied.
        None => response.status(200).header("Content-Length", "64").body(broken_body()),
    };
    response.expect("a response")
}

/// A body that breaks off before its end.
fn broken_body() -> Body {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "injected fault");
    Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(broken) }))
}
