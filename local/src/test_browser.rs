//! The test browser: browsers of a push service that is built in, so that a push can be tried without a real browser and
//! without a network. Its page shows the pushes that arrive.

use std::fmt::Write as _;

use axum::{
    Json, Router,
    body::{Body, HttpBody as _},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::map_response,
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use push_service::{Browsers, Received};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::page::{escape, page, with_headers};
use crate::server::Bodies;

/// The page's path, below which its other routes are.
pub(crate) const PATH: &str = "/_local/browser";

/// How many browsers, and pushes of each, are kept.
const KEPT: usize = 100;

/// The largest body of a push (RFC 8291, section 4).
const MAX_PUSH_BYTES: usize = 4_096;

const HEADERS: [(HeaderName, &str); 2] =
    [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-store")];

/// The script is a file of this origin, so that the policy need not allow inline scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Replaces the page's content when it has changed.
const SCRIPT: &str = "setInterval(async () => {
  const response = await fetch(location.href).catch(() => undefined);
  if (!response?.ok) return;
  const next = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('#pushes');
  const shown = document.querySelector('#pushes');
  // Without the attribute of an open `details`.
  const content = (element) => element.innerHTML.replaceAll('<details open=\"\">', '<details>');
  if (content(next) !== content(shown)) shown.replaceChildren(...next.childNodes);
}, 1000);
";

/// The push service at the gateway with this address, as an allowed `HOST:PORT`.
pub(crate) fn push_host(gateway: &str) -> String {
    gateway.strip_prefix("http://").unwrap_or(gateway).to_owned()
}

/// The page, its JSON, and the endpoints of the browsers, at the gateway with this address.
pub(crate) fn router(gateway: &str, bodies: Bodies) -> Router {
    let browsers = Browsers::new(format!("{gateway}/_local"), KEPT);
    let endpoints = Router::new().route("/_local/push/{browser}", post(receive)).with_state((browsers.clone(), bodies));
    Router::new()
        .route(PATH, get(show))
        .route("/_local/browser/pushes", get(pushes))
        .route("/_local/browser/subscription", post(subscribe))
        .route("/_local/browser/page.js", get(async || ([(header::CONTENT_TYPE, "text/javascript")], SCRIPT)))
        .with_state(browsers)
        .layer(map_response(|response| with_headers(response, HEADERS)))
        .merge(endpoints)
}

/// Receives a push for a browser.
async fn receive(
    State((browsers, bodies)): State<(Browsers, Bodies)>,
    Path(browser): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match bodies.read(body, MAX_PUSH_BYTES).await {
        Ok(body) => browsers.accept(&browser, headers, &body).await.into_response(),
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

/// Subscribes a new browser, and returns the body of its `PUT /subscriptions`, with the channels of `?channel=`. A request
/// with a body is rejected: it is a push to an endpoint that somebody made up.
async fn subscribe(State(browsers): State<Browsers>, RawQuery(query): RawQuery, body: Body) -> Response {
    if !body.is_end_stream() {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "this request takes no body" }))).into_response();
    }
    let query = query.unwrap_or_default();
    let parameters = form_urlencoded::parse(query.as_bytes()).into_owned();
    let channels: Vec<String> = parameters.filter(|(name, _)| name == "channel").map(|(_, channel)| channel).collect();
    let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
    (StatusCode::CREATED, Json(browsers.add().subscription(&channels))).into_response()
}

/// The pushes that arrived, newest first.
async fn pushes(State(browsers): State<Browsers>) -> Json<Value> {
    let pushes = browsers.received().into_iter().rev();
    let pushes: Vec<_> = pushes.map(|it| json!({ "arrived_at": it.at.to_string(), "push": content(&it) })).collect();
    Json(json!({ "pushes": pushes }))
}

/// The decrypted JSON of a push.
fn content(received: &Received) -> Value {
    serde_json::from_str(&received.plaintext).unwrap_or_default()
}

async fn show(State(browsers): State<Browsers>) -> Html<String> {
    let mut list = String::new();
    for received in browsers.received().iter().rev() {
        let content = content(received);
        let text = |name: &str| escape(content[name].as_str().unwrap_or_default());
        let at = received.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        let _ = write!(
            list,
            "<li><h2>{}</h2><p>{}</p><p><small>Arrived at <time>{at}</time></small></p><details><summary>JSON</summary><pre>{}</pre></details></li>",
            text("title"),
            text("message"),
            escape(&received.plaintext),
        );
    }
    let pushes =
        if list.is_empty() { "<p>No push has arrived yet.</p>".to_owned() } else { format!("<ol>{list}</ol>") };
    Html(page(
        "Test browser",
        &format!(
            r#"<p>Pushes to this machine's own push service arrive here, decrypted as a browser would do it. To send one, open a key in the <a href="/v1/console">console</a> and choose “Try it”.</p><div id="pushes" aria-live="polite">{pushes}</div><script src="/_local/browser/page.js"></script>"#
        ),
    ))
}
