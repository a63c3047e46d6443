//! Endurance: a mixed load for a given time. The counters are exact, no response is a 5xx, and neither the memory nor the
//! open files of the process grow.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::gateway_process::{GatewayProcess, Held};
use super::print::print_line;
use push_service::PushService;

const WORKERS: u32 = 16;

/// The growth of the memory from a quarter of the time to its end that is not a leak: caches and the allocator's reserve.
const MAX_GROWTH_KILOBYTES: u64 = 64 * 1024;
/// The growth of the open files that is not a leak: each of the ten functions that the load reaches keeps a connection to the
/// database for each worker that used it at once, and the process holds both ends.
const MAX_GROWTH_FILES: usize = 2 * 10 * WORKERS as usize;

/// A request of the load.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Load {
    Send,
    SendToOwnChannel,
    SendOutOfScope,
    UnknownKey,
    NoCredential,
    MalformedBody,
    UnknownRoute,
    EditKey,
    CreateAndDeleteKey,
    ListPushes,
}

impl Load {
    const ALL: [Self; 10] = [
        Self::Send,
        Self::SendToOwnChannel,
        Self::SendOutOfScope,
        Self::UnknownKey,
        Self::NoCredential,
        Self::MalformedBody,
        Self::UnknownRoute,
        Self::EditKey,
        Self::CreateAndDeleteKey,
        Self::ListPushes,
    ];

    /// The status that it always gets.
    const fn status(self) -> u16 {
        match self {
            Self::Send | Self::SendToOwnChannel => 202,
            Self::SendOutOfScope => 403,
            Self::UnknownKey | Self::NoCredential => 401,
            Self::MalformedBody => 400,
            Self::UnknownRoute => 404,
            Self::EditKey | Self::ListPushes => 200,
            Self::CreateAndDeleteKey => 204,
        }
    }

    /// Whether it is a request that the worker's key authorizes. What is in the body is decided after that.
    const fn is_counted(self) -> bool {
        match self {
            Self::Send | Self::SendToOwnChannel | Self::MalformedBody => true,
            Self::SendOutOfScope
            | Self::UnknownKey
            | Self::NoCredential
            | Self::UnknownRoute
            | Self::EditKey
            | Self::CreateAndDeleteKey
            | Self::ListPushes => false,
        }
    }
}

/// One client with a key of its own, scoped to one channel of two.
struct Worker<'a> {
    gateway: &'a GatewayProcess,
    token: &'a str,
    id: String,
    secret: String,
    random: StdRng,
    started: Instant,
    seen: BTreeMap<(Load, u16), u64>,
}

/// Runs the load for this time.
pub async fn run(seconds: u64) {
    let push_service = PushService::start().await;
    let gateway = GatewayProcess::start(push_service.address());
    let token = gateway.id_token("admin@acme").await;
    for slug in ["ops", "news"] {
        let body = json!({ "slug": slug }).to_string();
        assert_eq!(gateway.call(Method::POST, "/channels", &token, Some(&body)).await.0, 201);
    }
    let page_key = gateway.create_key(&token, "Subscriptions/Write", None).await;
    let subscription = push_service.browser().subscription(&["ops"]).to_string();
    assert_eq!(gateway.call(Method::PUT, "/subscriptions", &page_key.secret, Some(&subscription)).await.0, 201);
    let mut workers = Vec::new();
    for seed in 0..u64::from(WORKERS) {
        workers.push(Worker::create(&gateway, &token, seed).await);
    }

    let started = Instant::now();
    let time = Duration::from_secs(seconds);
    let quarter = async {
        tokio::time::sleep(time / 4).await;
        gateway.held()
    };
    let load = async {
        join_all(workers.iter_mut().map(|worker| worker.work(started, time))).await;
        gateway.held()
    };
    let (quarter, end) = tokio::join!(quarter, load);

    let mut seen: BTreeMap<(Load, u16), u64> = BTreeMap::new();
    let (mut authorized, mut counted) = (0, 0);
    for worker in &workers {
        let ours: u64 = worker.seen.iter().filter(|((load, _), _)| load.is_counted()).map(|(_, count)| count).sum();
        let theirs = worker.uses().await;
        assert_eq!(theirs, ours, "the counter of {}: {:?}", worker.id, worker.seen);
        authorized += ours;
        counted += theirs;
        for (of, count) in &worker.seen {
            *seen.entry(*of).or_default() += count;
        }
    }
    print_line(&format!(
        "soak: {seconds} s, {} requests, {authorized} authorized, {counted} counted; after a quarter {quarter}, at the end {end}; \
         {seen:?}",
        seen.values().sum::<u64>()
    ));
    let unexpected: Vec<_> = seen.iter().filter(|((load, status), _)| load.status() != *status).collect();
    assert!(unexpected.is_empty(), "other statuses than expected: {unexpected:?}");
    assert_flat(quarter, end);
}

