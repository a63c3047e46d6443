//! A push service on this machine: it accepts pushes (RFC 8030), verifies their VAPID signature (RFC 8292) and decrypts
//! them with an independent implementation. A test can make it respond with any status.
//!
//! [`Browsers`] are the browsers that are subscribed, and accept their pushes. [`PushService`] serves them at an
//! address of its own.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web_push_native::Auth;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
use web_push_native::p256::{PublicKey, SecretKey};

/// A push service with an address of its own.
pub struct PushService {
    address: SocketAddr,
    browsers: Browsers,
    server: JoinHandle<()>,
}

/// The browsers that are subscribed, and the pushes that arrived for them.
#[derive(Clone)]
pub struct Browsers {
    state: Arc<Shared>,
}

/// A browser that is subscribed at the push service.
#[derive(Clone)]
pub struct Browser {
    name: String,
    endpoint: String,
    private: SecretKey,
    auth: [u8; 16],
    state: Arc<Shared>,
}

/// A push that was accepted.
#[derive(Clone, Debug)]
pub struct Received {
    /// The time at which it was accepted.
    pub at: Timestamp,
    /// The decrypted payload.
    pub plaintext: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The public VAPID key that signed it.
    pub signed_by: String,
}

struct Shared {
    /// The endpoints' URL without `/push/` and the browser's name.
    url: String,
    /// The number of browsers, and of pushes of each, that are kept.
    keep: usize,
    browsers: Mutex<HashMap<String, Mailbox>>,
    /// The names of the browsers, the oldest first.
    names: Mutex<VecDeque<String>>,
}

struct Mailbox {
    private: SecretKey,
    auth: [u8; 16],
    /// The statuses of the next responses, last first, each with a `Retry-After`; then pushes are accepted.
    responses: Vec<(u16, Option<String>)>,
    received: VecDeque<Received>,
    attempts: usize,
    /// The application server key that the browser subscribed with; pushes signed with another are rejected.
    subscribed_with: Option<String>,
    /// Requests wait until the sender is dropped.
    held: Option<watch::Receiver<()>>,
}

