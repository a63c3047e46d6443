//! The user pool's hosted UI on this machine: sign-in by the authorization code flow with PKCE (RFC 7636), sign-out,
//! discovery, and the public keys.

mod authorization_request;
mod identity_provider;
mod page;
mod parameters;
mod sessions;
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
use url::Url;

use crate::server::{Bodies, Callers};
use crate::template::values::APP_CLIENT_ID;
use authorization_request::{AuthorizationError, AuthorizationRequest, Callback, INVALID_CLIENT, Prompt, SCOPES};
pub(crate) use identity_provider::IdentityProvider;
use identity_provider::TOKEN_LIFETIME;
use parameters::Parameters;
use sessions::{Sessions, SignIn};
use users::{USERS, User};

/// The lifetime of an authorization code.
const CODE_LIFETIME: Duration = Duration::from_mins(5);

/// The largest form.
const MAX_FORM_BYTES: usize = 64 * 1024;

const AUTHORIZE: &str = "/_local/oauth2/authorize";
const LOGOUT: &str = "/_local/logout";
const TOKEN: &str = "/_local/oauth2/token";
const JWKS: &str = "/_local/jwks.json";
const DISCOVERY: &str = "/_local/.well-known/openid-configuration";

/// The addresses to which the app client's pages may redirect, compared as text, as a user pool does.
pub(crate) struct RedirectUrls {
    /// After sign-in.
    pub(crate) callback: Vec<String>,
    /// After sign-out.
    pub(crate) logout: Vec<String>,
}

/// What an authorization code was issued for.
struct AuthorizationCode {
    sign_in: SignIn,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
    issued: Instant,
}

struct AuthorizationServer {
    provider: Arc<IdentityProvider>,
    urls: RedirectUrls,
    bodies: Bodies,
    sessions: Sessions,
    codes: Mutex<HashMap<String, AuthorizationCode>>,
}

/// The callers of an endpoint: the console's pages exchange codes, and links from everywhere open sign-in and sign-out. The
/// form and all else is for the server's own pages.
pub(crate) fn callers(request: &Parts, callback_origins: &Arc<[String]>) -> Callers {
    match (request.method.as_str(), request.uri.path()) {
        ("GET", AUTHORIZE | LOGOUT) => Callers::Links,
        ("POST" | "OPTIONS", TOKEN) | ("GET", JWKS | DISCOVERY) => Callers::Origins(Arc::clone(callback_origins)),
        _ => Callers::Own,
    }
}

