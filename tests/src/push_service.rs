//! A push service on this machine: it takes pushes over HTTP as RFC 8030 says, checks the signature of RFC 8292, and
//! decrypts with an implementation that is not ours. Its devices can be told to be gone, or to be busy for a while.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rand::Rng as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web_push_native::Auth;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
use web_push_native::p256::{PublicKey, SecretKey};

/// The push service.
pub struct PushService {
    address: SocketAddr,
    state: Arc<Shared>,
    server: JoinHandle<()>,
}

/// One browser at it.
#[derive(Clone)]
pub struct Device {
    name: String,
    endpoint: String,
    private: SecretKey,
    auth: [u8; 16],
    state: Arc<Shared>,
}

/// One push that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// What it says, decrypted.
    pub plaintext: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The VAPID key that signed it.
    pub signed_by: String,
}

struct Shared {
    origin: String,
    devices: Mutex<HashMap<String, Mailbox>>,
}

struct Mailbox {
    private: SecretKey,
    auth: [u8; 16],
    /// What the next requests are answered, before all others are accepted.
    answers: Vec<(u16, Option<String>)>,
    received: Vec<Received>,
    attempts: usize,
    /// The signing key that its browser subscribed with, if it is told.
    made_with: Option<String>,
    /// Requests wait until the other end is gone.
    held: Option<watch::Receiver<()>>,
}

/// While it lives, the requests for a device wait.
pub struct Hold(#[expect(dead_code, reason = "its end is what counts")] watch::Sender<()>);

impl PushService {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        Self::start_on(0).await.expect("a free port")
    }

    /// Starts it at an address that is free among these, where a deployment may reach it. If there are none, nothing
    /// reaches it, and its devices have addresses that no push service knows.
    pub(crate) async fn start_on_one_of(addresses: &[SocketAddr]) -> Self {
        if addresses.is_empty() {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            return Self::serve_on(listener, Some("https://fcm.googleapis.com".to_owned()));
        }
        for address in addresses {
            if let Ok(listener) = TcpListener::bind(address).await {
                return Self::serve_on(listener, None);
            }
        }
        panic!("another test or program listens on each of {addresses:?}");
    }

    /// Starts it on this port, for people who try the product: `GET /subscription` makes a device and answers what its
    /// browser would send, `GET /received` answers what came, decrypted.
    pub async fn start_on(port: u16) -> std::io::Result<Self> {
        Ok(Self::serve_on(TcpListener::bind(("127.0.0.1", port)).await?, None))
    }

    fn serve_on(listener: TcpListener, origin: Option<String>) -> Self {
        let address = listener.local_addr().expect("an address");
        let origin = origin.unwrap_or_else(|| format!("http://{address}"));
        let state = Arc::new(Shared { origin, devices: Mutex::default() });
        let router = Router::new()
            .route("/push/{device}", post(accept))
            .route("/subscription", get(subscription))
            .route("/received", get(received))
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

        Self { address, state, server }
    }

    /// Serves until the process ends.
    pub async fn serve(mut self) {
        let _ = (&mut self.server).await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new device, with keys of its own.
    pub fn device(&self) -> Device {
        Device::new(&self.state)
    }
}

impl Drop for PushService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Device {
    fn new(state: &Arc<Shared>) -> Self {
        let (mut scalar, mut auth, mut name) = ([0; 32], [0; 16], [0; 16]);
        rand::rng().fill_bytes(&mut scalar);
        rand::rng().fill_bytes(&mut auth);
        rand::rng().fill_bytes(&mut name);
        // Below the curve's order, whatever was drawn.
        scalar[0] = 0x7f;
        let private = SecretKey::from_slice(&scalar).expect("a scalar");
        let name = URL_SAFE_NO_PAD.encode(name);
        let mailbox = Mailbox {
            private: private.clone(),
            auth,
            answers: Vec::new(),
            received: Vec::new(),
            attempts: 0,
            made_with: None,
            held: None,
        };
        state.devices().insert(name.clone(), mailbox);
        let endpoint = format!("{}/push/{name}", state.origin);

        Self { name, endpoint, private, auth, state: Arc::clone(state) }
    }

    /// What its browser would send to `PUT /subscriptions`.
    pub fn subscription(&self, channels: &[&str]) -> Value {
        let public = PublicKey::from_secret_scalar(&self.private.to_nonzero_scalar()).to_encoded_point(false);
        json!({
            "endpoint": self.endpoint,
            "keys": { "p256dh": URL_SAFE_NO_PAD.encode(public), "auth": URL_SAFE_NO_PAD.encode(self.auth) },
            "channels": channels,
        })
    }

    /// The next requests for it are answered with these, one each.
    pub fn answers(&self, statuses: &[u16]) {
        self.mailbox(|mailbox| mailbox.answers = statuses.iter().rev().map(|status| (*status, None)).collect());
    }

    /// The next request for it is answered with this status and `Retry-After`.
    pub fn answers_retry_after(&self, status: u16, retry_after: &str) {
        self.mailbox(|mailbox| mailbox.answers = vec![(status, Some(retry_after.to_owned()))]);
    }

    /// Its browser subscribed with this signing key: from now on others are refused.
    pub fn made_with(&self, key: &str) {
        self.mailbox(|mailbox| mailbox.made_with = Some(key.to_owned()));
    }

    /// Lets the requests for it wait until what is returned is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        let (end, held) = watch::channel(());
        self.mailbox(|mailbox| mailbox.held = Some(held));
        Hold(end)
    }

    /// The pushes that it accepted.
    pub fn received(&self) -> Vec<Received> {
        self.mailbox(|mailbox| mailbox.received.clone())
    }

    /// How many requests came for it, accepted or not.
    pub fn attempts(&self) -> usize {
        self.mailbox(|mailbox| mailbox.attempts)
    }

    fn mailbox<T>(&self, read: impl FnOnce(&mut Mailbox) -> T) -> T {
        read(self.state.devices().get_mut(&self.name).expect("the device"))
    }
}

