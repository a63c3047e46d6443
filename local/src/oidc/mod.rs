//! The user pool's hosted UI on this machine: sign-in by the authorization code flow with PKCE (RFC 7636), discovery,
//! and the public keys.

mod identity_provider;
mod page;
#[cfg(test)]
mod tests;
mod users;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use axum::{
    Router,
    body::Body,
    extract::{RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::server::{Bodies, Callers};
pub(crate) use identity_provider::IdentityProvider;
use identity_provider::{CLIENT_ID, TOKEN_LIFETIME};
use users::{USERS, User};

/// The lifetime of an authorization code.
const CODE_LIFETIME: Duration = Duration::from_mins(5);

/// The largest form.
const MAX_FORM_BYTES: usize = 64 * 1024;

const AUTHORIZE: &str = "/_local/authorize";
const TOKEN: &str = "/_local/oauth2/token";
const JWKS: &str = "/_local/jwks.json";
const DISCOVERY: &str = "/_local/.well-known/openid-configuration";

/// The parameters of a query or a form.
type Parameters = HashMap<String, String>;

/// What an authorization code was issued for.
struct AuthorizationCode {
    user: &'static User,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
    issued: Instant,
}

struct AuthorizationServer {
    provider: Arc<IdentityProvider>,
    /// The addresses to which sign-in may redirect, compared as text, as a user pool does.
    callback_urls: Vec<String>,
    bodies: Bodies,
    codes: Mutex<HashMap<String, AuthorizationCode>>,
}

/// The callers of an endpoint: the console's pages exchange codes, and everyone may open the sign-in page. Its form and all
/// else is for the server's own pages.
pub(crate) fn callers(request: &Parts, callback_origins: &Arc<[String]>) -> Callers {
    match (request.method.as_str(), request.uri.path()) {
        ("GET", AUTHORIZE) => Callers::Links,
        ("POST" | "OPTIONS", TOKEN) | ("GET", JWKS | DISCOVERY) => Callers::Origins(Arc::clone(callback_origins)),
        _ => Callers::Own,
    }
}

/// The origins of the pages to which sign-in redirects.
pub(crate) fn origins(callback_urls: &[String]) -> Arc<[String]> {
    let origins = callback_urls.iter().filter_map(|url| Url::parse(url).ok());
    origins.map(|url| url.origin().ascii_serialization()).collect()
}

/// The endpoints of the authorization server.
pub(crate) fn router(provider: Arc<IdentityProvider>, callback_urls: Vec<String>, bodies: Bodies) -> Router {
    let origins = origins(&callback_urls);
    let server = Arc::new(AuthorizationServer { provider, callback_urls, bodies, codes: Mutex::default() });
    let for_scripts = Router::new()
        .route(TOKEN, post(token))
        .route(JWKS, get(jwks))
        .route(DISCOVERY, get(discovery))
        .layer(from_fn_with_state(origins, allow_origin));
    Router::new()
        .route("/_local/token", get(id_token))
        .route(AUTHORIZE, get(authorize_page).post(authorize))
        .merge(for_scripts)
        .with_state(server)
}

/// Middleware that lets the console's scripts read the response.
async fn allow_origin(State(origins): State<Arc<[String]>>, request: Request, next: Next) -> Response<Body> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    if let Some(origin) = origin.filter(|origin| origins.iter().any(|allowed| allowed == origin)) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn parse(form: &[u8]) -> Parameters {
    form_urlencoded::parse(form).into_owned().collect()
}

/// An ID token for `?user=`, without signing in: for the command line.
async fn id_token(State(server): State<Arc<AuthorizationServer>>, RawQuery(query): RawQuery) -> Response<Body> {
    let query = parse(query.unwrap_or_default().as_bytes());
    let user = query.get("user").and_then(|username| User::find(username));
    if let Some(token) = user.and_then(|user| server.provider.id_token(user, None)) {
        return json_response(200, &json!({ "id_token": token }));
    }
    let users = USERS.map(|user| user.username);
    json_response(404, &json!({ "error": "add ?user= with one of these users", "users": users }))
}

async fn jwks(State(server): State<Arc<AuthorizationServer>>) -> Response<Body> {
    json_response(200, &server.provider.jwks())
}

async fn discovery(State(server): State<Arc<AuthorizationServer>>) -> Response<Body> {
    let issuer = server.provider.issuer();
    json_response(
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

/// The redirect URI of a valid authorization request. The error is shown on a page, since an invalid request is never
/// redirected.
fn redirect_uri(request: &Parameters, callback_urls: &[String]) -> Result<Url, &'static str> {
    let parameter = |name: &str| request.get(name).map(String::as_str).unwrap_or_default();
    if parameter("client_id") != CLIENT_ID {
        return Err("client_id is not pushgate-local.");
    }
    let redirect_uri = parameter("redirect_uri");
    if !callback_urls.iter().any(|allowed| allowed == redirect_uri) {
        return Err("redirect_uri is not a callback URL of the user pool's client.");
    }
    let redirect_uri = Url::parse(redirect_uri).map_err(|_| "redirect_uri is not a URL.")?;
    if parameter("response_type") != "code" {
        return Err("response_type is not code.");
    }
    let challenge_len = URL_SAFE_NO_PAD.decode(parameter("code_challenge")).map_or(0, |it| it.len());
    if parameter("code_challenge_method") != "S256" || challenge_len != 32 {
        return Err("A code_challenge with the method S256 is required.");
    }
    Ok(redirect_uri)
}

/// Shows the sign-in page.
async fn authorize_page(State(server): State<Arc<AuthorizationServer>>, RawQuery(query): RawQuery) -> Response<Body> {
    let request = parse(query.unwrap_or_default().as_bytes());
    match redirect_uri(&request, &server.callback_urls) {
        Ok(_) => server.html(200, page::sign_in(&request)),
        Err(reason) => server.html(400, page::error(reason)),
    }
}

/// Issues a code for the chosen user.
async fn authorize(State(server): State<Arc<AuthorizationServer>>, body: Body) -> Response<Body> {
    let Ok(body) = server.bodies.read(body, MAX_FORM_BYTES).await else {
        return server.html(400, page::error("The form cannot be read."));
    };
    let request = parse(&body);
    let user = request.get("user").and_then(|username| User::find(username));
    let (mut location, user) = match (redirect_uri(&request, &server.callback_urls), user) {
        (Ok(location), Some(user)) => (location, user),
        (Err(reason), _) => return server.html(400, page::error(reason)),
        (_, None) => return server.html(400, page::error("This user does not exist.")),
    };
    let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let issued_for = AuthorizationCode {
        user,
        redirect_uri: request.get("redirect_uri").cloned().unwrap_or_default(),
        code_challenge: request.get("code_challenge").cloned().unwrap_or_default(),
        nonce: request.get("nonce").cloned(),
        issued: Instant::now(),
    };
    let mut codes = server.codes.lock().unwrap_or_else(PoisonError::into_inner);
    codes.retain(|_, code| code.issued.elapsed() < CODE_LIFETIME);
    codes.insert(code.clone(), issued_for);
    location.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = request.get("state") {
        location.query_pairs_mut().append_pair("state", state);
    }
    response(303, "text/plain", Body::empty(), &[("location", location.as_str())])
}

/// The token endpoint: exchanges a code for tokens.
async fn token(State(server): State<Arc<AuthorizationServer>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return json_response(400, &json!({ "error": "invalid_request" }));
    }
    let Ok(body) = server.bodies.read(body, MAX_FORM_BYTES).await else {
        return json_response(400, &json!({ "error": "invalid_request" }));
    };
    let request = parse(&body);
    let parameter = |name: &str| request.get(name).map(String::as_str).unwrap_or_default();
    if parameter("grant_type") != "authorization_code" {
        return json_response(400, &json!({ "error": "unsupported_grant_type" }));
    }
    if parameter("client_id") != CLIENT_ID {
        return json_response(400, &json!({ "error": "invalid_client" }));
    }
    // Removed before it is checked, since a code is valid for one attempt.
    let code = server.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(parameter("code"));
    let hash = digest::digest(&digest::SHA256, parameter("code_verifier").as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(hash);
    let code = code.filter(|code| {
        code.issued.elapsed() < CODE_LIFETIME
            && code.redirect_uri == parameter("redirect_uri")
            && code.code_challenge == challenge
    });
    let Some(AuthorizationCode { user, nonce, .. }) = code else {
        return json_response(400, &json!({ "error": "invalid_grant" }));
    };
    let id_token = server.provider.id_token(user, nonce.as_deref());
    let access_token = server.provider.access_token(user);
    json_response(
        200,
        &json!({
            "id_token": id_token, "access_token": access_token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME,
        }),
    )
}

fn response(status: u16, content_type: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> Response<Body> {
    let mut response =
        Response::builder().status(status).header("content-type", content_type).header("cache-control", "no-store");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

fn json_response(status: u16, value: &Value) -> Response<Body> {
    response(status, "application/json", value.to_string(), &[])
}

impl AuthorizationServer {
    fn html(&self, status: u16, page: String) -> Response<Body> {
        // A form's redirect counts as its target too.
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self' {}",
            self.callback_urls.join(" ")
        );
        response(status, "text/html; charset=utf-8", page, &[("content-security-policy", policy.as_str())])
    }
}
