//! A wire between the SDK and the embedded database that counts what passes, loses what it is told to lose, and can hold
//! each attempt until somebody decides on it. It tells the attempts of one request from those of every other.

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

/// What happens to one attempt on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives, and so does its answer.
    Pass,
    /// It never arrives.
    LoseRequest,
    /// It arrives and is applied; its answer does not arrive.
    LoseAnswer,
    /// It is not applied: the store answers that somebody else's transaction holds the item.
    Conflict,
    /// It is not applied: the store answers that the condition of its first part does not hold.
    Refuse,
}

/// One attempt that came.
#[derive(Clone, Debug)]
pub struct Call {
    /// `UpdateItem` and the like.
    pub operation: String,
    /// The request's JSON.
    pub request: Value,
    /// The answer's status; 0 if it never arrived.
    pub status: u16,
    /// The units that it cost: write units of a write, read units of a read.
    pub units: f64,
}

/// An attempt as the SDK sent it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its JSON.
    pub request: Value,
    target: String,
    authorization: String,
    date: String,
}

/// What the engine answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    body: Bytes,
}

/// An attempt that waits on the wire. If it is dropped, its sender learns at once that there will be no answer.
#[derive(Debug)]
pub struct Held {
    /// What was sent.
    pub sent: Sent,
    answer: oneshot::Sender<Reply>,
}

impl Held {
    /// Lets this answer arrive.
    pub fn answer(self, reply: Reply) {
        // Whoever sent it may have given up.
        let _ = self.answer.send(reply);
    }
}

/// Whose counting write it is: the same in all attempts of one request, and in no other request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Signature {
    /// The slot.
    pub writer: String,
    /// The number.
    pub n: i64,
}

impl Signature {
    /// The signature of a counting write; other calls have none.
    pub fn of(request: &Value) -> Option<Self> {
        let writer = request["ExpressionAttributeNames"]["#writer"].as_str()?.to_owned();
        let n = request["ExpressionAttributeValues"][":n"]["N"].as_str()?.parse().ok()?;
        Some(Self { writer, n })
    }
}

/// What a faulty wire makes of requests before they arrive, and of answers before they are seen.
#[derive(Clone, Copy, Debug)]
pub struct Rewrites {
    /// Changes a request.
    pub request: fn(&mut Value),
    /// Changes the answer to a request; the request is as it was sent.
    pub answer: fn(&Value, &mut Value),
}

impl Rewrites {
    /// An honest wire.
    pub const NONE: Self = Self { request: |_| {}, answer: |_, _| {} };
}

/// The wire.
pub struct Proxy {
    address: SocketAddr,
    upstream: Upstream,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Upstream {
    url: String,
    client: Client,
    rewrites: Rewrites,
    /// The calls so far, if they are kept.
    calls: Option<Arc<Mutex<Vec<Call>>>>,
}

/// The answer that is to arrive, if any.
type Answering = Pin<Box<dyn Future<Output = Option<Reply>> + Send>>;
type Carry = Arc<dyn Fn(Sent) -> Answering + Send + Sync>;

impl Proxy {
    /// A wire to this address, that asks `decide` about each attempt. Calls are kept only if asked for.
    pub async fn start(upstream: &str, keep: bool, decide: impl Fn(&Value) -> Fate + Send + Sync + 'static) -> Self {
        let upstream = Upstream::new(upstream, Rewrites::NONE, keep);
        let to = upstream.clone();
        let carry = move |sent: Sent| -> Answering {
            let (fate, to) = (decide(&sent.request), to.clone());
            // A task of its own: what has arrived is applied, even if its sender gives up meanwhile.
            let carried = tokio::spawn(async move {
                match fate {
                    Fate::Pass => Some(to.apply(&sent).await),
                    Fate::LoseAnswer => {
                        to.apply(&sent).await;
                        None
                    }
                    Fate::LoseRequest => {
                        to.keep(&sent, 0, 0.0);
                        None
                    }
                    Fate::Conflict => {
                        to.keep(&sent, 400, 0.0);
                        Some(conflict(&sent.request))
                    }
                    Fate::Refuse => {
                        to.keep(&sent, 400, 0.0);
                        Some(cancelled(&sent.request, "ConditionalCheckFailed", "The conditional request failed"))
                    }
                }
            });
            Box::pin(async { carried.await.expect("the engine answers") })
        };
        Self::serve(upstream, Arc::new(carry)).await
    }

