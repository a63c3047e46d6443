//! Connections to the gateway, byte by byte: heads and bodies that are malformed, cut in two, late or too large.

use std::time::Instant;

use super::*;

/// The statuses of all responses of a connection.
fn statuses(responses: &str) -> Vec<&str> {
    // The sample's function answers with its event, which has a protocol too.
    let responses = responses.split("HTTP/1.").skip(1).filter(|response| response[1..].starts_with(' '));
    responses.map(|response| &response[2..5]).collect()
}

/// Sends bytes in two TCP segments, and reads until the connection is closed.
async fn in_two_segments(local: &Local, first: &[u8], second: &[u8]) -> String {
    let mut stream = TcpStream::connect(host(local)).await.expect("connected");
    stream.set_nodelay(true).expect("an option");
    stream.write_all(first).await.expect("written");
    // Long enough for the server to read the first segment alone.
    tokio::time::sleep(Duration::from_millis(2)).await;
    stream.write_all(second).await.expect("written");
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn requests_cut_at_every_byte_are_authorized_by_their_own_headers() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let request = |key: &str, last: bool| {
        let close = if last { "Connection: close\r\n" } else { "" };
        format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {key}\r\n{close}\r\n")
    };
    let cases = [
        (request("valid", true), vec!["200"]),
        (request("junk", true), vec!["401"]),
        (request("junk", false) + &request("valid", true), vec!["401", "200"]),
        (request("valid", false) + &request("junk", true), vec!["200", "401"]),
        (request("denied", false) + &request("junk", false) + &request("valid", true), vec!["403", "401", "200"]),
    ];
    for (bytes, expected) in cases {
        for cut in 1..bytes.len() {
            let (first, second) = bytes.as_bytes().split_at(cut);
            let responses = in_two_segments(&local, first, second).await;
            assert_eq!(statuses(&responses), expected, "cut at {cut} of {bytes}");
        }
    }
}

