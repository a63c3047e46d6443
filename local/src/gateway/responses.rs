//! The gateway's own answers, written by the template's gateway responses.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode},
};
use serde_json::Value;

use crate::template::number;

/// A reason for which API Gateway answers by itself, with the status it has by default and its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    status: u16,
    message: &'static str,
}

const fn refusal(kind: &'static str, status: u16, message: &'static str) -> Refusal {
    Refusal { kind, status, message }
}

impl Refusal {
    /// What `$context.error.responseType` says.
    pub(crate) fn response_type(self) -> &'static str {
        match (self.kind, self.status) {
            ("", ..500) => "DEFAULT_4XX",
            ("", _) => "DEFAULT_5XX",
            (kind, _) => kind,
        }
    }
}

pub(crate) const UNKNOWN_ROUTE: Refusal = refusal("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token");
pub(crate) const TOO_LARGE: Refusal = refusal("REQUEST_TOO_LARGE", 413, "Request Too Long");
pub(crate) const UNAUTHORIZED: Refusal = refusal("UNAUTHORIZED", 401, "Unauthorized");
pub(crate) const ACCESS_DENIED: Refusal =
    refusal("ACCESS_DENIED", 403, "User is not authorized to access this resource");
pub(crate) const AUTHORIZER_FAILURE: Refusal = refusal("AUTHORIZER_FAILURE", 500, "Internal server error");
pub(crate) const AUTHORIZER_CONFIGURATION_ERROR: Refusal =
    refusal("AUTHORIZER_CONFIGURATION_ERROR", 500, "Internal server error");
pub(crate) const TIMED_OUT: Refusal = refusal("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out");
/// What a failed or malformed function is answered with: it has no response of its own, so the default applies.
pub(crate) const FUNCTION_FAILED: Refusal = refusal("", 502, "Internal server error");

#[derive(Debug)]
struct Written {
    status: Option<u16>,
    headers: Vec<(HeaderName, String)>,
    template: Option<String>,
}

/// The gateway responses of the template, by type.
#[derive(Debug)]
pub(crate) struct GatewayResponses(BTreeMap<String, Written>);

impl GatewayResponses {
    /// Reads the `GatewayResponses` property of the API.
    pub(crate) fn read(property: &Value) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for (kind, settings) in property.as_object().into_iter().flatten() {
            let mut headers = Vec::new();
            for (name, value) in settings["ResponseParameters"]["Headers"].as_object().into_iter().flatten() {
                let name = name.trim_start_matches("gatewayresponse.header.");
                let bad = || format!("the gateway response {kind} has a header that cannot be written: {name}");
                let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
                headers.push((header, value.as_str().ok_or_else(bad)?.to_owned()));
            }
            let templates = &settings["ResponseTemplates"];
            let template = templates["application/json"].as_str().map(str::to_owned);
            let status = number(&settings["StatusCode"]).and_then(|status| u16::try_from(status).ok());
            all.insert(kind.clone(), Written { status, headers, template });
        }
        Ok(Self(all))
    }

    /// The answer for a refusal. `context` gives the value of a `$context` name, such as `authorizer.code`.
    pub(crate) fn answer(&self, refusal: Refusal, context: &dyn Fn(&str) -> Option<String>) -> Response<Body> {
        let default = if refusal.status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let own = self.0.get(refusal.kind);
        let written = own.or_else(|| self.0.get(default));
        // A bad gateway keeps its status, as on AWS: only there is DEFAULT_5XX itself what answers.
        let status = written.and_then(|it| it.status).unwrap_or(refusal.status);
        let lookup = |name: &str| match name {
            "error.message" => Some(refusal.message.to_owned()),
            "error.messageString" => Some(format!("\"{}\"", refusal.message)),
            "error.responseType" => Some(refusal.response_type().to_owned()),
            "status" => Some(status.to_string()),
            other => context(other),
        };
        let template = written.and_then(|it| it.template.as_deref());
        let body = substitute(template.unwrap_or(r#"{"message":$context.error.messageString}"#), &lookup);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        for (name, value) in written.iter().flat_map(|it| &it.headers) {
            if let Ok(value) = HeaderValue::from_str(&parameter(value, &lookup)) {
                headers.insert(name.clone(), value);
            }
        }
        response
    }
}

/// A response parameter: a text in single quotes, or the name of a context value.
fn parameter(value: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let quoted = value.strip_prefix('\'').and_then(|it| it.strip_suffix('\''));
    match (quoted, value.strip_prefix("context.")) {
        (Some(text), _) => text.to_owned(),
        (None, Some(name)) => lookup(name).unwrap_or_default(),
        (None, None) => String::new(),
    }
}

/// The template with its `$context.…` names replaced, plainly: nothing is escaped, unknown names become nothing.
pub(crate) fn substitute(template: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    const MARK: &str = "$context.";
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(MARK) {
        out.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(after.len());
        let name = after[..end].trim_end_matches('.');
        out.push_str(&lookup(name).unwrap_or_default());
        rest = &after[name.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn responses() -> GatewayResponses {
        GatewayResponses::read(&json!({
            "ACCESS_DENIED": {
                "StatusCode": "403",
                "ResponseParameters": {"Headers": {"Content-Type": "'application/problem+json'"}},
                "ResponseTemplates": {"application/json":
                    "{\"code\":\"$context.authorizer.code\",\"id\":\"$context.requestId\",\"x\":\"$context.nothing\"}"}
            },
            "DEFAULT_4XX": {"StatusCode": 400, "ResponseTemplates": {"application/json": "$context.error.responseType."}},
        }))
        .expect("well-formed responses")
    }

    #[tokio::test]
    async fn a_refusal_is_written_by_its_template() {
        let context = |name: &str| match name {
            "authorizer.code" => Some("scope_violation".to_owned()),
            "requestId" => Some("r-1".to_owned()),
            _ => None,
        };
        let bytes = |response: Response<Body>| async {
            let bytes = axum::body::to_bytes(response.into_body(), 1000).await.expect("a body");
            String::from_utf8(bytes.to_vec()).expect("text")
        };
        let response = responses().answer(ACCESS_DENIED, &context);
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(bytes(response).await, r#"{"code":"scope_violation","id":"r-1","x":""}"#);

        let response = responses().answer(UNKNOWN_ROUTE, &context);
        assert_eq!(response.status(), 400);
        assert_eq!(bytes(response).await, "MISSING_AUTHENTICATION_TOKEN.");

        let response = responses().answer(FUNCTION_FAILED, &context);
        assert_eq!(response.status(), 502);
        assert_eq!(bytes(response).await, r#"{"message":"Internal server error"}"#);
    }
}
