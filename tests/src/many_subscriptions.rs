//! Many subscriptions, written directly to the tables, and a push service that only counts what arrives for each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, ReturnValue, WriteRequest};
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::App;

/// A push service that only counts.
pub struct CountingPushService {
    address: SocketAddr,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

struct Counts {
    /// The pushes that arrived for each subscription, also those that were not accepted.
    arrived: Vec<AtomicU8>,
    /// Those that were accepted.
    accepted: Vec<AtomicU8>,
    first: OnceLock<Instant>,
    faulty: bool,
}

/// How the push service responds to the first push to a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Response {
    /// It accepts the push.
    Accepted,
    /// The subscription no longer exists.
    Gone(u16),
    /// It is busy; it accepts the next one.
    Busy(u16),
    /// It accepts the push, and the connection breaks before its response.
    Broken,
}

impl Response {
    /// The response of a faulty push service: of a hundred subscriptions one with 410, one with 404, three with 503, one with
    /// 429 and one with a broken connection.
    pub fn of(subscription: usize) -> Self {
        match subscription % 100 {
            0 => Self::Gone(410),
            1 => Self::Gone(404),
            2..=4 => Self::Busy(503),
            5 => Self::Busy(429),
            6 => Self::Broken,
            _ => Self::Accepted,
        }
    }
}

impl CountingPushService {
    /// Starts it for `subscriptions`; it accepts every push, unless it is `faulty`.
    pub async fn start(subscriptions: usize, faulty: bool) -> Self {
        let zeros = || (0..subscriptions).map(|_| AtomicU8::new(0)).collect();
        let counts = Arc::new(Counts { arrived: zeros(), accepted: zeros(), first: OnceLock::new(), faulty });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::clone(&counts);
        let server = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                let counts = Arc::clone(&shared);
                let service = service_fn(move |request: Request<Incoming>| {
                    let response = counts.respond(request.uri().path());
                    async move { response }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
            }
        });
        Self { address, counts, server }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many pushes it accepted for each subscription.
    pub fn accepted(&self) -> Vec<u8> {
        self.counts.accepted.iter().map(|times| times.load(Ordering::Relaxed)).collect()
    }

    /// The time of the first push.
    pub fn first(&self) -> Instant {
        *self.counts.first.get().expect("a push")
    }
}

impl Counts {
    /// The response to a push to this path; an error breaks the connection.
    fn respond(&self, path: &str) -> std::io::Result<axum::http::Response<String>> {
        self.first.get_or_init(Instant::now);
        let subscription: usize = path.split('/').nth(1).and_then(|part| part.parse().ok()).expect("a subscription");
        let first = self.arrived[subscription].fetch_add(1, Ordering::Relaxed) == 0;
        let response = if first && self.faulty { Response::of(subscription) } else { Response::Accepted };
        if matches!(response, Response::Accepted | Response::Broken) {
            self.accepted[subscription].fetch_add(1, Ordering::Relaxed);
        }
        let status = match response {
            Response::Accepted => 201,
            Response::Gone(status) | Response::Busy(status) => status,
            Response::Broken => return Err(std::io::ErrorKind::ConnectionReset.into()),
        };
        let mut built = axum::http::Response::new(String::new());
        *built.status_mut() = StatusCode::from_u16(status).expect("a status");
        Ok(built)
    }
}

impl Drop for CountingPushService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Writes `subscriptions` of the account `acme`, each in all of these channels, as the store does but without its
/// transactions. The approximate numbers of subscriptions say `counted`.
pub async fn seed(app: &App, subscriptions: usize, counted: usize, slugs: &[&str], push_service: SocketAddr) {
    let client = app.local().dynamodb();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: usize| AttributeValue::N(value.to_string());
    let mut ids = Vec::new();
    for slug in slugs {
        let update =
            client.update_item().table_name("ChannelsTable").key("account", text("acme")).key("slug", text(slug));
        let update =
            update.update_expression("SET subscriptions = :n").expression_attribute_values(":n", number(counted));
        let update = update.return_values(ReturnValue::AllNew);
        let channel = update.send().await.expect("an update").attributes.expect("a channel");
        ids.push(channel["id"].as_s().expect("an id").clone());
    }
    let update = client.update_item().table_name("ChannelsTable").key("account", text("acme#count"));
    let update = update.key("slug", text("subscriptions")).update_expression("SET n = :n");
    update.expression_attribute_values(":n", number(counted)).send().await.expect("an update");

    let vapid = app.local().vapid_secret().await;
    let vapid = vapid["current"].as_str().unwrap_or("a-key").to_owned();
    let channels: AttributeValue =
        AttributeValue::M(ids.iter().zip(slugs).map(|(id, slug)| (id.clone(), text(slug))).collect());
    let items = (0..subscriptions).flat_map(|index| {
        // As evenly spread as digests.
        let id = format!("{:032x}", (index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        // As long as an endpoint of FCM.
        let endpoint = format!("http://{push_service}/{index}/{}", "x".repeat(160));
        let target = [
            ("kind", text("web_push")),
            ("endpoint", text(&endpoint)),
            ("p256dh", text("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")),
            ("auth", text("BTBZMqHH6r4Tts7J_aSIgg")),
            ("vapid", text(&vapid)),
        ];
        let item = |partition: String, more: Vec<(&str, AttributeValue)>| {
            let key = [("pk", AttributeValue::S(partition)), ("sk", text(&id))];
            let item = key.into_iter().chain(target.clone()).chain(more);
            let put =
                PutRequest::builder().set_item(Some(item.map(|(name, value)| (name.to_owned(), value)).collect()));
            WriteRequest::builder().put_request(put.build().expect("an item")).build()
        };
        let record = vec![
            ("created_at", number(0)),
            ("updated_at", number(0)),
            ("channels", channels.clone()),
            ("revision", text("12345678")),
        ];
        let record = item(format!("acme#{}", &id[..1]), record);
        let memberships: Vec<_> =
            ids.iter().map(|channel| item(format!("acme#{channel}#{}", &id[..1]), Vec::new())).collect();
        std::iter::once(record).chain(memberships)
    });
    let mut batch = Vec::with_capacity(25);
    let mut items = items.peekable();
    while let Some(item) = items.next() {
        batch.push(item);
        if batch.len() == 25 || items.peek().is_none() {
            let write = client.batch_write_item().request_items("SubscriptionsTable", std::mem::take(&mut batch));
            let left = write.send().await.expect("a write").unprocessed_items;
            assert!(left.is_none_or(|left| left.is_empty()));
        }
    }
}