/// Fails if the process holds more at the end than after a quarter of the time.
fn assert_flat(quarter: Held, end: Held) {
    assert!(end.kilobytes <= quarter.kilobytes + MAX_GROWTH_KILOBYTES, "the memory grew: {quarter}, then {end}");
    assert!(end.files <= quarter.files + MAX_GROWTH_FILES, "the open files grew: {quarter}, then {end}");
}

impl<'a> Worker<'a> {
    async fn create(gateway: &'a GatewayProcess, token: &'a str, seed: u64) -> Self {
        let key = gateway.create_key(token, "PushNotifications/Send", Some(&["ops"])).await;
        let random = StdRng::seed_from_u64(seed);
        Self { gateway, token, id: key.id, secret: key.secret, random, started: Instant::now(), seen: BTreeMap::new() }
    }

    async fn work(&mut self, started: Instant, time: Duration) {
        while started.elapsed() < time {
            let load = *Load::ALL.choose(&mut self.random).expect("one");
            let status = self.request(load).await;
            *self.seen.entry((load, status)).or_default() += 1;
        }
    }

    /// Sends a request of this kind; its status.
    async fn request(&mut self, load: Load) -> u16 {
        let send = json!({ "title": "Hello" }).to_string();
        let (method, path, credential, body) = match load {
            Load::Send => (Method::POST, "/push".to_owned(), self.secret.clone(), Some(send)),
            Load::SendToOwnChannel => (Method::POST, "/channels/ops/push".to_owned(), self.secret.clone(), Some(send)),
            Load::SendOutOfScope => (Method::POST, "/channels/news/push".to_owned(), self.secret.clone(), Some(send)),
            Load::UnknownKey => (Method::POST, "/push".to_owned(), self.unknown_key(), Some(send)),
            Load::NoCredential => (Method::POST, "/push".to_owned(), String::new(), Some(send)),
            Load::MalformedBody => {
                let bodies = ["", "{", "[]", r#"{"title":1}"#, r#"{"title":"Hello","other":1}"#];
                let body = *bodies.choose(&mut self.random).expect("one");
                (Method::POST, "/push".to_owned(), self.secret.clone(), Some(body.to_owned()))
            }
            Load::UnknownRoute => (Method::POST, "/pushes/none/none".to_owned(), self.secret.clone(), None),
            Load::EditKey => {
                let body = json!({ "name": format!("Name {}", self.random.random::<u32>()) }).to_string();
                (Method::PATCH, format!("/keys/{}", self.id), self.token.to_owned(), Some(body))
            }
            Load::CreateAndDeleteKey => {
                let key = self.gateway.create_key(self.token, "PushNotifications/Send", None).await;
                (Method::DELETE, format!("/keys/{}", key.id), self.token.to_owned(), None)
            }
            Load::ListPushes => (Method::GET, "/pushes?limit=10".to_owned(), self.token.to_owned(), None),
        };
        let (status, body) = self.gateway.call(method, &path, &credential, body.as_deref()).await;
        if status != load.status() {
            print_line(&format!("soak: after {:.0?}: {load:?} got {status} {body}", self.started.elapsed()));
        }
        status
    }

    /// The worker's secret with another character.
    fn unknown_key(&mut self) -> String {
        let mut bytes = self.secret.clone().into_bytes();
        let at = self.random.random_range(0..bytes.len());
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        String::from_utf8(bytes).expect("ASCII")
    }

    /// The uses of the worker's key.
    async fn uses(&self) -> u64 {
        let (_, key): (u16, Value) =
            self.gateway.call(Method::GET, &format!("/keys/{}", self.id), self.token, None).await;
        key["usage"]["total"].as_u64().expect("a number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_of_memory_or_files_fails() {
        let held = |kilobytes, files| Held { kilobytes, files };
        assert_flat(held(100_000, 50), held(100_000 + MAX_GROWTH_KILOBYTES, 50 + MAX_GROWTH_FILES));
        for end in [held(100_001 + MAX_GROWTH_KILOBYTES, 50), held(100_000, 51 + MAX_GROWTH_FILES)] {
            assert!(std::panic::catch_unwind(|| assert_flat(held(100_000, 50), end)).is_err(), "{end}");
        }
    }
}