/// The variables of the function that serves the console, with their values on this machine.
pub(crate) fn console_variables(issuer: &str) -> [(&'static str, &str); 2] {
    [("SIGN_IN_URL", issuer), ("SIGN_IN_ISSUER", issuer)]
}

/// The origins of the pages to which sign-in redirects.
pub(crate) fn origins(callback_urls: &[String]) -> Arc<[String]> {
    let origins = callback_urls.iter().filter_map(|url| Url::parse(url).ok());
    origins.map(|url| url.origin().ascii_serialization()).collect()
}

/// The endpoints of the authorization server.
pub(crate) fn router(provider: Arc<IdentityProvider>, urls: RedirectUrls, bodies: Bodies) -> Router {
    let origins = origins(&urls.callback);
    let server = Arc::new(AuthorizationServer::new(provider, urls, bodies));
    let for_scripts = Router::new()
        .route(TOKEN, post(token))
        .route(JWKS, get(jwks))
        .route(DISCOVERY, get(discovery))
        .layer(from_fn_with_state(origins, allow_origin));
    Router::new()
        .route("/_local/token", get(id_token))
        .route(AUTHORIZE, get(authorize).post(sign_in))
        .route(LOGOUT, get(logout))
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

/// An ID token for `?user=`, without signing in: for the command line. With `&client_id=`, it is the token that another app
/// client of the user pool would get.
async fn id_token(State(server): State<Arc<AuthorizationServer>>, RawQuery(query): RawQuery) -> Response<Body> {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let sign_in = query.get("user").and_then(User::find).map(SignIn::now);
    let client = query.get("client_id").unwrap_or(APP_CLIENT_ID);
    if let Some(token) = sign_in.and_then(|sign_in| server.provider.id_token_for(client, sign_in, None)) {
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
            "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
            "token_endpoint": format!("{issuer}/oauth2/token"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "jwks_uri": format!("{issuer}/jwks.json"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": SCOPES,
        }),
    )
}

/// The authorization endpoint: shows the sign-in page, or redirects at once if the browser has a session.
async fn authorize(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    let callback = match Callback::parse(&parameters, &server.urls.callback) {
        Ok(callback) => callback,
        Err(reason) => return server.html(400, page::error("Sign-in failed", reason)),
    };
    let request = match AuthorizationRequest::parse(&parameters) {
        Ok(request) => request,
        Err(error) => return redirect(302, &callback.with_error(error), None),
    };
    match (request.prompt, server.sessions.find(&headers, Instant::now())) {
        (Prompt::None | Prompt::Unspecified, Some(sign_in)) => {
            let code = server.issue_code(sign_in, &callback, request);
            redirect(302, &callback.with_code(&code), None)
        }
        (Prompt::None, None) => redirect(302, &callback.with_error(AuthorizationError::LOGIN_REQUIRED), None),
        (Prompt::Unspecified, None) | (Prompt::SignIn, _) => server.html(200, page::sign_in(&parameters)),
    }
}

/// The form of the sign-in page: starts a session and issues a code for the chosen user.
async fn sign_in(State(server): State<Arc<AuthorizationServer>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let error_page = |reason| server.html(400, page::error("Sign-in failed", reason));
    let Ok(body) = server.bodies.read(body, MAX_FORM_BYTES).await else {
        return error_page("The form cannot be read.");
    };
    let parameters = Parameters::parse(&body);
    let callback = match Callback::parse(&parameters, &server.urls.callback) {
        Ok(callback) => callback,
        Err(reason) => return error_page(reason),
    };
    let request = match AuthorizationRequest::parse(&parameters) {
        Ok(request) => request,
        Err(error) => return redirect(303, &callback.with_error(error), None),
    };
    if parameters.get("cancel").is_some() {
        return redirect(303, &callback.with_error(AuthorizationError::ACCESS_DENIED), None);
    }
    let Some(user) = parameters.get("user").and_then(User::find) else {
        return error_page("This user does not exist.");
    };
    let sign_in = SignIn::now(user);
    let cookie = server.sessions.start(&headers, sign_in, Instant::now());
    let code = server.issue_code(sign_in, &callback, request);
    redirect(303, &callback.with_code(&code), Some(&cookie))
}

/// Ends the session and redirects to a logout URL of the client.
async fn logout(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    let error_page = |reason| server.html(400, page::error("Sign-out failed", reason));
    if parameters.get("client_id") != Some(APP_CLIENT_ID) {
        return error_page(INVALID_CLIENT);
    }
    let logout_uri = parameters.get("logout_uri").unwrap_or_default();
    let allowed = server.urls.logout.iter().any(|allowed| allowed == logout_uri);
    let Some(location) = Url::parse(logout_uri).ok().filter(|_| allowed) else {
        return error_page("logout_uri is not a logout URL of the user pool's client.");
    };
    redirect(302, &location, Some(server.sessions.end(&headers)))
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
    let parameters = Parameters::parse(&body);
    if parameters.has_repeated() {
        return json_response(400, &json!({ "error": "invalid_request" }));
    }
    let parameter = |name: &str| parameters.get(name).unwrap_or_default();
    if parameter("grant_type") != "authorization_code" {
        return json_response(400, &json!({ "error": "unsupported_grant_type" }));
    }
    if parameter("client_id") != APP_CLIENT_ID {
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
    let Some(AuthorizationCode { sign_in, nonce, .. }) = code else {
        return json_response(400, &json!({ "error": "invalid_grant" }));
    };
    let id_token = server.provider.id_token(sign_in, nonce.as_deref());
    let access_token = server.provider.access_token(sign_in);
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

fn redirect(status: u16, location: &Url, cookie: Option<&str>) -> Response<Body> {
    let mut headers = vec![("location", location.as_str())];
    headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
    response(status, "text/plain", Body::empty(), &headers)
}

fn json_response(status: u16, value: &Value) -> Response<Body> {
    response(status, "application/json", value.to_string(), &[])
}

impl AuthorizationServer {
    fn new(provider: Arc<IdentityProvider>, urls: RedirectUrls, bodies: Bodies) -> Self {
        Self { provider, urls, bodies, sessions: Sessions::default(), codes: Mutex::default() }
    }

    fn issue_code(&self, sign_in: SignIn, callback: &Callback, request: AuthorizationRequest) -> String {
        let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let issued_for = AuthorizationCode {
            sign_in,
            redirect_uri: callback.redirect_uri.clone(),
            code_challenge: request.code_challenge,
            nonce: request.nonce,
            issued: Instant::now(),
        };
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, code| code.issued.elapsed() < CODE_LIFETIME);
        codes.insert(code.clone(), issued_for);
        code
    }

    fn html(&self, status: u16, page: String) -> Response<Body> {
        // A form's redirect counts as its target too.
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self' {}",
            self.urls.callback.join(" ")
        );
        response(status, "text/html; charset=utf-8", page, &[("content-security-policy", policy.as_str())])
    }
}
