//! The REST API on this machine: what API Gateway does with a request, from its first byte to the response.

mod access_log;
mod authorizers;
mod context;
mod event;
mod policy;
mod proxy_response;
mod responses;
mod route;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use crate::{
    lambda::{Functions, MAX_PAYLOAD_BYTES},
    oidc::IdentityProvider,
    server::{Bodies, BodyError, is_larger},
    start_error::StartError,
    template::{Authorizer, Route, Stage, Template},
};
pub(crate) use access_log::ACCESS_LOG_TARGET;
use access_log::AccessLog;
use authorizers::Decision;
use event::GatewayRequest;
use responses::{GatewayError, GatewayResponses};
use route::Routes;

/// API Gateway's quota for the request line and the headers together.
const MAX_HEAD_BYTES: usize = 10_240;
/// API Gateway's quota for a body. Lambda's quota for an event is smaller and is checked later.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The API of the template.
pub(crate) struct Gateway {
    stage: Arc<Stage>,
    routes: Routes,
    authorizers: BTreeMap<String, Authorizer>,
    responses: GatewayResponses,
    access_log: Option<AccessLog>,
    functions: Functions,
    identity_provider: Arc<IdentityProvider>,
    requests: TaskTracker,
    bodies: Bodies,
}

/// What the access log shows of a response besides its status.
#[derive(Clone, Default)]
struct AccessLogFields {
    authorizer: Value,
    /// Set if the gateway itself made the response.
    response_type: Option<&'static str>,
}

/// Handles a request to the API.
pub(crate) async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut request = GatewayRequest::new(&gateway.stage, &parts, peer.ip());

    let mut response = match gateway.accept(&mut request, &parts, &body) {
        Ok(route) => {
            let (gateway, request) = (Arc::clone(&gateway), request.clone());
            // A task of its own, since an accepted request is carried out even if the client disconnects.
            let task = gateway.requests.clone().spawn(async move { gateway.respond(request, body, &route).await });
            task.await.unwrap_or_else(|_| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))
        }
        Err(response) => *response,
    };
    if let Ok(value) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    if let Some(access_log) = &gateway.access_log {
        let AccessLogFields { authorizer, response_type } = response.extensions_mut().remove().unwrap_or_default();
        access_log.write(&|name| match name {
            "status" => Some(response.status().as_u16().to_string()),
            "responseLatency" => Some(started.elapsed().as_millis().to_string()),
            "error.responseType" => response_type.map(str::to_owned),
            other => request.context_variable(other, &authorizer),
        });
    }
    response
}

impl Gateway {
    /// The API of a template, with the functions behind it. `requests` tracks the requests in progress.
    pub(crate) fn new(
        template: Template,
        functions: Functions,
        identity_provider: Arc<IdentityProvider>,
        requests: TaskTracker,
        bodies: Bodies,
    ) -> Result<Self, StartError> {
        Ok(Self {
            stage: template.stage,
            routes: Routes::new(template.routes)?,
            authorizers: template.authorizers,
            responses: GatewayResponses(template.gateway_responses),
            access_log: template.access_log_format.map(AccessLog::new),
            functions,
            identity_provider,
            requests,
            bodies,
        })
    }

