//! The authorization code flow, and sessions.

use axum::http::Method;
use http_body_util::BodyExt;
use sessions::SESSION_LIFETIME;
use tower_service::Service;
use url::form_urlencoded;

use super::*;
use crate::server::Limits;

const CALLBACK: &str = "http://localhost:5173/";
const SIGNED_OUT: &str = "http://localhost:5173/signed-out";

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

const REQUEST: [(&str, &str); 7] = [
    ("client_id", APP_CLIENT_ID),
    ("response_type", "code"),
    ("redirect_uri", CALLBACK),
    ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ("code_challenge_method", "S256"),
    ("scope", "openid profile"),
    ("state", "a&b"),
];

/// The valid request with these parameters changed or added; `""` omits one.
fn request(changes: &[(&str, &str)]) -> String {
    let unchanged = REQUEST.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let changes = changes.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(unchanged.chain(changes)).finish()
}

/// One start of the server.
struct Server(Router);

impl Server {
    fn start() -> Self {
        let provider = Arc::new(IdentityProvider::new("http://i".to_owned()).expect("a key"));
        let urls = RedirectUrls { callback: vec![CALLBACK.to_owned()], logout: vec![SIGNED_OUT.to_owned()] };
        Self(router(provider, urls, Bodies::new(Limits::default())))
    }

    async fn send(&self, method: Method, uri: &str, cookie: &str, body: String) -> Answer {
        let request = axum::http::Request::builder().method(method).uri(uri).header("cookie", cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(body));
        let response = self.0.clone().call(request.expect("a request")).await.expect("a response");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let header = |name| parts.headers.get(name).map(|it| HeaderValue::to_str(it).expect("text").to_owned());
        Answer {
            status: parts.status.as_u16(),
            location: header("location"),
            cookie: header("set-cookie"),
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    async fn authorize(&self, cookie: &str, changes: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, &format!("{AUTHORIZE}?{}", request(changes)), cookie, String::new()).await
    }

    async fn submit(&self, cookie: &str, changes: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, AUTHORIZE, cookie, request(changes)).await
    }

    /// The cookie of a new session, as the browser sends it.
    async fn sign_in(&self) -> String {
        let cookie = self.submit("", &[("user", "admin@acme")]).await.cookie.expect("a cookie");
        cookie.split(';').next().expect("a value").to_owned()
    }

    async fn logout(&self, cookie: &str, client_id: &str, logout_uri: &str) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", client_id), ("logout_uri", logout_uri)])
            .finish();
        self.send(Method::GET, &format!("{LOGOUT}?{query}"), cookie, String::new()).await
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("client_id", APP_CLIENT_ID), ("code", code)])
            .extend_pairs([("redirect_uri", CALLBACK), ("code_verifier", verifier)])
            .finish();
        self.send(Method::POST, TOKEN, "", form).await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    location: Option<String>,
    cookie: Option<String>,
    body: String,
}

impl Answer {
    /// The parameters of a redirect to the callback URL.
    #[track_caller]
    fn callback(&self) -> HashMap<String, String> {
        let location = self.location.as_deref().unwrap_or_else(|| panic!("no redirect: {self:?}"));
        assert!(location.starts_with(&format!("{CALLBACK}?")), "{location}");
        Url::parse(location).expect("a URL").query_pairs().into_owned().collect()
    }

    #[track_caller]
    fn assert_code(&self) -> String {
        let callback = self.callback();
        assert_eq!(callback["state"], "a&b");
        callback["code"].clone()
    }

    #[track_caller]
    fn assert_error(&self, error: &str) {
        let callback = self.callback();
        assert_eq!((callback["error"].as_str(), callback["state"].as_str()), (error, "a&b"));
        assert!(!callback["error_description"].is_empty() && !callback.contains_key("code"), "{callback:?}");
        assert_eq!(self.cookie, None);
    }

    #[track_caller]
    fn assert_sign_in_page(&self) {
        assert!(self.status == 200 && self.location.is_none() && self.body.contains("Choose a user"), "{self:?}");
    }

    #[track_caller]
    fn assert_error_page(&self) {
        assert!(self.status == 400 && self.location.is_none() && self.cookie.is_none(), "{self:?}");
    }
}

