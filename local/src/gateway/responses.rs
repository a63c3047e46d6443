//! The errors that API Gateway answers itself, in the form of the template's gateway responses.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
};

use crate::gateway::context::{Lookup, response_parameter, substitute};
use crate::template::GatewayResponse;

/// The body without a mapping template.
const DEFAULT_BODY: &str = r#"{"message":$context.error.messageString}"#;

/// An error of the gateway, with the status and message that API Gateway gives it by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GatewayError {
    /// The response type that is looked up before `DEFAULT_4XX` or `DEFAULT_5XX`.
    own_type: Option<&'static str>,
    status: u16,
    message: &'static str,
}

const fn error(own_type: &'static str, status: u16, message: &'static str) -> GatewayError {
    GatewayError { own_type: Some(own_type), status, message }
}

impl GatewayError {
    pub(super) const UNKNOWN_ROUTE: Self = error("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token");
    pub(super) const REQUEST_TOO_LARGE: Self = error("REQUEST_TOO_LARGE", 413, "Request Too Long");
    pub(super) const UNAUTHORIZED: Self = error("UNAUTHORIZED", 401, "Unauthorized");
    pub(super) const ACCESS_DENIED: Self =
        error("ACCESS_DENIED", 403, "User is not authorized to access this resource");
    pub(super) const AUTHORIZER_FAILURE: Self = error("AUTHORIZER_FAILURE", 500, "Internal server error");
    pub(super) const AUTHORIZER_CONFIGURATION_ERROR: Self =
        error("AUTHORIZER_CONFIGURATION_ERROR", 500, "Internal server error");
    pub(super) const INTEGRATION_TIMEOUT: Self = error("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out");
    /// The function failed or its response is malformed. This error has no response type of its own.
    pub(super) const INTEGRATION_FAILURE: Self = Self { own_type: None, status: 502, message: "Internal server error" };

    /// The value of `$context.error.responseType`.
    pub(super) fn response_type(self) -> &'static str {
        self.own_type.unwrap_or(self.default_type())
    }

    fn default_type(self) -> &'static str {
        if self.status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" }
    }
}

/// The gateway responses of the template, by response type.
pub(super) struct GatewayResponses(pub(super) BTreeMap<String, GatewayResponse>);

impl GatewayResponses {
    /// The response to an error; `context` gives the values of its variables.
    pub(super) fn render(&self, error: GatewayError, context: Lookup<'_>) -> Response<Body> {
        let own = error.own_type.and_then(|own_type| self.0.get(own_type));
        let configured = own.or_else(|| self.0.get(error.default_type()));
        let status = configured.and_then(|it| it.status).unwrap_or(error.status);
        let lookup = |name: &str| match name {
            "error.message" => Some(error.message.to_owned()),
            "error.messageString" => Some(format!("\"{}\"", error.message)),
            "error.responseType" => Some(error.response_type().to_owned()),
            "status" => Some(status.to_string()),
            other => context(other),
        };
        let template = configured.and_then(|it| it.body.as_deref()).unwrap_or(DEFAULT_BODY);
        let mut response = Response::new(Body::from(substitute(template, &lookup)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in configured.iter().flat_map(|it| &it.headers) {
            if let Ok(value) = HeaderValue::from_str(&response_parameter(value, &lookup)) {
                headers.insert(name.clone(), value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn responses() -> GatewayResponses {
        let access_denied = GatewayResponse {
            status: Some(403),
            headers: vec![(HeaderName::from_static("content-type"), "'application/problem+json'".to_owned())],
            body: Some(
                r#"{"code":"$context.authorizer.code","id":"$context.requestId","x":"$context.unknown"}"#.to_owned(),
            ),
        };
        let default_4xx =
            GatewayResponse { status: Some(400), headers: vec![], body: Some("$context.error.responseType.".into()) };
        let all = [("ACCESS_DENIED", access_denied), ("DEFAULT_4XX", default_4xx)];
        GatewayResponses(all.map(|(name, response)| (name.to_owned(), response)).into())
    }

    #[tokio::test]
    async fn an_error_is_rendered_by_its_gateway_response() {
        let context = |name: &str| match name {
            "authorizer.code" => Some("scope_violation".to_owned()),
            "requestId" => Some("r-1".to_owned()),
            _ => None,
        };
        let body = |response: Response<Body>| async {
            let bytes = axum::body::to_bytes(response.into_body(), 1000).await.expect("a body");
            String::from_utf8(bytes.to_vec()).expect("text")
        };
        let response = responses().render(GatewayError::ACCESS_DENIED, &context);
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(body(response).await, r#"{"code":"scope_violation","id":"r-1","x":""}"#);

        let response = responses().render(GatewayError::UNKNOWN_ROUTE, &context);
        assert_eq!(response.status(), 400);
        assert_eq!(body(response).await, "MISSING_AUTHENTICATION_TOKEN.");

        let response = responses().render(GatewayError::INTEGRATION_FAILURE, &context);
        assert_eq!(response.status(), 502);
        assert_eq!(body(response).await, r#"{"message":"Internal server error"}"#);
    }
}
