//! The gateway: what API Gateway does with a request, from its first byte to the answer.

pub(crate) mod access_log;
pub(crate) mod authorizers;
pub(crate) mod connection;
mod event;
mod policy;
mod proxy_response;
pub(crate) mod responses;
pub(crate) mod route;

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{
    gateway::authorizers::{Authorizer, Decision},
    gateway::connection::{Connection, Head},
    gateway::event::Call,
    gateway::responses::{
        AUTHORIZER_FAILURE, FUNCTION_FAILED, Refusal, TIMED_OUT, TOO_LARGE, UNAUTHORIZED, UNKNOWN_ROUTE,
    },
    lambda::invoke::{Functions, PAYLOAD_LIMIT, Running},
    oidc::users::People,
    random,
    template::Template,
};

/// The request line and the headers, in bytes.
const HEAD_LIMIT: usize = 10_240;
/// What API Gateway reads of a body, in bytes. Lambda takes less, which is looked at later.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
const AUTHORIZER_LIMIT: Duration = Duration::from_secs(10);
const INTEGRATION_LIMIT: Duration = Duration::from_secs(29);

/// All that answering a request takes.
pub(crate) struct Gateway {
    pub(crate) template: Arc<Template>,
    pub(crate) functions: Functions,
    pub(crate) people: Arc<People>,
    pub(crate) running: Running,
}

/// Answers a request that is not for the gateway's own addresses.
pub(crate) async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let line = parts.method.as_str().len() + parts.uri.to_string().len() + " HTTP/1.1 \r\n".len();
    let (head, _answering) = connection.head(&parts.headers, line);
    let head_bytes = head.bytes;
    let mut call = call(&gateway.template.stage, &parts, &connection, head);

    let mut response = match gateway.route(&mut call, parts.uri.path(), head_bytes, body).await {
        Ok(()) => {
            let (gateway, call) = (Arc::clone(&gateway), call.clone());
            // The client may leave; the request goes its way.
            let answer = gateway.running.clone().spawn(async move { gateway.answer(call).await });
            answer.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))
        }
        Err(refused) => *refused,
    };
    if let Ok(value) = HeaderValue::from_str(&call.id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    if let Some(access_log) = &gateway.template.access_log {
        let Trail { authorizer, response_type } = response.extensions_mut().remove().unwrap_or_default();
        access_log.write(&|name| match name {
            "status" => Some(response.status().as_u16().to_string()),
            "responseLatency" => Some(started.elapsed().as_millis().to_string()),
            "error.responseType" => response_type.map(str::to_owned),
            other => call.variable(other, &authorizer),
        });
    }
    response
}

/// What the access log says of an answer besides its status.
#[derive(Clone, Default)]
struct Trail {
    /// What the authorizer said.
    authorizer: Value,
    /// Why the gateway answered by itself.
    response_type: Option<&'static str>,
}

/// The request, before its route is known.
fn call(stage: &str, parts: &axum::http::request::Parts, connection: &Connection, head: Head) -> Call {
    Call {
        id: random::uuid(),
        method: parts.method.to_string(),
        resource: String::new(),
        stage: stage.to_owned(),
        path: String::new(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        protocol: format!("{:?}", parts.version),
        parameters: std::collections::BTreeMap::new(),
        headers: head.headers,
        body: Bytes::new(),
        source: connection.peer.ip(),
        received: Timestamp::now(),
    }
}

impl Gateway {
    /// Finds the route of a call and reads its body, or answers one that has none.
    async fn route(
        &self,
        call: &mut Call,
        path: &str,
        head_bytes: usize,
        body: Body,
    ) -> Result<(), Box<Response<Body>>> {
        let under_stage = path.strip_prefix('/').and_then(|path| path.strip_prefix(call.stage.as_str()));
        let under_stage = under_stage.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        under_stage.unwrap_or_default().clone_into(&mut call.path);
        if head_bytes > HEAD_LIMIT {
            return Err(Box::new(closing(self.refuse(call, TOO_LARGE, &Value::Null))));
        }
        call.body = match to_bytes(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(_) => return Err(Box::new(closing(self.refuse(call, TOO_LARGE, &Value::Null)))),
        };
        if under_stage.is_none() {
            return Err(Box::new(plain(StatusCode::FORBIDDEN, "Forbidden")));
        }
        let Some(found) = self.template.routes.find(&call.method, &call.path) else {
            return Err(Box::new(self.refuse(call, UNKNOWN_ROUTE, &Value::Null)));
        };
        call.resource = found.route.resource;
        call.parameters = found.parameters;
        Ok(())
    }

    async fn answer(&self, call: Call) -> Response<Body> {
        let Some(found) = self.template.routes.find(&call.method, &call.path) else {
            return self.refuse(&call, UNKNOWN_ROUTE, &Value::Null);
        };
        let context = match found.route.authorizer {
            None => None,
            Some(name) => match self.decide(&name, &call).await {
                Decision::Allowed(context) => Some(context),
                Decision::Refused(refusal, context) => return self.refuse(&call, refusal, &context),
            },
        };
        let context_for_refusals = context.clone().unwrap_or_default();
        let event = call.proxy_event(context);
        if event.to_string().len() > PAYLOAD_LIMIT {
            return self.refuse(&call, TOO_LARGE, &context_for_refusals);
        }
        let mut response = match timeout(INTEGRATION_LIMIT, self.functions.invoke(&found.route.function, event)).await {
            Err(_) => self.refuse(&call, TIMED_OUT, &context_for_refusals),
            Ok(Err(_)) => self.refuse(&call, FUNCTION_FAILED, &context_for_refusals),
            Ok(Ok(answer)) => proxy_response::response(&answer).unwrap_or_else(|| {
                tracing::error!(function = found.route.function, "the answer is not that of a proxy integration");
                self.refuse(&call, FUNCTION_FAILED, &context_for_refusals)
            }),
        };
        let trail = response.extensions_mut().get_or_insert_default::<Trail>();
        trail.authorizer = context_for_refusals;
        response
    }

    async fn decide(&self, authorizer: &str, call: &Call) -> Decision {
        match self.template.authorizers.get(authorizer) {
            Some(Authorizer::People { header }) => authorizers::of_token(call, header, &self.people),
            Some(Authorizer::Function { function, headers }) => {
                if headers.iter().any(|name| call.header(name).is_none_or(str::is_empty)) {
                    return Decision::Refused(UNAUTHORIZED, Value::Null);
                }
                let answer = timeout(AUTHORIZER_LIMIT, self.functions.invoke(function, call.authorizer_event())).await;
                let answer = answer.unwrap_or_else(|_| Err("the authorizer took too long".to_owned()));
                authorizers::of_function(answer, &call.method_arn())
            }
            None => Decision::Refused(AUTHORIZER_FAILURE, Value::Null),
        }
    }

    fn refuse(&self, call: &Call, refusal: Refusal, authorizer: &Value) -> Response<Body> {
        let mut response = self.template.responses.answer(refusal, &|name| call.variable(name, authorizer));
        let response_type = Some(refusal.response_type());
        response.extensions_mut().insert(Trail { authorizer: authorizer.clone(), response_type });
        response
    }
}

/// An answer that no gateway response writes.
fn plain(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!(r#"{{"message":"{message}"}}"#)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The rest of the request is not read, so nothing more can be read from its connection.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