#[tokio::test]
async fn a_redirect_uri_is_a_callback_url_of_the_client() {
    let server = Server::start();
    let session = server.sign_in().await;
    server.authorize(&session, &[]).await.assert_code();
    for uri in [
        "http://localhost:5173",
        "http://localhost:5173/back",
        "http://localhost:5173/?a=b",
        "http://localhost:5173/#a",
        "http://localhost:05173/",
        "http://LOCALHOST:5173/",
        "http://127.0.0.1:5173/",
        "https://localhost:5173/",
        "http://localhost:8080/",
        "http://localhost/",
        "http://localhost:5173@evil.example/",
        "http://localhost.evil.example/",
        "https://evil.example/",
        "javascript://localhost/",
        SIGNED_OUT,
        "",
    ] {
        for cookie in ["", &session] {
            for prompt in ["", "none", "login", "other"] {
                server.authorize(cookie, &[("redirect_uri", uri), ("prompt", prompt)]).await.assert_error_page();
            }
            server.submit(cookie, &[("redirect_uri", uri), ("user", "admin@acme")]).await.assert_error_page();
            server.submit(cookie, &[("redirect_uri", uri), ("cancel", "true")]).await.assert_error_page();
        }
    }
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_only_with_its_verifier() {
    let server = Server::start();
    for (verifier, expected) in [(VERIFIER, [200, 400]), ("wrong", [400, 400])] {
        let response = server.submit("", &[("user", "admin@acme")]).await;
        assert_eq!(response.status, 303);
        let code = response.assert_code();
        for status in expected {
            assert_eq!(server.exchange(&code, verifier).await.status, status);
        }
    }
}

#[tokio::test]
async fn the_cookie_of_a_session_is_random_and_for_the_server_alone() {
    let server = Server::start();
    let mut values = Vec::new();
    for _ in 0..2 {
        let cookie = server.submit("", &[("user", "admin@acme")]).await.cookie.expect("a cookie");
        let (pair, attributes) = cookie.split_once("; ").expect("attributes");
        assert_eq!(attributes, "Max-Age=3600; Path=/_local; HttpOnly; SameSite=Lax");
        let value = pair.strip_prefix("pushgate_session=").expect("the cookie").to_owned();
        assert_eq!(URL_SAFE_NO_PAD.decode(&value).expect("base64").len(), 32);
        values.push(value);
    }
    assert_ne!(values[0], values[1]);
}

#[tokio::test]
async fn a_session_signs_the_same_user_in_without_the_page() {
    let server = Server::start();
    server.authorize("", &[]).await.assert_sign_in_page();
    let session = server.sign_in().await;
    for prompt in ["", "none", "consent"] {
        let response = server.authorize(&format!("a=b; {session}"), &[("prompt", prompt), ("nonce", "n")]).await;
        assert_eq!((response.status, &response.cookie), (302, &None));
        let tokens = server.exchange(&response.assert_code(), VERIFIER).await;
        let tokens: Value = serde_json::from_str(&tokens.body).expect("JSON");
        let claims = tokens["id_token"].as_str().and_then(|it| it.split('.').nth(1)).expect("an ID token");
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
        assert_eq!((&claims["name"], &claims["nonce"]), (&"Ada".into(), &"n".into()));
    }
}

#[tokio::test]
async fn a_prompt_decides_whether_the_page_is_shown() {
    let server = Server::start();
    let session = server.sign_in().await;
    for prompt in ["login", "select_account", "login consent"] {
        server.authorize(&session, &[("prompt", prompt)]).await.assert_sign_in_page();
    }
    server.authorize("", &[("prompt", "none")]).await.assert_error("login_required");
    server.authorize("pushgate_session=x", &[("prompt", "none")]).await.assert_error("login_required");
    for prompt in ["none login", "none consent", "create", "NONE"] {
        server.authorize(&session, &[("prompt", prompt)]).await.assert_error("invalid_request");
    }
}

#[tokio::test]
async fn a_session_ends_after_an_hour_and_keeps_the_time_of_its_sign_in() {
    let (sessions, now) = (Sessions::default(), Instant::now());
    let sign_in = SignIn { user: &USERS[0], auth_time: 7 };
    let cookie = sessions.start(&HeaderMap::new(), sign_in, now);
    let headers =
        HeaderMap::from_iter([(header::COOKIE, cookie.split(';').next().expect("a value").parse().expect("text"))]);
    let found = |after| sessions.find(&headers, now + after).map(|sign_in| sign_in.auth_time);
    assert_eq!(found(SESSION_LIFETIME.saturating_sub(Duration::from_secs(1))), Some(7));
    assert_eq!(found(SESSION_LIFETIME), None);

    let provider = IdentityProvider::new("http://i".to_owned()).expect("a key");
    let token = provider.id_token(sign_in, None).expect("a token");
    assert_eq!(provider.claims(&token).expect("valid")["auth_time"], "7");
}

#[tokio::test]
async fn a_session_of_one_start_is_not_valid_in_the_next() {
    let session = Server::start().sign_in().await;
    let next = Server::start();
    next.authorize(&session, &[]).await.assert_sign_in_page();
    next.authorize(&session, &[("prompt", "none")]).await.assert_error("login_required");
}

#[tokio::test]
async fn a_sign_in_replaces_the_session() {
    let server = Server::start();
    let first = server.sign_in().await;
    let second = server.submit(&first, &[("user", "member@acme")]).await.cookie.expect("a cookie");
    server.authorize(&first, &[]).await.assert_sign_in_page();
    server.authorize(second.split(';').next().expect("a value"), &[]).await.assert_code();
}

#[tokio::test]
async fn an_error_is_redirected_with_the_state() {
    let server = Server::start();
    let session = server.sign_in().await;
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "x"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", "profile email"), "invalid_scope"),
        (("scope", "openid phone"), "invalid_scope"),
        (("scope", "openid  email"), "invalid_scope"),
        (("scope", "OPENID"), "invalid_scope"),
    ] {
        for cookie in ["", &session] {
            let response = server.authorize(cookie, &[change]).await;
            assert_eq!(response.status, 302, "{change:?}");
            response.assert_error(error);
            let response = server.submit(cookie, &[change, ("user", "admin@acme")]).await;
            assert_eq!(response.status, 303, "{change:?}");
            response.assert_error(error);
        }
    }
    server.authorize("", &[("nonce", "a"), ("nonce", "b")]).await.assert_error("invalid_request");
    server.authorize("", &[("scope", "")]).await.assert_sign_in_page();
}

