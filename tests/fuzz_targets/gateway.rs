//! Target `gateway`: a request gets the same status whole and in two segments, and never a 5xx.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bolero::TypeGenerator;
use tests::App;
use tokio::runtime::Runtime;

use crate::corpus::{Corpus, Mutation, fuzz};

#[derive(Clone, Debug, TypeGenerator)]
struct Input {
    method: u8,
    path: Mutation,
    header: Vec<u8>,
    with_key: bool,
    body: Vec<u8>,
    cut: u16,
}

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"];

fn bytes(input: &Input, address: &str, path: &str, secret: &str) -> Vec<u8> {
    let method = METHODS[usize::from(input.method) % METHODS.len()];
    // Only where they end the head too early: the request must have an end.
    let path: String = path.chars().filter(|c| !c.is_ascii_control() && *c != ' ').collect();
    let header: Vec<u8> = input.header.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
    let key = if input.with_key { format!("x-api-key: {secret}\r\n") } else { String::new() };
    let length = input.body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{key}Content-Length: {length}\r\n"
    );
    [head.as_bytes(), b"X-Note: ", &header, b"\r\n\r\n", &input.body].concat()
}

/// The status, or 0 if the connection ends without one.
fn send(address: &str, segments: [&[u8]; 2]) -> u16 {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
    for segment in segments {
        // A server may respond and close before it has read the whole request.
        let _ = stream.write_all(segment);
    }
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8_lossy(&response).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn a_request_gets_the_same_status_whole_and_in_two_segments() {
    let corpus = Corpus::read("path");
    let runtime = Runtime::new().expect("a runtime");
    let app = runtime.block_on(App::start());
    let secret = runtime.block_on(async { app.key().create().await.secret });
    let address = app.url().trim_start_matches("http://").to_owned();
    fuzz("gateway", move |input: Input| {
        let request = bytes(&input, &address, &corpus.text(&input.path), &secret);
        let whole = send(&address, [&request, b""]);
        let (first, second) = request.split_at(usize::from(input.cut) % request.len());
        let in_two = send(&address, [first, second]);
        assert!(
            whole < 500 && whole != 421 && whole == in_two,
            "{whole} and {in_two}: {}",
            String::from_utf8_lossy(&request)
        );
    });
    runtime.block_on(app.stop());
}