/// The requests for a browser wait until this is dropped.
pub struct Hold(#[expect(dead_code, reason = "dropping it ends the wait")] watch::Sender<()>);

impl PushService {
    /// Starts the push service on a free port.
    pub async fn start() -> Self {
        Self::start_on(0).await.expect("a free port")
    }

    /// Starts the push service at the first free address of these, where a deployment may send to. Without addresses,
    /// the endpoints of its browsers are of another push service, and nothing arrives here.
    pub async fn start_on_one_of(addresses: &[SocketAddr]) -> Self {
        if addresses.is_empty() {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            return Self::serve_on(listener, Some("https://fcm.googleapis.com"));
        }
        for address in addresses {
            if let Ok(listener) = TcpListener::bind(address).await {
                return Self::serve_on(listener, None);
            }
        }
        panic!("every address is in use: {addresses:?}");
    }

    /// Starts the push service on this port, for trying out the app: `GET /subscription` subscribes a new browser and
    /// returns the body of its `PUT /subscriptions`; `GET /received` returns the decrypted pushes.
    pub async fn start_on(port: u16) -> std::io::Result<Self> {
        Ok(Self::serve_on(TcpListener::bind(("127.0.0.1", port)).await?, None))
    }

    fn serve_on(listener: TcpListener, url: Option<&str>) -> Self {
        let address = listener.local_addr().expect("an address");
        let url = url.map_or_else(|| format!("http://{address}"), str::to_owned);
        let browsers = Browsers::new(url, usize::MAX);
        let router = Router::new()
            .route("/subscription", get(subscription))
            .route("/received", get(received))
            .route("/push/{browser}", post(push))
            .with_state(browsers.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { address, browsers, server }
    }

    /// Serves until the process ends.
    pub async fn serve(mut self) {
        let _ = (&mut self.server).await;
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new browser with its own keys.
    pub fn browser(&self) -> Browser {
        self.browsers.add()
    }
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Browsers {
    /// No browsers yet. Their endpoints will begin with this URL. The last ones are kept, up to this number, and as many
    /// pushes of each.
    pub fn new(url: String, keep: usize) -> Self {
        Self { state: Arc::new(Shared { url, keep, browsers: Mutex::default(), names: Mutex::default() }) }
    }

    /// A new browser with its own keys.
    pub fn add(&self) -> Browser {
        Browser::new(&self.state)
    }

    /// The pushes of all browsers that are kept, the oldest first.
    pub fn received(&self) -> Vec<Received> {
        let browsers = self.state.browsers();
        let mut received: Vec<_> = browsers.values().flat_map(|mailbox| &mailbox.received).cloned().collect();
        received.sort_by_key(|received| received.at);
        received
    }

    /// The response to a push for the browser with this name.
    pub async fn accept(&self, browser: &str, headers: HeaderMap, body: &[u8]) -> (StatusCode, HeaderMap, String) {
        accept(&self.state, browser, headers, body).await
    }
}

impl Browser {
    fn new(state: &Arc<Shared>) -> Self {
        let (mut scalar, mut auth, mut name) = ([0; 32], [0; 16], [0; 16]);
        rand::rng().fill_bytes(&mut scalar);
        rand::rng().fill_bytes(&mut auth);
        rand::rng().fill_bytes(&mut name);
        // Below the order of the curve for any random bytes.
        scalar[0] = 0x7f;
        let private = SecretKey::from_slice(&scalar).expect("a scalar");
        let name = URL_SAFE_NO_PAD.encode(name);
        let mailbox = Mailbox {
            private: private.clone(),
            auth,
            responses: Vec::new(),
            received: VecDeque::new(),
            attempts: 0,
            subscribed_with: None,
            held: None,
        };
        state.add(name.clone(), mailbox);
        let endpoint = format!("{}/push/{name}", state.url);

        Self { name, endpoint, private, auth, state: Arc::clone(state) }
    }

    /// The body of the browser's `PUT /subscriptions`.
    pub fn subscription(&self, channels: &[&str]) -> Value {
        let public = PublicKey::from_secret_scalar(&self.private.to_nonzero_scalar()).to_encoded_point(false);
        json!({
            "endpoint": self.endpoint,
            "keys": { "p256dh": URL_SAFE_NO_PAD.encode(public), "auth": URL_SAFE_NO_PAD.encode(self.auth) },
            "channels": channels,
        })
    }

    /// Responds to the next requests with these statuses, one each.
    pub fn respond_with(&self, statuses: &[u16]) {
        self.mailbox(|mailbox| mailbox.responses = statuses.iter().rev().map(|status| (*status, None)).collect());
    }

    /// Responds to the next request with this status and `Retry-After`.
    pub fn respond_with_retry_after(&self, status: u16, retry_after: &str) {
        self.mailbox(|mailbox| mailbox.responses = vec![(status, Some(retry_after.to_owned()))]);
    }

    /// Sets the application server key that the browser subscribed with: pushes signed with another are rejected.
    pub fn subscribed_with(&self, key: &str) {
        self.mailbox(|mailbox| mailbox.subscribed_with = Some(key.to_owned()));
    }

    /// Makes the requests for this browser wait until the returned value is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        let (end, held) = watch::channel(());
        self.mailbox(|mailbox| mailbox.held = Some(held));
        Hold(end)
    }

    /// The accepted pushes.
    pub fn received(&self) -> Vec<Received> {
        self.mailbox(|mailbox| mailbox.received.iter().cloned().collect())
    }

    /// The number of requests, accepted or not.
    pub fn attempts(&self) -> usize {
        self.mailbox(|mailbox| mailbox.attempts)
    }

    fn mailbox<T>(&self, read: impl FnOnce(&mut Mailbox) -> T) -> T {
        read(self.state.browsers().get_mut(&self.name).expect("the browser"))
    }
}

impl Shared {
    fn add(&self, name: String, mailbox: Mailbox) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= self.keep
            && let Some(oldest) = names.pop_front()
        {
            self.browsers().remove(&oldest);
        }
        names.push_back(name.clone());
        self.browsers().insert(name, mailbox);
    }

    fn browsers(&self) -> MutexGuard<'_, HashMap<String, Mailbox>> {
        self.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn subscription(State(browsers): State<Browsers>) -> String {
    browsers.add().subscription(&["ops"]).to_string()
}

async fn received(State(browsers): State<Browsers>) -> String {
    browsers.received().into_iter().map(|received| received.plaintext + "\n").collect()
}

async fn push(
    State(browsers): State<Browsers>,
    Path(browser): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    browsers.accept(&browser, headers, &body).await
}

async fn accept(state: &Shared, browser: &str, headers: HeaderMap, body: &[u8]) -> (StatusCode, HeaderMap, String) {
    let response = |status: u16, detail: &str| {
        (StatusCode::from_u16(status).expect("a status"), HeaderMap::new(), detail.to_owned())
    };
    let held = state.browsers().get(browser).and_then(|mailbox| mailbox.held.clone());
    if let Some(mut held) = held {
        // The sender never sends: this returns when it is dropped.
        let _ = held.changed().await;
    }
    let mut browsers = state.browsers();
    let Some(mailbox) = browsers.get_mut(browser) else {
        return response(404, "no such browser");
    };
    mailbox.attempts += 1;
    if let Some((status, retry_after)) = mailbox.responses.pop() {
        let mut chosen = response(status, "chosen by the test");
        if (300..400).contains(&status) {
            // The push would be accepted there if the redirect were followed.
            chosen.1.insert("Location", format!("/push/{browser}").parse().expect("a value"));
        }
        if let Some(seconds) = retry_after {
            chosen.1.insert("Retry-After", seconds.parse().expect("a value"));
        }
        return chosen;
    }
    if headers.get("TTL").is_none() || headers.get("Content-Encoding").is_none_or(|encoding| encoding != "aes128gcm") {
        return response(400, "TTL or Content-Encoding is missing");
    }
    let Some(signed_by) = signer(&headers, &state.url) else {
        return response(403, "the signature is wrong");
    };
    if mailbox.subscribed_with.as_ref().is_some_and(|key| *key != signed_by) {
        return response(403, "the subscription has another key");
    }
    if body.len() > 4_096 {
        return response(413, "over 4096 bytes");
    }
    let auth = Auth::clone_from_slice(&mailbox.auth);
    let decrypted = web_push_native::decrypt(body.to_vec(), &mailbox.private, &auth).ok();
    let Some(plaintext) = decrypted.and_then(|plaintext| String::from_utf8(plaintext).ok()) else {
        return response(400, "the payload cannot be decrypted to text");
    };
    if mailbox.received.len() >= state.keep {
        mailbox.received.pop_front();
    }
    mailbox.received.push_back(Received { at: Timestamp::now(), plaintext, headers, signed_by });

    response(201, "")
}

/// The public key of a valid `vapid` authorization for the origin of this URL.
fn signer(headers: &HeaderMap, url: &str) -> Option<String> {
    let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let parameters = headers.get("Authorization")?.to_str().ok()?.strip_prefix("vapid ")?;
    let mut parameters = parameters.split(',').filter_map(|part| part.trim().split_once('='));
    let (mut token, mut key) = (None, None);
    for (name, value) in parameters.by_ref() {
        match name {
            "t" => token = Some(value),
            "k" => key = Some(value),
            _ => {}
        }
    }
    let point = URL_SAFE_NO_PAD.decode(key?).ok()?;
    // The verifier takes the two coordinates of the uncompressed point.
    let decoding = DecodingKey::from_ec_components(
        &URL_SAFE_NO_PAD.encode(point.get(1..33)?),
        &URL_SAFE_NO_PAD.encode(point.get(33..65)?),
    );
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[origin]);
    validation.set_required_spec_claims(&["aud", "exp", "sub"]);
    let claims = jsonwebtoken::decode::<Value>(token?, &decoding.ok()?, &validation).ok()?.claims;
    let day = 24 * 3_600;
    let in_a_day = jsonwebtoken::get_current_timestamp() + day;

    (claims["exp"].as_u64()? <= in_a_day).then(|| key.unwrap_or_default().to_owned())
}