#[tokio::test]
async fn another_client_and_an_ambiguous_address_are_an_error_page() {
    let server = Server::start();
    for changes in [
        [("client_id", "other"), ("prompt", "none")],
        [("client_id", ""), ("response_type", "token")],
        [("client_id", APP_CLIENT_ID), ("client_id", APP_CLIENT_ID)],
        [("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK)],
        [("redirect_uri", CALLBACK), ("redirect_uri", "https://evil.example/")],
    ] {
        server.authorize("", &changes).await.assert_error_page();
        server.submit("", &changes).await.assert_error_page();
    }
}

#[tokio::test]
async fn cancel_redirects_and_starts_no_session() {
    let server = Server::start();
    assert!(server.authorize("", &[]).await.body.contains(r#"name="cancel""#));
    server.submit("", &[("cancel", "true")]).await.assert_error("access_denied");
    server.submit("", &[("cancel", "true"), ("user", "admin@acme")]).await.assert_error("access_denied");
}

#[tokio::test]
async fn logout_ends_the_session_and_removes_the_cookie() {
    let server = Server::start();
    let (session, other) = (server.sign_in().await, server.sign_in().await);
    let response = server.logout(&session, APP_CLIENT_ID, SIGNED_OUT).await;
    assert_eq!((response.status, response.location.as_deref()), (302, Some(SIGNED_OUT)));
    let removed = "pushgate_session=; Max-Age=0; Path=/_local; HttpOnly; SameSite=Lax";
    assert_eq!(response.cookie.as_deref(), Some(removed));
    server.authorize(&session, &[]).await.assert_sign_in_page();
    server.authorize(&other, &[]).await.assert_code();
    assert_eq!(server.logout("", APP_CLIENT_ID, SIGNED_OUT).await.status, 302);
}

#[tokio::test]
async fn logout_of_another_client_or_to_another_address_changes_nothing() {
    let server = Server::start();
    let session = server.sign_in().await;
    for (client_id, logout_uri) in [
        ("other", SIGNED_OUT),
        ("", SIGNED_OUT),
        (APP_CLIENT_ID, CALLBACK),
        (APP_CLIENT_ID, "http://localhost:5173/signed-out/"),
        (APP_CLIENT_ID, "http://localhost:5173/signed-out?a=b"),
        (APP_CLIENT_ID, "http://LOCALHOST:5173/signed-out"),
        (APP_CLIENT_ID, "https://evil.example/"),
        (APP_CLIENT_ID, "//evil.example/"),
        (APP_CLIENT_ID, ""),
    ] {
        server.logout(&session, client_id, logout_uri).await.assert_error_page();
    }
    server.authorize(&session, &[]).await.assert_code();
}

#[test]
fn only_links_open_sign_in_and_sign_out_from_elsewhere() {
    for (method, path, from_links) in [
        ("GET", AUTHORIZE, true),
        ("GET", LOGOUT, true),
        ("POST", AUTHORIZE, false),
        ("POST", LOGOUT, false),
        ("HEAD", AUTHORIZE, false),
        ("HEAD", LOGOUT, false),
    ] {
        let request = axum::http::Request::builder().method(method).uri(path).body(()).expect("a request");
        let callers = callers(&request.into_parts().0, &[].into());
        assert!(matches!(callers, Callers::Links) == from_links, "{method} {path}");
        assert!(matches!(callers, Callers::Own) != from_links, "{method} {path}");
    }
}