    /// Checks the limits and finds the route; the error is the response. Nothing of the body is read.
    fn accept(&self, request: &mut GatewayRequest, parts: &Parts, body: &Body) -> Result<Route, Box<Response<Body>>> {
        let path = parts.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(self.stage.name.as_str()));
        let path = path.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        path.unwrap_or_default().clone_into(&mut request.path);
        if head_bytes(parts) > MAX_HEAD_BYTES {
            return Err(Box::new(close(self.error(request, GatewayError::REQUEST_TOO_LARGE, &Value::Null))));
        }
        if path.is_none() {
            return Err(Box::new(message(StatusCode::FORBIDDEN, "Forbidden")));
        }
        let Some(found) = self.routes.find(&request.method, &request.path) else {
            return Err(Box::new(self.error(request, GatewayError::UNKNOWN_ROUTE, &Value::Null)));
        };
        request.resource.clone_from(&found.route.resource);
        request.path_parameters = found.path_parameters;
        if is_larger(body, MAX_BODY_BYTES) {
            return Err(Box::new(close(self.error(request, GatewayError::REQUEST_TOO_LARGE, &Value::Null))));
        }
        Ok(found.route)
    }

    /// Authorizes the request, reads its body, and invokes the function.
    async fn respond(&self, mut request: GatewayRequest, body: Body, route: &Route) -> Response<Body> {
        let context = match &route.authorizer {
            None => None,
            Some(name) => match self.authorize(name, &request).await {
                Decision::Allowed(context) => Some(context),
                Decision::Denied(error, context) => return self.error(&request, error, &context),
            },
        };
        let authorizer = context.clone().unwrap_or_default();
        request.body = match self.bodies.read(body, MAX_BODY_BYTES).await {
            Ok(body) => body,
            Err(error) => {
                return close(match error {
                    BodyError::TooLarge => self.error(&request, GatewayError::REQUEST_TOO_LARGE, &authorizer),
                    BodyError::TimedOut => message(StatusCode::REQUEST_TIMEOUT, "Request timed out"),
                    BodyError::Incomplete => message(StatusCode::BAD_REQUEST, "Bad Request"),
                    BodyError::OutOfBudget => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                });
            }
        };
        let event = request.proxy_event(context);
        if event.to_string().len() > MAX_PAYLOAD_BYTES {
            return self.error(&request, GatewayError::REQUEST_TOO_LARGE, &authorizer);
        }
        let mut response = match timeout(INTEGRATION_TIMEOUT, self.functions.invoke(&route.function, event)).await {
            Err(_) => self.error(&request, GatewayError::INTEGRATION_TIMEOUT, &authorizer),
            Ok(Err(_)) => self.error(&request, GatewayError::INTEGRATION_FAILURE, &authorizer),
            Ok(Ok(response)) => proxy_response::parse(&response).unwrap_or_else(|| {
                tracing::error!(function = route.function, "malformed Lambda proxy response");
                self.error(&request, GatewayError::INTEGRATION_FAILURE, &authorizer)
            }),
        };
        response.extensions_mut().get_or_insert_default::<AccessLogFields>().authorizer = authorizer;
        response
    }

    async fn authorize(&self, authorizer: &str, request: &GatewayRequest) -> Decision {
        match self.authorizers.get(authorizer) {
            Some(Authorizer::UserPool { header }) => {
                authorizers::evaluate_token(request, header, &self.identity_provider)
            }
            Some(Authorizer::Function { function, headers }) => {
                if headers.iter().any(|name| request.header(name).is_none_or(str::is_empty)) {
                    return Decision::denied(GatewayError::UNAUTHORIZED);
                }
                let invocation = self.functions.invoke(function, request.authorizer_event());
                let response = timeout(AUTHORIZER_TIMEOUT, invocation).await;
                let response = response.unwrap_or_else(|_| Err("the authorizer timed out".to_owned()));
                authorizers::evaluate_response(response, &request.method_arn())
            }
            None => Decision::denied(GatewayError::AUTHORIZER_FAILURE),
        }
    }

    /// The gateway's response to an error.
    fn error(&self, request: &GatewayRequest, error: GatewayError, authorizer: &Value) -> Response<Body> {
        let mut response = self.responses.render(error, &|name| request.context_variable(name, authorizer));
        let response_type = Some(error.response_type());
        response.extensions_mut().insert(AccessLogFields { authorizer: authorizer.clone(), response_type });
        response
    }
}

/// The size of the request line and the headers.
fn head_bytes(parts: &Parts) -> usize {
    let request_line = parts.method.as_str().len() + parts.uri.to_string().len() + " HTTP/1.1 \r\n".len();
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    request_line + headers.sum::<usize>() + "\r\n".len()
}

/// A response that no gateway response configures.
fn message(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!(r#"{{"message":"{message}"}}"#)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Closes the connection after the response, since the rest of the request is not read.
fn close(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
