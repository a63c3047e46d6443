//! Signing in: a page of names to choose from, the authorization code with PKCE, discovery, and the public keys.

pub(crate) mod html;
mod page;
pub(crate) mod users;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::{Host, Url, form_urlencoded};

use crate::{
    oidc::users::{CLIENT, LIFE, PEOPLE, People, Person},
    random,
};

/// How long a code may wait to be exchanged.
const CODE_LIFE: Duration = Duration::from_mins(5);

type Fields = HashMap<String, String>;

/// What a code stands for.
struct Grant {
    person: &'static Person,
    redirect: String,
    challenge: String,
    nonce: Option<String>,
    issued: Instant,
}

struct SignIn {
    people: Arc<People>,
    codes: Mutex<HashMap<String, Grant>>,
}

/// The addresses of signing in.
pub(crate) fn router(people: Arc<People>) -> Router {
    let sign_in = Arc::new(SignIn { people, codes: Mutex::default() });
    Router::new()
        .route("/_local/token", get(token_for_a_name))
        .route("/_local/authorize", get(choose).post(chosen))
        .route("/_local/oauth2/token", post(exchange))
        .route("/_local/jwks.json", get(async |State(it): State<Arc<SignIn>>| open(200, &it.people.jwks())))
        .route("/_local/.well-known/openid-configuration", get(discovery))
        .with_state(sign_in)
}

fn fields(bytes: &[u8]) -> Fields {
    form_urlencoded::parse(bytes).into_owned().collect()
}

async fn token_for_a_name(State(it): State<Arc<SignIn>>, RawQuery(query): RawQuery) -> Response<Body> {
    let query = fields(query.unwrap_or_default().as_bytes());
    let person = query.get("user").and_then(|user| Person::named(user));
    if let Some(token) = person.and_then(|person| it.people.id_token(person, None)) {
        return json_answer(200, &json!({ "id_token": token }));
    }
    let users = PEOPLE.map(|person| person.user);
    json_answer(404, &json!({ "error": "add ?user= with one of these names", "users": users }))
}

async fn discovery(State(it): State<Arc<SignIn>>) -> Response<Body> {
    let issuer = it.people.issuer();
    open(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/oauth2/token"),
            "jwks_uri": format!("{issuer}/jwks.json"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
        }),
    )
}

/// A request to sign in that may be answered by a redirect.
fn redirect_of(request: &Fields) -> Result<Url, &'static str> {
    let given = |name: &str| request.get(name).map(String::as_str).unwrap_or_default();
    if given("client_id") != CLIENT {
        return Err("client_id is not pushgate-local.");
    }
    let redirect = Url::parse(given("redirect_uri")).map_err(|_| "redirect_uri is not a URL.")?;
    let here = match redirect.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        _ => false,
    };
    if !here || !["http", "https"].contains(&redirect.scheme()) || redirect.fragment().is_some() {
        return Err("redirect_uri must be an address on localhost or 127.0.0.1.");
    }
    if given("response_type") != "code" {
        return Err("response_type is not code.");
    }
    let challenge = given("code_challenge");
    if given("code_challenge_method") != "S256" || URL_SAFE_NO_PAD.decode(challenge).map_or(0, |it| it.len()) != 32 {
        return Err("A code_challenge by S256 is missing.");
    }
    Ok(redirect)
}

async fn choose(RawQuery(query): RawQuery) -> Response<Body> {
    let request = fields(query.unwrap_or_default().as_bytes());
    match redirect_of(&request) {
        Ok(_) => html(200, page::choice(&request)),
        Err(reason) => html(400, page::refusal(reason)),
    }
}

async fn chosen(State(it): State<Arc<SignIn>>, body: Bytes) -> Response<Body> {
    let request = fields(&body);
    let person = request.get("user").and_then(|user| Person::named(user));
    let (mut redirect, person) = match (redirect_of(&request), person) {
        (Ok(redirect), Some(person)) => (redirect, person),
        (Err(reason), _) => return html(400, page::refusal(reason)),
        (_, None) => return html(400, page::refusal("There is nobody of this name.")),
    };
    let code = random::token();
    let grant = Grant {
        person,
        redirect: request.get("redirect_uri").cloned().unwrap_or_default(),
        challenge: request.get("code_challenge").cloned().unwrap_or_default(),
        nonce: request.get("nonce").cloned(),
        issued: Instant::now(),
    };
    let mut codes = it.codes.lock().unwrap_or_else(PoisonError::into_inner);
    codes.retain(|_, grant| grant.issued.elapsed() < CODE_LIFE);
    codes.insert(code.clone(), grant);
    redirect.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = request.get("state") {
        redirect.query_pairs_mut().append_pair("state", state);
    }
    answer(303, "text/plain", Body::empty(), &[("location", redirect.as_str())])
}