    /// A wire that holds each attempt, for the receiver to decide.
    pub async fn hold(upstream: &str, rewrites: Rewrites) -> (Self, mpsc::UnboundedReceiver<Held>) {
        let (arrivals, arrived) = mpsc::unbounded_channel();
        let carry = move |sent: Sent| -> Answering {
            let (answer, answered) = oneshot::channel();
            // If nobody listens any more, nobody will answer.
            let _ = arrivals.send(Held { sent, answer });
            Box::pin(async { answered.await.ok() })
        };
        (Self::serve(Upstream::new(upstream, rewrites, false), Arc::new(carry)).await, arrived)
    }

    async fn serve(upstream: Upstream, carry: Carry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(pass).with_state(carry);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { address, upstream, server }
    }

    /// A wire that meets transactions with this fate, as many as `left` says.
    pub async fn losing_transactions(upstream: &str, fate: Fate, left: &Arc<AtomicUsize>) -> Self {
        let left = Arc::clone(left);
        Self::start(upstream, false, move |request| {
            let one_less = |left: usize| left.checked_sub(1);
            let transaction = request.get("TransactItems").is_some();
            let chosen = transaction && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
            if chosen { fate } else { Fate::Pass }
        })
        .await
    }

    /// Its own address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets an attempt arrive, whether or not somebody waits for the answer.
    pub async fn apply(&self, sent: &Sent) -> Reply {
        self.upstream.apply(sent).await
    }

    /// The calls so far, and forgets them.
    pub fn take_calls(&self) -> Vec<Call> {
        let calls = self.upstream.calls.as_ref().expect("a wire that keeps calls");
        std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Upstream {
    fn new(url: &str, rewrites: Rewrites, keep: bool) -> Self {
        Self { url: url.to_owned(), client: Client::new(), rewrites, calls: keep.then(Arc::default) }
    }

    async fn apply(&self, sent: &Sent) -> Reply {
        let mut request = sent.request.clone();
        (self.rewrites.request)(&mut request);
        // The engine tells what a call costs if it is asked to; the product does not ask.
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        let call = self.client.post(&self.url).header("X-Amz-Target", &sent.target);
        let call = call
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("Authorization", &sent.authorization)
            .header("X-Amz-Date", &sent.date);
        let response = call.body(request.to_string()).send().await.expect("the engine answers");
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a body");
        let mut answer: Value = serde_json::from_slice(&body).expect("DynamoDB speaks JSON");
        (self.rewrites.answer)(&sent.request, &mut answer);
        self.keep(sent, status, units(&answer["ConsumedCapacity"]));

        Reply { status, body: Bytes::from(answer.to_string()) }
    }

    fn keep(&self, sent: &Sent, status: u16, units: f64) {
        let Some(calls) = &self.calls else { return };
        let operation = sent.target.rsplit('.').next().unwrap_or_default().to_owned();
        let call = Call { operation, request: sent.request.clone(), status, units };
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// How DynamoDB refuses a write, or a transaction, of an item that another transaction holds.
fn conflict(request: &Value) -> Reply {
    let message = "Transaction is ongoing for the item";
    if request.get("TransactItems").is_some() {
        return cancelled(request, "TransactionConflict", message);
    }
    let body = json!({ "__type": kind("TransactionConflictException"), "message": message });
    Reply { status: 400, body: Bytes::from(body.to_string()) }
}

/// How DynamoDB refuses a transaction for this reason, which its first part has.
fn cancelled(request: &Value, code: &str, message: &str) -> Reply {
    let parts = request["TransactItems"].as_array().map_or(1, Vec::len);
    let mut reasons = vec![json!({ "Code": "None" }); parts];
    reasons[0] = json!({ "Code": code, "Message": message });
    let body = json!({
        "__type": kind("TransactionCanceledException"), "CancellationReasons": reasons,
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
    });
    Reply { status: 400, body: Bytes::from(body.to_string()) }
}

fn kind(name: &str) -> String {
    format!("com.amazonaws.dynamodb.v20120810#{name}")
}

/// What a call cost, on one table or on several.
fn units(consumed: &Value) -> f64 {
    let tables = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
    tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()
}

async fn pass(State(carry): State<Carry>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = serde_json::from_slice(&body).expect("DynamoDB speaks JSON");
    let sent = Sent {
        request,
        target: header("X-Amz-Target"),
        authorization: header("Authorization"),
        date: header("X-Amz-Date"),
    };

    let response = Response::builder().header("Content-Type", "application/x-amz-json-1.0");
    let response = match carry(sent).await {
        Some(reply) => response.status(reply.status).body(Body::from(reply.body)),
        // The connection ends in the middle of the answer: the SDK cannot know what became of the call.
        None => response.status(200).header("Content-Length", "64").body(broken_body()),
    };
    response.expect("a response")
}

/// A body that breaks off.
fn broken_body() -> Body {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "lost on the way");
    Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(broken) }))
}
