//! A push service for Firefox: the WebSocket protocol of Mozilla's autopush for the browser, RFC 8030 for senders.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// How long an event may take.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The push service, on 127.0.0.1 until it is dropped.
pub(crate) struct Autopush {
    websocket: SocketAddr,
    endpoints: SocketAddr,
    service: Arc<Service>,
    events: mpsc::UnboundedReceiver<Event>,
    _tasks: JoinSet<()>,
}

/// A message from the browser.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A subscription was created.
    Registered,
    /// A subscription was removed.
    Unregistered,
    /// A push was decrypted and handed to its service worker.
    Delivered,
    /// A push was not: the code says why.
    NotDelivered(u64),
}

struct Service {
    origin: String,
    browsers: Mutex<Browsers>,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Default)]
struct Browsers {
    /// The messages to each connected browser, by its user agent ID.
    connected: HashMap<String, mpsc::UnboundedSender<Value>>,
    /// The subscriptions, by their channel ID.
    subscriptions: HashMap<String, Subscription>,
}

#[derive(Clone)]
struct Subscription {
    user_agent: String,
    application_server_key: String,
}

impl Autopush {
    /// Starts it on free ports.
    pub(crate) async fn start() -> Self {
        let sockets = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let senders = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let (websocket, endpoints) =
            (sockets.local_addr().expect("an address"), senders.local_addr().expect("an address"));
        let (sender, events) = mpsc::unbounded_channel();
        let service =
            Arc::new(Service { origin: format!("http://{endpoints}"), browsers: Mutex::default(), events: sender });
        let router = Router::new().route("/wpush/v2/{channel}", post(accept)).with_state(Arc::clone(&service));

        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(senders, router).await.expect("a server") });
        tasks.spawn(serve_browsers(sockets, Arc::clone(&service)));

        Self { websocket, endpoints, service, events, _tasks: tasks }
    }

    /// The address for browsers: Firefox's preference `dom.push.serverURL`.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.websocket)
    }

    /// The host and port of its endpoints.
    pub(crate) fn host(&self) -> String {
        self.endpoints.to_string()
    }

    /// The next message from the browser.
    pub(crate) async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(MAX_WAIT, self.events.recv()).await;
        event.expect("the browser sends a message in time").expect("the push service runs")
    }

    /// Drops every subscription and disconnects. When the browser reconnects, it gets another user agent ID, by which
    /// it knows that its subscriptions are gone.
    pub(crate) fn forget_browsers(&self) {
        *self.service.browsers() = Browsers::default();
    }
}

impl Service {
    fn browsers(&self) -> MutexGuard<'_, Browsers> {
        self.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, event: Event) {
        // A test that has ended reads no events.
        let _ = self.events.send(event);
    }
}

async fn serve_browsers(listener: TcpListener, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve_browser(stream, Arc::clone(&service)));
    }
}

/// Exchanges messages until the browser disconnects or is forgotten.
async fn serve_browser(stream: TcpStream, service: Arc<Service>) {
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, choose_protocol).await.expect("a WebSocket");
    let (sender, mut outgoing) = mpsc::unbounded_channel();
    // Only `browsers` holds a sender once the browser said hello: to forget it there ends the connection.
    let mut sender = Some(sender);
    let mut user_agent = String::new();
    loop {
        let reply = tokio::select! {
            message = outgoing.recv() => message,
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["messageType"] == "hello" {
                        user_agent = hello(&service, &message, sender.take().expect("one hello per connection"));
                    }
                    match respond(&service, &user_agent, &message) {
                        Some(reply) => Some(reply),
                        None => continue,
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => None,
            },
        };
        let Some(reply) = reply else { break };
        if socket.send(Message::text(reply.to_string())).await.is_err() {
            break;
        }
    }
    let _ = socket.close(None).await;
}

#[expect(clippy::result_large_err, clippy::unnecessary_wraps, reason = "the signature of a handshake's callback")]
fn choose_protocol(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("push-notification"));
    Ok(response)
}

/// Connects a browser under the user agent ID that it sent, if it is known, or a new one.
fn hello(service: &Service, message: &Value, sender: mpsc::UnboundedSender<Value>) -> String {
    let mut browsers = service.browsers();
    let known = message["uaid"].as_str().filter(|id| browsers.connected.contains_key(*id));
    let user_agent = known.map_or_else(random_id, ToOwned::to_owned);
    browsers.connected.insert(user_agent.clone(), sender);
    user_agent
}

/// The response to a message, if it has one.
fn respond(service: &Service, user_agent: &str, message: &Value) -> Option<Value> {
    let text = |field: &str| message[field].as_str().map(ToOwned::to_owned);
    let channel = text("channelID").unwrap_or_default();
    match message["messageType"].as_str() {
        // A keep-alive.
        None => Some(json!({})),
        Some("hello") => Some(json!({
            "messageType": "hello", "status": 200, "uaid": user_agent, "use_webpush": true, "broadcasts": {},
        })),
        Some("register") => {
            let key = text("key").expect("an application server key");
            // Firefox pads it.
            let application_server_key = key.trim_end_matches('=').to_owned();
            let subscription = Subscription { user_agent: user_agent.to_owned(), application_server_key };
            service.browsers().subscriptions.insert(channel.clone(), subscription);
            service.report(Event::Registered);
            let endpoint = format!("{}/wpush/v2/{channel}", service.origin);
            Some(json!({
                "messageType": "register", "status": 200, "channelID": channel, "pushEndpoint": endpoint,
            }))
        }
        Some("unregister") => {
            service.browsers().subscriptions.remove(&channel);
            service.report(Event::Unregistered);
            Some(json!({ "messageType": "unregister", "status": 200, "channelID": channel }))
        }
        Some("ack") => {
            for update in message["updates"].as_array().expect("updates") {
                let code = update["code"].as_u64().expect("a code");
                service.report(if code == 100 { Event::Delivered } else { Event::NotDelivered(code) });
            }
            None
        }
        Some(_) => None,
    }
}

/// `POST` to an endpoint: hands the push to its browser.
async fn accept(
    State(service): State<Arc<Service>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let browsers = service.browsers();
    let Some(subscription) = browsers.subscriptions.get(&channel) else {
        return StatusCode::GONE;
    };
    let key = header("Authorization").split([' ', ',']).find_map(|part| part.strip_prefix("k="));
    if key != Some(subscription.application_server_key.as_str()) {
        return StatusCode::FORBIDDEN;
    }
    if header("TTL").parse::<u32>().is_err() || header("Content-Encoding") != "aes128gcm" {
        return StatusCode::BAD_REQUEST;
    }
    let notification = json!({
        "messageType": "notification",
        "channelID": channel,
        "version": random_id(),
        "data": URL_SAFE_NO_PAD.encode(&body),
        "headers": { "encoding": "aes128gcm" },
    });
    let browser = browsers.connected.get(&subscription.user_agent);
    match browser.map(|browser| browser.send(notification)) {
        Some(Ok(())) => StatusCode::CREATED,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// 32 hexadecimal digits.
fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