async fn exchange(State(it): State<Arc<SignIn>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let form = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !form.starts_with("application/x-www-form-urlencoded") {
        return open(400, &json!({ "error": "invalid_request" }));
    }
    let request = fields(&body);
    let given = |name: &str| request.get(name).map(String::as_str).unwrap_or_default();
    if given("grant_type") != "authorization_code" {
        return open(400, &json!({ "error": "unsupported_grant_type" }));
    }
    if given("client_id") != CLIENT {
        return open(400, &json!({ "error": "invalid_client" }));
    }
    // Taken, whatever comes of it: a code is good for one attempt.
    let grant = it.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(given("code"));
    let hash = digest::digest(&digest::SHA256, given("code_verifier").as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(hash);
    let grant = grant.filter(|grant| {
        grant.issued.elapsed() < CODE_LIFE && grant.redirect == given("redirect_uri") && grant.challenge == challenge
    });
    let Some(grant) = grant else {
        return open(400, &json!({ "error": "invalid_grant" }));
    };
    let id_token = it.people.id_token(grant.person, grant.nonce.as_deref());
    let access_token = it.people.access_token(grant.person);
    open(
        200,
        &json!({
            "id_token": id_token, "access_token": access_token, "token_type": "Bearer", "expires_in": LIFE,
        }),
    )
}

fn answer(status: u16, kind: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> Response<Body> {
    let mut response =
        Response::builder().status(status).header("content-type", kind).header("cache-control", "no-store");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

fn json_answer(status: u16, value: &Value) -> Response<Body> {
    answer(status, "application/json", value.to_string(), &[])
}

/// JSON that a page of any origin may read.
fn open(status: u16, value: &Value) -> Response<Body> {
    answer(status, "application/json", value.to_string(), &[("access-control-allow-origin", "*")])
}

fn html(status: u16, page: String) -> Response<Body> {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                  form-action 'self' http://localhost:* http://127.0.0.1:* https://localhost:* https://127.0.0.1:*";
    answer(
        status,
        "text/html; charset=utf-8",
        page,
        &[("content-security-policy", policy), ("referrer-policy", "no-referrer")],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(redirect: &str) -> Fields {
        [
            ("client_id", CLIENT),
            ("response_type", "code"),
            ("redirect_uri", redirect),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    fn sign_in() -> Arc<SignIn> {
        let people = People::new("http://i".to_owned()).expect("a key");
        Arc::new(SignIn { people: Arc::new(people), codes: Mutex::default() })
    }

    #[test]
    fn only_this_machine_is_redirected_to() {
        for (redirect, allowed) in [
            ("http://localhost:5173/back", true),
            ("http://127.0.0.1/", true),
            ("https://localhost/", true),
            ("http://localhost.evil.example/", false),
            ("http://evil.example/#localhost", false),
            ("http://localhost@evil.example/", false),
            ("javascript://localhost/", false),
            ("", false),
        ] {
            assert_eq!(redirect_of(&request(redirect)).is_ok(), allowed, "{redirect}");
        }
    }

    #[tokio::test]
    async fn a_code_is_exchanged_once_and_with_its_verifier() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let it = sign_in();
        for (verifier, expected) in [(verifier, [200, 400]), ("wrong", [400, 400])] {
            let mut form = request("http://localhost/");
            form.insert("user".into(), "admin@acme".into());
            form.insert("state".into(), "a&b".into());
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let response = chosen(State(Arc::clone(&it)), form.into()).await;
            assert_eq!(response.status(), 303);
            let location = response.headers()["location"].to_str().expect("text").to_owned();
            let location = Url::parse(&location).expect("a URL");
            let back: Fields = location.query_pairs().into_owned().collect();
            assert_eq!(back["state"], "a&b");
            let exchange_form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("grant_type", "authorization_code"), ("client_id", CLIENT)])
                .extend_pairs([("code", back["code"].as_str()), ("redirect_uri", "http://localhost/")])
                .append_pair("code_verifier", verifier)
                .finish();
            for status in expected {
                let mut headers = HeaderMap::new();
                headers.insert("content-type", "application/x-www-form-urlencoded".parse().expect("a value"));
                let response = exchange(State(Arc::clone(&it)), headers, exchange_form.clone().into()).await;
                assert_eq!(response.status(), status);
            }
        }
    }
}
