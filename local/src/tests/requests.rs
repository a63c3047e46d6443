//! Requests to the API and to the routes of this machine.

use super::*;

#[tokio::test]
async fn an_authorizer_decides_as_on_api_gateway() {
    let local = Sample::new().start().await;
    for (key, status, body) in [
        ("denied", 403, "denied because"),
        ("other", 401, "unauthorized"),
        ("failing", 503, "unavailable"),
        ("malformed", 500, "server error"),
    ] {
        assert_eq!(get(&local, "/v1/key", ("x-api-key", key)).await, (status, body.to_owned()), "{key}");
    }
    let (status, body) = get(&local, "/v1/key", ("x-api-key", "valid")).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(status, 200);
    assert_eq!(body["event"]["requestContext"]["authorizer"], json!({"n": "1", "principalId": "p"}));
    assert!(body["queue"].as_str().is_some_and(|url| url.starts_with(local.queue_url())));
}

#[tokio::test]
async fn an_id_token_is_allowed_and_its_claims_are_passed() {
    let local = Sample::new().start().await;
    let (status, token) = get(&local, "/_local/token?user=admin@acme", ("a", "b")).await;
    let token: Value = serde_json::from_str(&token).expect("JSON");
    let token = token["id_token"].as_str().expect("a token");
    assert_eq!(status, 200);
    for header in [format!("Bearer {token}"), token.to_owned()] {
        let (status, body) = get(&local, "/v1/user", ("authorization", &header)).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (status, &body["event"]["requestContext"]["authorizer"]["claims"]["custom:account"]),
            (200, &json!("acme"))
        );
    }
    assert_eq!(get(&local, "/v1/user", ("authorization", "Bearer x")).await.0, 401);
    assert_eq!(get(&local, "/v1/user", ("a", "b")).await.0, 401);
}

#[tokio::test]
async fn a_request_without_a_route_is_an_error() {
    let local = Sample::new().start().await;
    for (path, status) in [
        ("/v1/nothing", 404),
        ("/v1/key/", 404),
        ("/v1", 404),
        ("/v2/key", 403),
        ("/v1x/key", 403),
        // Redirected to the console, which this template has not.
        ("/", 404),
        ("/elsewhere", 403),
        ("/_local/x", 404),
    ] {
        assert_eq!(get(&local, path, ("a", "b")).await.0, status, "{path}");
    }
    assert_eq!(post(&local, "/v1/key", "").await.status(), 404);
    assert_eq!(post(&local, "/v1/public/1", "fail").await.status(), 500);
    assert_eq!(post(&local, "/v1/public/1", "malformed").await.status(), 500);
    let response = post(&local, "/v1/public/1", "").await;
    assert_eq!(response.headers()["x-amzn-remapped-www-authenticate"], "x");
    assert!(response.headers().contains_key("x-amzn-requestid"));
}

#[tokio::test]
async fn a_function_receives_the_request() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let request = format!(
        "POST /v1/public/a%20b?x=1&x=2 HTTP/1.1\r\nHost: {host}\r\nX-Api-KEY: one\r\nX-Api-KEY: t\u{e9}o\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
    );
    let response = raw(&local, request.as_bytes()).await;
    let body: Value = serde_json::from_str(response.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    let event = &body["event"];
    assert_eq!(event["headers"]["x-api-key"], "t\u{e9}o");
    assert_eq!(event["multiValueHeaders"]["x-api-key"], json!(["one", "t\u{e9}o"]));
    assert_eq!(event["pathParameters"]["id"], "a b");
    assert_eq!(event["body"], "hi");
}

#[tokio::test]
async fn pipelined_requests_are_authorized_by_their_own_headers() {
    let local = Sample::new().start().await;
    let host = host(&local);
    let request = |header: &str| format!("GET /v1/key HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n");
    for (keys, statuses) in [
        (["invalid", "valid", "denied"], ["401", "200", "403"]),
        (["valid", "invalid", "valid"], ["200", "401", "200"]),
    ] {
        let mut bytes: String = keys.iter().map(|key| request(&format!("X-API-Key: {key}"))).collect();
        bytes += &request("Connection: close");
        let responses = raw(&local, bytes.as_bytes()).await;
        let sent: Vec<&str> = responses.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
        assert_eq!(sent, [statuses[0], statuses[1], statuses[2], "401"], "{responses}");
    }
}

