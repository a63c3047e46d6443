//! Malformed requests from a seed: each is rejected without a 5xx, and none sends or changes anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::gateway_process::GatewayProcess;
use super::print::print_line;
use push_service::PushService;

const CLIENTS: usize = 32;
/// The growth of the memory that is not a leak: what the first requests load, and the allocator's reserve.
const MAX_GROWTH_KILOBYTES: u64 = 64 * 1024;

/// The valid parts of a request that is malformed in one place only.
struct Valid {
    key: String,
    page_key: String,
    /// The path of a key that sends nothing.
    unused: String,
    token: String,
    host: SocketAddr,
}

impl Valid {
    fn http(&self, method: &str, path: &str, headers: &[u8], body: &[u8]) -> Vec<u8> {
        let start = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        [start.as_bytes(), headers, length.as_bytes(), body].concat()
    }
}

/// Sends this many requests, generated from this seed, by 32 clients.
pub async fn run(requests: usize, seed: u64) {
    let push_service = PushService::start().await;
    let gateway = GatewayProcess::start(push_service.address());
    let token = gateway.id_token("admin@acme").await;
    let get = async |path: &str| gateway.call(Method::GET, path, &token, None).await.1;
    let channel = gateway.call(Method::POST, "/channels", &token, Some(r#"{"slug":"ops"}"#)).await;
    assert_eq!(channel.0, 201, "{}", channel.1);
    let key = gateway.create_key(&token, "PushNotifications/Send", None).await;
    let page_key = gateway.create_key(&token, "Subscriptions/Write", None).await;
    let unused = gateway.create_key(&token, "PushNotifications/Send", None).await;
    let valid = Valid {
        key: key.secret,
        page_key: page_key.secret,
        unused: format!("/keys/{}", unused.id),
        token: token.clone(),
        host: gateway.address(),
    };
    let before = get(&valid.unused).await;
    let (held_before, started) = (gateway.held(), Instant::now());
    let clients = join_all((0..CLIENTS).map(|client| {
        let share = requests / CLIENTS + usize::from(client < requests % CLIENTS);
        send_all(&valid, share, seed + client as u64)
    }));
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, count) in clients.await.into_iter().flatten() {
        *statuses.entry(status).or_default() += count;
    }
    let (held_after, millis) = (gateway.held(), started.elapsed().as_millis().max(1));
    let pushes = get("/pushes").await;
    let after = get(&valid.unused).await;
    let closed = statuses.get(&0).copied().unwrap_or_default();

    print_line(&format!(
        "malformed: {requests} requests, seed {seed}, {} a second: 0 with 5xx, {} sends; {held_before} before, \
         {held_after} after; by status (0: connection closed): {statuses:?}",
        requests as u128 * 1_000 / millis,
        pushes["pushes"].as_array().expect("a list").len()
    ));
    assert!(!statuses.contains_key(&421), "the gateway does not take these requests for its own");
    assert_eq!(pushes["pushes"], json!([]));
    assert_eq!(after, before, "nothing changed");
    // If a server closes the connection before it has read the whole request, its response can get lost.
    assert!(closed * 1_000 <= requests, "{closed} requests got no response");
    assert!(held_after.kilobytes <= held_before.kilobytes + MAX_GROWTH_KILOBYTES, "{held_before}, then {held_after}");
}

/// Sends this many requests one after the other; the number of responses by status.
async fn send_all(valid: &Valid, requests: usize, seed: u64) -> BTreeMap<u16, usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut statuses = BTreeMap::new();
    for _ in 0..requests {
        let request = request(&mut random, valid);
        let status = send(valid.host, &request).await;
        *statuses.entry(status).or_default() += 1;
        assert!(status < 500, "seed {seed}: {status} for {}", String::from_utf8_lossy(&request));
        assert!(status == 0 || status >= 400, "seed {seed}: {status} for {}", String::from_utf8_lossy(&request));
    }
    statuses
}