#[tokio::test]
async fn a_malformed_head_is_answered_400_and_ends_the_connection() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let rebound = host.replace("127.0.0.1", "evil.example");
    let valid = format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: valid\r\n\r\n");
    for (head, status) in [
        ("GET /v1/key HTTP/1.1\r\n".to_owned(), "400"),
        ("GET /v1/key HTTP/1.0\r\n".to_owned(), "400"),
        (format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n"), "400"),
        (format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n"), "400"),
        (format!("GET http://evil.example/v1/key HTTP/1.1\r\nHost: {host}\r\n"), "400"),
        (format!("GET http://evil.example/v1/key HTTP/1.1\r\nHost: evil.example, {host}\r\n"), "400"),
        (format!("GET http://user@{host}/v1/key HTTP/1.1\r\nHost: {host}\r\n"), "400"),
        (format!("CONNECT evil.example:443 HTTP/1.1\r\nHost: {host}\r\n"), "400"),
        (format!("GET http://{host}/v1/key HTTP/1.1\r\nHost: {rebound}\r\n"), "400"),
        (format!("GET /v1/key HTTP/1.1\r\nHost: {rebound}\r\n"), "421"),
        (format!("GET http://{rebound}/v1/key HTTP/1.1\r\nHost: {rebound}\r\n"), "421"),
        (format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n"), "400"),
        (format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n"), "400"),
        (format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked, gzip\r\n"), "400"),
        (format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nX Api: 1\r\n"), "400"),
        (format!("GET /v1/key HTTP/1.1\r\nHost : {host}\r\n"), "400"),
        (format!("GET /v1/key HTTP/1.1\r\n Host: {host}\r\n"), "400"),
    ] {
        let responses = raw(&local, format!("{head}\r\n{valid}").as_bytes()).await;
        assert_eq!(statuses(&responses), [status], "{head}");
    }
    let absolute =
        format!("GET http://{host}/v1/key HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: valid\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&raw(&local, absolute.as_bytes()).await), ["200"]);
}

/// RFC 9112, section 6.3: the chunked encoding applies, and the connection is closed after the response.
#[tokio::test]
async fn nothing_follows_a_request_with_two_lengths() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let hidden = format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: valid\r\n\r\n");
    for lengths in
        ["Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6"]
    {
        let request = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\n{lengths}\r\n\r\n0\r\n\r\n{hidden}");
        let responses = raw(&local, request.as_bytes()).await;
        assert_eq!(statuses(&responses).len(), 1, "{responses}");
    }
}

#[tokio::test]
async fn a_head_and_a_body_that_never_come_are_cut() {
    let sample = Sample::new();
    let limit = Duration::from_millis(300);
    let limits = Limits { head: limit, body: limit, ..Limits::default() };
    let local = sample.start_limited(sample.options(), limits).await.expect("a start");
    let host = host(&local);
    let head = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\n");
    let idle = format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let form = format!("POST /_local/oauth2/authorize HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n");
    for (bytes, status) in [
        (String::new(), None),
        ("POST ".to_owned(), None),
        (head.clone(), None),
        (format!("{head}Content-Length: 9\r\n\r\n"), Some("408")),
        (format!("{head}Content-Length: 9\r\n\r\nhalf"), Some("408")),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), Some("408")),
        (form, Some("400")),
        // The connection is idle after its response.
        (idle, Some("401")),
    ] {
        let started = Instant::now();
        let responses = timeout(Duration::from_secs(5), raw(&local, bytes.as_bytes())).await;
        let responses = responses.unwrap_or_else(|_| panic!("the connection stays open after {bytes:?}"));
        assert!(started.elapsed() >= limit, "{bytes:?}");
        assert_eq!(statuses(&responses).first().copied(), status, "{bytes:?}: {responses}");
    }

    // A client that sends a byte before each limit gains nothing.
    let mut stream = TcpStream::connect(host).await.expect("connected");
    stream.write_all(format!("{head}Content-Length: 99\r\n\r\n").as_bytes()).await.expect("written");
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        loop {
            tokio::time::sleep(limit / 3).await;
            if writer.write_all(b"b").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut response = Vec::new();
    tokio::select! {
        _ = reader.read_to_end(&mut response) => {}
        () = drip => unreachable!("it drips forever"),
        () = tokio::time::sleep(Duration::from_secs(5)) => panic!("the connection stays open"),
    }
    assert!(response.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn a_body_is_not_read_before_its_request_is_allowed() {
    let local = Sample::new().start().await;
    let host = host(&local);
    // Each response comes although the body never does.
    for (method, path, headers, status) in [
        ("POST", "/v1/nothing", "", "404"),
        ("POST", "/v1/key", "X-Api-Key: valid\r\n", "404"),
        ("POST", "/", "", "405"),
        ("POST", "/elsewhere", "", "403"),
        ("GET", "/v1/key", "", "401"),
        ("GET", "/v1/key", "X-Api-Key: junk\r\n", "401"),
        ("GET", "/v1/key", "X-Api-Key: denied\r\n", "403"),
        ("GET", "/v1/user", "Authorization: junk\r\n", "401"),
        ("POST", "/_local/nothing", "", "404"),
        ("POST", "/_local/oauth2/authorize", "Origin: http://evil.example\r\n", "403"),
    ] {
        for length in ["Content-Length: 9000000", "Transfer-Encoding: chunked"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n\r\nstart");
            let responses = timeout(Duration::from_secs(5), raw(&local, request.as_bytes())).await;
            let responses = responses.unwrap_or_else(|_| panic!("{method} {path} waits for its body"));
            assert_eq!(statuses(&responses), [status], "{method} {path}");
        }
    }
    for size in ["10485761", "18446744073709551614"] {
        let head = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\n\r\n");
        let responses = timeout(Duration::from_secs(5), raw(&local, head.as_bytes())).await.expect("a response");
        assert!(["413", "431"].contains(&statuses(&responses)[0]), "{responses}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413_with_or_without_a_length() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let body = "b".repeat(10 * 1024 * 1024 + 1);
    for request in [
        format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ] {
        let request = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\n{request}");
        assert_eq!(statuses(&raw(&local, request.as_bytes()).await), ["413"]);
    }
}

#[tokio::test]
async fn the_bodies_of_all_requests_share_a_budget() {
    let sample = Sample::new();
    let limits = Limits { all_bodies: 100_000, ..Limits::default() };
    let local = sample.start_limited(sample.options(), limits).await.expect("a start");
    let host = host(&local);
    let held =
        format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 90000\r\n\r\n{}", "b".repeat(80_000));
    let mut holder = TcpStream::connect(host).await.expect("connected");
    holder.write_all(held.as_bytes()).await.expect("written");
    let deadline = Instant::now() + Duration::from_secs(5);
    while post(&local, "/v1/public/1", &"b".repeat(50_000)).await.status() != 503 {
        assert!(Instant::now() < deadline, "the body of the first request counts");
    }
    assert_eq!(post(&local, "/v1/public/1", "small").await.status(), 200);
    drop(holder);
    while post(&local, "/v1/public/1", &"b".repeat(50_000)).await.status() != 200 {
        assert!(Instant::now() < deadline, "a body that ended is given back");
    }
}
