//! The authorization code flow.

use super::*;
use crate::server::Limits;

fn request(redirect_uri: &str) -> Parameters {
    [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

const CALLBACK: &str = "http://localhost:5173/";

fn server() -> Arc<AuthorizationServer> {
    let provider = IdentityProvider::new("http://i".to_owned()).expect("a key");
    Arc::new(AuthorizationServer {
        provider: Arc::new(provider),
        callback_urls: vec![CALLBACK.to_owned()],
        bodies: Bodies::new(Limits::default()),
        codes: Mutex::default(),
    })
}

#[test]
fn a_redirect_uri_is_a_callback_url_of_the_client() {
    for (uri, allowed) in [
        (CALLBACK, true),
        ("http://localhost:5173", false),
        ("http://localhost:5173/back", false),
        ("http://localhost:5173/?a=b", false),
        ("http://localhost:5173/#a", false),
        ("http://localhost:05173/", false),
        ("http://LOCALHOST:5173/", false),
        ("http://127.0.0.1:5173/", false),
        ("https://localhost:5173/", false),
        ("http://localhost:8080/", false),
        ("http://localhost/", false),
        ("http://localhost:5173@evil.example/", false),
        ("http://localhost.evil.example/", false),
        ("javascript://localhost/", false),
        ("", false),
    ] {
        assert_eq!(redirect_uri(&request(uri), &[CALLBACK.to_owned()]).is_ok(), allowed, "{uri}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_once_and_only_with_its_verifier() {
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let server = server();
    for (verifier, expected) in [(verifier, [200, 400]), ("wrong", [400, 400])] {
        let mut form = request(CALLBACK);
        form.insert("user".into(), "admin@acme".into());
        form.insert("state".into(), "a&b".into());
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let response = authorize(State(Arc::clone(&server)), form.into()).await;
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().expect("text").to_owned();
        let location = Url::parse(&location).expect("a URL");
        let callback: Parameters = location.query_pairs().into_owned().collect();
        assert_eq!(callback["state"], "a&b");
        let token_form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "authorization_code"), ("client_id", CLIENT_ID)])
            .extend_pairs([("code", callback["code"].as_str()), ("redirect_uri", CALLBACK)])
            .append_pair("code_verifier", verifier)
            .finish();
        for status in expected {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", "application/x-www-form-urlencoded".parse().expect("a value"));
            let response = token(State(Arc::clone(&server)), headers, token_form.clone().into()).await;
            assert_eq!(response.status(), status);
        }
    }
}
