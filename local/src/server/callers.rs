//! Who may call: requests for the server's own address only, and from pages of other origins only what is meant for
//! them.
//!
//! A browser lets every page send requests to this machine. It does not let the page choose `Host`, `Origin` and the
//! `Sec-Fetch-` headers, so these tell whether a page sent a request, and whether the page is of another origin (RFC
//! 6454, W3C Fetch Metadata).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
        header::{CONNECTION, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS},
        request::Parts,
    },
    middleware::Next,
};
use serde_json::json;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The pages that may send a request. A request that no page sent is always accepted.
pub(crate) enum Callers {
    /// Pages of every origin, as on API Gateway: the credential is in a header that the page sets.
    Any,
    /// The server's own pages.
    Own,
    /// The server's own pages, and scripts of pages of these origins.
    Origins(Arc<[String]>),
    /// The server's own pages, and links and redirects from everywhere that open a page in a tab of its own.
    Links,
}

/// The rules of one server.
pub(super) struct Guard {
    pub(super) port: u16,
    pub(super) callers: Box<dyn Fn(&Parts) -> Callers + Send + Sync>,
}

/// Middleware that denies a request before anything of it is read but its head.
pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let callers = (guard.callers)(&parts);
    let denied = check_host(&parts, guard.port).and_then(|host| check_page(&parts, host, &callers));
    let mut response = match denied {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err((status, message)) => denial(status, message),
    };
    if !matches!(callers, Callers::Any) {
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            // Not `no-referrer`, with which a browser sends `Origin: null` for the page's own form.
            (REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

type Denial = (StatusCode, &'static str);

/// The request's host, which is this server's own. A website could resolve its own domain to 127.0.0.1 (DNS rebinding),
/// but its browser sends that domain as the host.
fn check_host(parts: &Parts, port: u16) -> Result<&str, Denial> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err((StatusCode::BAD_REQUEST, "A request has one Host header"));
    };
    let host = host.to_str().map_err(|_| (StatusCode::BAD_REQUEST, "The Host header is invalid"))?;
    if parts.uri.authority().is_some_and(|target| !target.as_str().eq_ignore_ascii_case(host)) {
        return Err((StatusCode::BAD_REQUEST, "The Host header and the request target differ"));
    }
    let own = |name: &str| {
        host.eq_ignore_ascii_case(&format!("{name}:{port}")) || (port == 80 && host.eq_ignore_ascii_case(name))
    };
    if own("127.0.0.1") || own("localhost") {
        return Ok(host);
    }
    Err((StatusCode::MISDIRECTED_REQUEST, "Use 127.0.0.1 or localhost, and the port"))
}

/// Denies a request that a page sent which is not one of the callers.
fn check_page(parts: &Parts, host: &str, callers: &Callers) -> Result<(), Denial> {
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|it| it.eq_ignore_ascii_case(host));
    let same_site = values(&parts.headers, SEC_FETCH_SITE).all(|site| ["same-origin", "none"].contains(&site));
    let mut origins = values(&parts.headers, ORIGIN.as_str()).peekable();
    let has_origin = origins.peek().is_some();
    let allowed = match callers {
        Callers::Any => true,
        Callers::Own => same_site && origins.all(own),
        Callers::Origins(others) => {
            let known = |origin: &str| own(origin) || others.iter().any(|other| other == origin);
            (has_origin || same_site) && origins.all(known)
        }
        Callers::Links => origins.all(own) && (same_site || opens_a_page(parts)),
    };
    allowed.then_some(()).ok_or((StatusCode::FORBIDDEN, "Pages of other origins may not send this request"))
}

/// Whether a browser opens a page in a tab, by a method that changes nothing.
fn opens_a_page(parts: &Parts) -> bool {
    let sent = |name, expected| values(&parts.headers, name).eq([expected]);
    parts.method == Method::GET && sent("sec-fetch-mode", "navigate") && sent("sec-fetch-dest", "document")
}

/// All values of a header. One that is not text is an empty string, which no rule accepts.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default())
}

/// Closes the connection, since the body is not read.
fn denial(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "http://localhost:5173";

    fn parts(head: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in head {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).expect("a request").into_parts().0
    }

    #[test]
    fn only_the_own_address_is_a_host() {
        for (host, status) in [
            ("127.0.0.1:3000", None),
            ("localhost:3000", None),
            ("LocalHost:3000", None),
            ("127.0.0.1", Some(421)),
            ("localhost", Some(421)),
            ("127.0.0.1:3001", Some(421)),
            ("localhost:3000.evil.example", Some(421)),
            ("localhost.:3000", Some(421)),
            ("evil.example:3000", Some(421)),
            ("evil.example", Some(421)),
            ("localhost.evil.example:3000", Some(421)),
            ("0.0.0.0:3000", Some(421)),
            ("[::1]:3000", Some(421)),
            ("127.0.0.1:03000", Some(421)),
            ("user@127.0.0.1:3000", Some(421)),
            ("", Some(421)),
        ] {
            let denied = check_host(&parts(&[("host", host)]), 3000).err().map(|(status, _)| status.as_u16());
            assert_eq!(denied, status, "{host}");
        }
        assert!(check_host(&parts(&[("host", "localhost")]), 80).is_ok());
        assert!(check_host(&parts(&[]), 3000).is_err());
        assert!(check_host(&parts(&[("host", "localhost:3000"), ("host", "localhost:3000")]), 3000).is_err());
    }

    #[test]
    fn a_page_of_another_origin_reaches_only_what_is_meant_for_it() {
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let own = ("origin", "http://127.0.0.1:3000");
        let (console, foreign, null) = (("origin", CONSOLE), ("origin", "http://evil.example"), ("origin", "null"));
        let site = |value| (SEC_FETCH_SITE, value);
        let (navigate, document) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
        // For each request: whether the server's own pages, the console's scripts, and links may send it.
        let cases: &[(Headers<'_>, [bool; 3])] = &[
            (&[], [true, true, true]),
            (&[own, site("same-origin")], [true, true, true]),
            (&[site("none"), navigate, document], [true, true, true]),
            (&[console], [false, true, false]),
            (&[console, site("cross-site")], [false, true, false]),
            (&[console, foreign], [false, false, false]),
            (&[own, foreign], [false, false, false]),
            (&[foreign], [false, false, false]),
            (&[null], [false, false, false]),
            (&[null, site("same-origin")], [false, false, false]),
            (&[("origin", "")], [false, false, false]),
            (&[("origin", "https://127.0.0.1:3000")], [false, false, false]),
            (&[("origin", "http://localhost:3000")], [false, false, false]),
            (&[("origin", "http://127.0.0.1:3000.evil.example")], [false, false, false]),
            (&[site("cross-site")], [false, false, false]),
            (&[site("same-site")], [false, false, false]),
            (&[own, site("cross-site")], [false, true, false]),
            (&[site("same-origin"), site("cross-site")], [false, false, false]),
            (&[site("cross-site"), navigate, document], [false, false, true]),
            (&[site("cross-site"), navigate, ("sec-fetch-dest", "iframe")], [false, false, false]),
            (&[foreign, site("cross-site"), navigate, document], [false, false, false]),
        ];
        for (head, expected) in cases {
            let callers = [Callers::Own, Callers::Origins([CONSOLE.to_owned()].into()), Callers::Links];
            let allowed = callers.map(|callers| check_page(&parts(head), "127.0.0.1:3000", &callers).is_ok());
            assert_eq!(allowed, *expected, "{head:?}");
            assert!(check_page(&parts(head), "127.0.0.1:3000", &Callers::Any).is_ok(), "{head:?}");
        }
    }
}