#[tokio::test]
async fn a_second_request_of_a_connection_has_its_own_headers() {
    let local = Sample::new().start().await;
    let mut stream = TcpStream::connect(local.url().trim_start_matches("http://")).await.expect("connected");
    for (name, last) in [("x-first", false), ("x-second", true)] {
        let close = if last { "Connection: close\r\n" } else { "" };
        let body = "b".repeat(100_000);
        let head = format!(
            "POST /v1/public/1 HTTP/1.1\r\nHost: {}\r\n{name}: 1\r\n{close}Content-Length: {}\r\n\r\n",
            host(&local),
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(body.as_bytes()).await.expect("written");
        let mut response = Vec::new();
        let mut part = vec![0; 64 * 1024];
        while !String::from_utf8_lossy(&response).contains("\"queue\":") {
            let read = stream.read(&mut part).await.expect("read");
            assert!(read > 0);
            response.extend_from_slice(&part[..read]);
        }
        let response = String::from_utf8_lossy(&response);
        assert!(response.contains(&format!("\"{name}\":\"1\"")), "{name}");
        assert_eq!(response.contains("x-first"), !last, "{name}");
    }
}

#[tokio::test]
async fn the_api_reference_loads_only_its_own_assets() {
    let local = Sample::new().start().await;
    let page = client().get(format!("{}/_local/api", local.url())).send().await.expect("a response");
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let page = page.text().await.expect("text");
    let urls = page.split('"').filter(|text| text.contains("/_local/"));
    assert_eq!(urls.clone().count(), 3, "{page}");
    for url in urls {
        let response = client().get(format!("{}{url}", local.url())).send().await.expect("a response");
        assert_eq!(response.status(), 200, "{url}");
    }
    let (status, document) = get(&local, "/_local/api/assets/openapi.yaml", ("a", "b")).await;
    assert_eq!((status, document.as_str()), (200, include_str!("../../../docs/openapi.yaml")));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_an_error() {
    let local = Sample::new().start().await;
    let head = |size: usize| {
        let host = host(&local);
        let rest = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX: \r\n\r\n");
        rest.replace("X: ", &format!("X: {}", "x".repeat(size - rest.len())))
    };
    assert!(raw(&local, head(10_240).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(raw(&local, head(10_241).as_bytes()).await.starts_with("HTTP/1.1 413"));
    assert_eq!(post(&local, "/v1/public/1", &"x".repeat(6 * 1024 * 1024)).await.status(), 413);
}

#[tokio::test]
async fn an_invocation_completes_even_if_the_client_disconnects() {
    let sample = Sample::new();
    let local = sample.start().await;
    let mut stream = TcpStream::connect(local.url().trim_start_matches("http://")).await.expect("connected");
    let request = format!("POST /v1/public/1 HTTP/1.1\r\nHost: {}\r\nContent-Length: 4\r\n\r\nwait", host(&local));
    stream.write_all(request.as_bytes()).await.expect("written");
    while local.in_progress.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    sample.permits.add_permits(1);
    local.stop().await;
    assert_eq!(sample.completed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_api_s_own_address_is_this_gateway_s() {
    let local = Sample::new().start().await;
    let aws = "https://local.execute-api.eu-central-1.amazonaws.com".to_owned();
    for (origin, status) in [(local.url().to_owned(), 200), (aws, 400)] {
        let target = format!(
            "/_local/oauth2/authorize?client_id=pushgate-local&response_type=code&redirect_uri={origin}/v1/console\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        assert_eq!(get(&local, &target, ("a", "b")).await.0, status, "{origin}");
    }
}

#[tokio::test]
async fn a_function_gets_the_stage_variables_and_the_audience_of_every_app_client() {
    let local = Sample::new().start().await;
    for (query, audience) in [("", "pushgate-local"), ("&client_id=other", "other")] {
        let (_, token) = get(&local, &format!("/_local/token?user=admin@acme{query}"), ("a", "b")).await;
        let token: Value = serde_json::from_str(&token).expect("JSON");
        let token = token["id_token"].as_str().expect("a token");
        let (status, body) = get(&local, "/v1/user", ("authorization", token)).await;
        let event = &serde_json::from_str::<Value>(&body).expect("JSON")["event"];
        assert_eq!((status, &event["stageVariables"]), (200, &json!({ "app_client": "pushgate-local" })));
        assert_eq!(event["requestContext"]["authorizer"]["claims"]["aud"], audience);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_used_by_links_but_not_by_frames_and_forms_of_other_origins() {
    const REQUEST: &str = "client_id=pushgate-local&response_type=code&redirect_uri=http://localhost:5173/\
                           &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
    let local = Sample::new().start().await;
    let host = host(&local);
    let send = async |method: &str, target: &str, headers: &str, body: &str| {
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}");
        raw(&local, format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await
    };
    let form = format!("user=admin@acme&{REQUEST}");
    let authorize = format!("/_local/oauth2/authorize?{REQUEST}");

    let foreign = "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    assert!(send("POST", "/_local/oauth2/authorize", foreign, &form).await.starts_with("HTTP/1.1 403"));
    let response = send("POST", "/_local/oauth2/authorize", "", &form).await;
    let cookie = response.split_once("set-cookie: ").and_then(|(_, it)| it.split(';').next()).expect("a cookie");

    let cookie = format!("Cookie: {cookie}\r\nSec-Fetch-Site: cross-site\r\n");
    let link = format!("{cookie}Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n");
    let frame = format!("{cookie}Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n");
    let script = format!("{cookie}Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\n");
    let logout = "/_local/logout?client_id=pushgate-local&logout_uri=http://localhost:5173/out";
    for target in [&authorize, logout] {
        for headers in [&frame, &script] {
            let response = send("GET", target, headers, "").await;
            assert!(response.starts_with("HTTP/1.1 403") && !response.contains("location:"), "{response}");
        }
    }
    let response = send("GET", &authorize, &link, "").await;
    assert!(response.starts_with("HTTP/1.1 302"), "{response}");
    assert!(response.contains("location: http://localhost:5173/?code="), "{response}");
    let response = send("GET", logout, &link, "").await;
    assert!(response.contains("location: http://localhost:5173/out\r\n"), "{response}");
    assert!(send("GET", &authorize, &link, "").await.starts_with("HTTP/1.1 200"));
    local.stop().await;
}