/// The bytes of a request that is malformed in at least one place.
fn request(random: &mut StdRng, valid: &Valid) -> Vec<u8> {
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n").into_bytes();
    let good_body = br#"{"title":"Hello"}"#.to_vec();
    let unused = format!("/v1{}", valid.unused);
    match random.random_range(0..15) {
        0 => valid.http(
            "POST",
            "/v1/push",
            &[b"Authorization: ", noise(random, 200).as_slice(), b"\r\n"].concat(),
            &good_body,
        ),
        1 => valid.http("POST", "/v1/push", &bearer(&mutated(random, &valid.key)), &good_body),
        2 => valid.http("POST", "/v1/push", &bearer(&valid.key), &body(random)),
        3 => valid.http("POST", &format!("/v1/channels/{}/push", slug(random)), &bearer(&valid.key), &good_body),
        4 => valid.http(method(random), &path(random), &bearer(&valid.key), &body(random)),
        5 => valid.http("POST", "/v1/keys", &bearer(&mutated(random, &valid.token)), &body(random)),
        6 => valid.http(
            "POST",
            ["/v1/keys", "/v1/channels"].choose(random).expect("one"),
            &bearer(&valid.token),
            &body(random),
        ),
        7 => valid.http("GET", &query(random, &unused), &bearer(&valid.token), b""),
        8 => valid.http("PATCH", &unused, &bearer(&valid.token), &body(random)),
        9 => valid.http("PATCH", &unused, &bearer(&valid.token), &edit(random)),
        10 => valid.http("POST", &format!("{unused}/rotate"), &bearer(&valid.token), &rotation(random)),
        11 => valid.http("POST", &format!("{unused}/explain"), &bearer(&valid.token), &body(random)),
        12 => {
            let headers = [bearer(&valid.token), if_match(random)].concat();
            match random.random_range(0..3) {
                0 => valid.http("PATCH", &unused, &headers, br#"{"name":"Shop"}"#),
                1 => valid.http("POST", &format!("{unused}/rotate"), &headers, br#"{"overlap_seconds":0}"#),
                _ => valid.http("DELETE", &unused, &headers, b""),
            }
        }
        13 => valid.http("POST", "/v1/push", &[bearer(&valid.key), idempotency_key(random)].concat(), &good_body),
        _ => valid.http("PUT", "/v1/subscriptions", &bearer(&valid.page_key), &body(random)),
    }
}

fn noise(random: &mut StdRng, max: usize) -> Vec<u8> {
    let length = random.random_range(0..max);
    (0..length).map(|_| random.random()).filter(|byte| !b"\r\n".contains(byte)).collect()
}

/// The text with one character replaced or added, or cut off there.
fn mutated(random: &mut StdRng, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = random.random_range(0..bytes.len() - 1);
    match random.random_range(0..3) {
        // Not the last character: a base64url decoder may ignore its last bits.
        0 => bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' },
        1 => bytes.truncate(at),
        _ => bytes.insert(at, b'-'),
    }
    String::from_utf8(bytes).expect("ASCII")
}

/// A body that every route rejects.
fn body(random: &mut StdRng) -> Vec<u8> {
    let wrong = [
        json!(null),
        json!(1),
        json!(-1),
        json!(1.5),
        json!([]),
        json!({}),
        json!([null]),
        json!("\u{0}"),
        json!("A B"),
    ];
    let value = wrong.choose(random).expect("one").clone();
    let field = [
        "title", "target", "name", "slug", "endpoint", "keys", "channels", "actions", "data", "ttl", "urgency", "topic",
    ];
    let field = *field.choose(random).expect("one");
    match random.random_range(0..6) {
        0 => noise(random, 300),
        1 => br#"{"title":"Hello","#.to_vec(),
        2 => json!({ "nothing": "known", field: value }).to_string().into_bytes(),
        3 => json!([{ "title": "Hello" }]).to_string().into_bytes(),
        4 => json!({ "title": "Hello", "target": { "channels": [value] } }).to_string().into_bytes(),
        _ => "[".repeat(random.random_range(1..5_000)).into_bytes(),
    }
}

/// A `PATCH /keys/{id}` that is invalid for a key with the scope `all`.
fn edit(random: &mut StdRng) -> Vec<u8> {
    let wrong = [
        json!({ "name": null }),
        json!({ "name": " " }),
        json!({ "name": "a\u{7}" }),
        json!({ "name": "a".repeat(101) }),
        json!({ "permissions": [] }),
        json!({ "permissions": ["All"] }),
        json!({ "permissions": "Subscriptions/Write" }),
        json!({ "scope": "none" }),
        json!({ "scope": "channels" }),
        json!({ "scope": "all", "channels": ["ops"] }),
        json!({ "channels": ["ops"] }),
        json!({ "channels": [] }),
        json!({ "status": "gone" }),
        json!({ "status": true }),
        json!({ "expires_at": "tomorrow" }),
        json!({ "expires_at": "2001-01-01T00:00:00Z" }),
        json!({ "expires_at": "2999-02-30T00:00:00Z" }),
        json!({ "limits": null }),
        json!({ "limits": { "per_minute": 0 } }),
        json!({ "limits": { "per_day": 4_294_967_296_u64 } }),
        json!({ "limits": { "per_hour": 1 } }),
        json!({ "id": "01M83XJ8808Z0M6T5V3N9K2H7B" }),
        json!({ "name": "Shop", "secret": "a" }),
    ];
    wrong.choose(random).expect("one").to_string().into_bytes()
}

fn rotation(random: &mut StdRng) -> Vec<u8> {
    let wrong = [json!(-1), json!(604_801), json!(1.5), json!("1"), json!(null), json!([0]), json!(1e300)];
    match random.random_range(0..4) {
        0 => body(random),
        1 => b"{}".to_vec(),
        2 => br#"{"overlap_seconds":0,"overlap_seconds":0}"#.to_vec(),
        _ => json!({ "overlap_seconds": wrong.choose(random).expect("one") }).to_string().into_bytes(),
    }
}

fn if_match(random: &mut StdRng) -> Vec<u8> {
    let wrong: [&[u8]; 8] = [b"", b"a", b"\"a", b"a\"", b"\"a\" \"b\"", b"*, \"a\"", b"w/\"a\"", b"\"\xff\""];
    let value = match random.random_range(0..2) {
        0 => wrong.choose(random).expect("one").to_vec(),
        // An unquoted value is not an entity tag.
        _ => [b"a", noise(random, 200).as_slice()].concat(),
    };
    [b"If-Match: ", value.as_slice(), b"\r\n"].concat()
}

fn idempotency_key(random: &mut StdRng) -> Vec<u8> {
    match random.random_range(0..4) {
        0 => b"Idempotency-Key:\r\n".to_vec(),
        1 => b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n".to_vec(),
        2 => format!("Idempotency-Key: {}\r\n", "a".repeat(random.random_range(256..2_000))).into_bytes(),
        // A space inside is invalid.
        _ => [b"Idempotency-Key: a ", noise(random, 200).as_slice(), b" a\r\n"].concat(),
    }
}

fn slug(random: &mut StdRng) -> String {
    let wrong =
        ["", "-", "OPS", "o_p", "ops%20", "%00", "..", "%2e%2e", "ops-", "%F0%9F%98%80", "%FF", "%", "%zz", "ops%2Fx"];
    match random.random_range(0..2) {
        0 => (*wrong.choose(random).expect("one")).to_owned(),
        _ => "a".repeat(random.random_range(65..2_000)),
    }
}

fn path(random: &mut StdRng) -> String {
    let length = random.random_range(1..40);
    let characters: Vec<char> = "abckeyspushv1/%.-_~0123?&=;:@!$'()*+,".chars().collect();
    let text: String = (0..length).map(|_| *characters.choose(random).expect("one")).collect();
    match random.random_range(0..3) {
        // Not "/?", which leads to the console.
        0 if text.starts_with('?') => format!("/x{text}"),
        0 => format!("/{text}"),
        1 => format!("/v1/{text}"),
        _ => format!("/v1/push/{text}"),
    }
}

fn query(random: &mut StdRng, key: &str) -> String {
    let history = format!("{key}/history");
    let list = ["/v1/keys", "/v1/channels", "/v1/pushes", history.as_str()].choose(random).copied().expect("one");
    let wrong = [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "limit=",
        "cursor=x",
        "cursor=%00",
        "cursor=AAAA",
        "cursor=",
        "other=1",
    ];
    format!("{list}?{}", wrong.choose(random).expect("one"))
}

fn method(random: &mut StdRng) -> &'static str {
    ["GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"].choose(random).expect("one")
}

/// The status of the response; 0 if the connection is closed without one, as for bytes that are not HTTP.
async fn send(host: SocketAddr, request: &[u8]) -> u16 {
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        // A server may respond and close before it has read the whole request.
        let _ = stream.write_all(request).await;
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        Ok::<_, std::io::Error>(response)
    };
    let response = tokio::time::timeout(Duration::from_secs(30), exchange).await.expect("a response in time");
    let response = String::from_utf8_lossy(&response.expect("a connection")).into_owned();
    response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
