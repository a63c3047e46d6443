//! The gateway: what API Gateway does with a request, from its first byte to the answer.

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
    authorizers::{self, Authorizer, Decision},
    connection::{Connection, Head},
    event::Call,
    gateway_responses::{
        AUTHORIZER_FAILURE, FUNCTION_FAILED, Refusal, TIMED_OUT, TOO_LARGE, UNAUTHORIZED, UNKNOWN_ROUTE,
    },
    integration,
    invocation::{Functions, PAYLOAD_LIMIT, Running},
    people::People,
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
    let id = random::uuid();
    let method = parts.method.to_string();

    let call = call(&gateway, &id, &parts, &connection, head, body).await;
    let (resource, mut response) = match call {
        Ok(call) => {
            let resource = call.resource.clone();
            let gateway = Arc::clone(&gateway);
            // The client may leave; the request goes its way.
            let answer = gateway.running.clone().spawn(async move { gateway.answer(call).await });
            (
                resource,
                answer.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")),
            )
        }
        Err(refused) => (String::new(), *refused),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    tracing::info!(
        method,
        resource,
        status = response.status().as_u16(),
        ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        request_id = id,
        "request"
    );
    response
}

/// The request with its route, or the answer to one that has none.
async fn call(
    gateway: &Gateway,
    id: &str,
    parts: &axum::http::request::Parts,
    connection: &Connection,
    head: Head,
    body: Body,
) -> Result<Call, Box<Response<Body>>> {
    let stage = &gateway.template.stage;
    let path = parts.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(stage.as_str()));
    let path = path.filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut call = Call {
        id: id.to_owned(),
        method: parts.method.to_string(),
        resource: String::new(),
        stage: stage.clone(),
        path: path.unwrap_or_default().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        protocol: format!("{:?}", parts.version),
        parameters: std::collections::BTreeMap::new(),
        headers: head.headers,
        body: Bytes::new(),
        source: connection.peer.ip(),
        received: Timestamp::now(),
    };
    if head.bytes > HEAD_LIMIT {
        return Err(Box::new(closing(gateway.refuse(&call, TOO_LARGE, &Value::Null))));
    }
    call.body = match to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(_) => return Err(Box::new(closing(gateway.refuse(&call, TOO_LARGE, &Value::Null)))),
    };
    if path.is_none() {
        return Err(Box::new(plain(StatusCode::FORBIDDEN, "Forbidden")));
    }
    let found = gateway.template.routes.find(&call.method, &call.path);
    let Some(found) = found else {
        return Err(Box::new(gateway.refuse(&call, UNKNOWN_ROUTE, &Value::Null)));
    };
    call.resource = found.route.resource;
    call.parameters = found.parameters;
    Ok(call)
}

impl Gateway {
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
        match timeout(INTEGRATION_LIMIT, self.functions.invoke(&found.route.function, event)).await {
            Err(_) => self.refuse(&call, TIMED_OUT, &context_for_refusals),
            Ok(Err(_)) => self.refuse(&call, FUNCTION_FAILED, &context_for_refusals),
            Ok(Ok(answer)) => integration::response(&answer).unwrap_or_else(|| {
                tracing::error!(function = found.route.function, "the answer is not that of a proxy integration");
                self.refuse(&call, FUNCTION_FAILED, &context_for_refusals)
            }),
        }
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
        self.template.responses.answer(refusal, &|name| {
            if let Some(name) = name.strip_prefix("authorizer.") {
                let value =
                    name.strip_prefix("claims.").map_or_else(|| &authorizer[name], |it| &authorizer["claims"][it]);
                return value.as_str().map(str::to_owned);
            }
            Some(match name {
                "requestId" | "extendedRequestId" => call.id.clone(),
                "httpMethod" => call.method.clone(),
                "resourcePath" => call.resource.clone(),
                "path" => format!("/{}{}", call.stage, call.path),
                "stage" => call.stage.clone(),
                "identity.sourceIp" => call.source.to_string(),
                _ => return None,
            })
        })
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
