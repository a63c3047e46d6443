//! Runs a handler on a proxy event: the only place where a problem becomes a response, and where the outcome is logged.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use super::problem::Problem;
use super::request::{Extract as _, Request, from_event};
use super::response::{self, Response, ResponseExt as _};
use super::{headers, problem};
use crate::config::Config;
use crate::domain::id::PushId;
use crate::error::error_chain;
use crate::log::event::{LogEvent, MetricCounts, millis};

/// The outcome of a request without a problem.
const OK: &str = "ok";

/// The principal of a request, as the authorizer's context names it.
#[derive(Clone, Copy)]
struct Principal<'a> {
    account: Option<&'a str>,
    key: Option<&'a str>,
    user: Option<&'a str>,
}

impl<'a> Principal<'a> {
    fn from_context(context: &'a HashMap<String, Value>) -> Self {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        match context.get("claims").and_then(Value::as_object) {
            Some(claims) => {
                let claim = |name: &str| claims.get(name).and_then(Value::as_str);
                Self { account: claim("custom:account"), key: None, user: claim("sub") }
            }
            None => Self { account: text("account"), key: text("key_id"), user: None },
        }
    }
}

/// Answers an event with the handler's response, and writes one line to the log.
pub async fn serve(
    event: Value,
    config: &Config,
    handler: impl AsyncFnOnce(&Request) -> Result<Response, Problem>,
) -> Value {
    let started = Instant::now();
    let request = from_event(event);

    // Boxed, because the compiler cannot lay out the nested futures otherwise.
    let result = Box::pin(handler(&request)).await;

    let problem = result.as_ref().err();
    let outcome = problem.map_or(OK, |problem| problem.row().code);
    let cause = problem.and_then(problem::Problem::cause).map(|cause| error_chain(cause));
    let mut response = result.unwrap_or_else(|problem| response::from_problem(&problem, request.request_id()));
    for (name, value) in headers::cors(request.route(), config).into_iter().chain(headers::rate_limits(&request)) {
        response = response.with_header(name, &value);
    }
    let principal = Principal::from_context(request.authorizer());
    let answered = LogEvent {
        request_id: Some(request.request_id()),
        account: principal.account,
        key_id: principal.key,
        user: principal.user,
        resource: Some(request.route()),
        push: response.push_id().map(PushId::as_str),
        status: Some(response.status().as_u16()),
        outcome,
        cause,
        millis: millis(started.elapsed()),
        counts: if outcome == OK { MetricCounts::default() } else { MetricCounts::problem() },
        ..LogEvent::default()
    };
    answered.write("answered");

    response::into_event(response)
}