impl Shared {
    fn devices(&self) -> MutexGuard<'_, HashMap<String, Mailbox>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn subscription(State(state): State<Arc<Shared>>) -> String {
    Device::new(&state).subscription(&["ops"]).to_string()
}

async fn received(State(state): State<Arc<Shared>>) -> String {
    let devices = state.devices();
    let received = devices.values().flat_map(|mailbox| &mailbox.received);
    received.map(|received| received.plaintext.clone() + "\n").collect()
}

async fn accept(
    State(state): State<Arc<Shared>>,
    Path(device): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, String) {
    let answer = |status: u16, detail: &str| {
        (StatusCode::from_u16(status).expect("a status"), HeaderMap::new(), detail.to_owned())
    };
    let held = state.devices().get(&device).and_then(|mailbox| mailbox.held.clone());
    if let Some(mut held) = held {
        // Nothing is ever sent: this ends when the hold does.
        let _ = held.changed().await;
    }
    let mut devices = state.devices();
    let Some(mailbox) = devices.get_mut(&device) else {
        return answer(404, "no such device");
    };
    mailbox.attempts += 1;
    if let Some((status, retry_after)) = mailbox.answers.pop() {
        let mut told = answer(status, "as it was told");
        if (300..400).contains(&status) {
            // To itself, where it would be accepted.
            told.1.insert("Location", format!("/push/{device}").parse().expect("a value"));
        }
        if let Some(seconds) = retry_after {
            told.1.insert("Retry-After", seconds.parse().expect("a value"));
        }
        return told;
    }
    if headers.get("TTL").is_none() || headers.get("Content-Encoding").is_none_or(|encoding| encoding != "aes128gcm") {
        return answer(400, "TTL or Content-Encoding is missing");
    }
    let Some(signed_by) = signer(&headers, &state.origin) else {
        return answer(403, "the signature is wrong");
    };
    if mailbox.made_with.as_ref().is_some_and(|key| *key != signed_by) {
        return answer(403, "the subscription was made with another key");
    }
    if body.len() > 4_096 {
        return answer(413, "over 4096 bytes");
    }
    let auth = Auth::clone_from_slice(&mailbox.auth);
    let Ok(plaintext) = web_push_native::decrypt(body.to_vec(), &mailbox.private, &auth) else {
        return answer(400, "it cannot be decrypted");
    };
    let plaintext = String::from_utf8(plaintext).expect("text");
    mailbox.received.push(Received { plaintext, headers, signed_by });

    answer(201, "")
}

/// The public key of a valid `vapid` authorization for this origin.
fn signer(headers: &HeaderMap, origin: &str) -> Option<String> {
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
    // An uncompressed point, as the verifier takes it.
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
