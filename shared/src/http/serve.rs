//! Runs a handler on a proxy event: the only place where a problem becomes a response, and where the outcome is logged.

use std::collections::HashMap;
use std::time::Instant;

use lambda_http::http::header::CACHE_CONTROL;
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

/// The routes of a function, each a method and a path as the template declares it: `("GET", "/keys/{id}")`.
pub type Routes = &'static [(&'static str, &'static str)];

/// Every path, for a function that does the same for each.
pub const ANY_PATH: &str = "*";

/// Answers an event with the handler's response, and writes one line to the log. An event of a route that is not the
/// function's own does not reach the handler.
pub async fn serve(
    event: Value,
    config: &Config,
    routes: Routes,
    handler: impl AsyncFnOnce(&Request) -> Result<Response, Problem>,
) -> Value {
    let started = Instant::now();
    let own = routes
        .iter()
        .any(|(method, path)| event["httpMethod"] == *method && (*path == ANY_PATH || event["resource"] == *path));
    let request = from_event(event);

    // Boxed, because the compiler cannot lay out the nested futures otherwise.
    let result = if own {
        Box::pin(handler(&request)).await
    } else {
        Err(Problem::mismatch("the event is of another function's route"))
    };

    let problem = result.as_ref().err();
    let outcome = problem.map_or(OK, |problem| problem.row().code);
    let cause = problem.and_then(problem::Problem::cause).map(|cause| error_chain(cause));
    let counts = match problem {
        None => MetricCounts::default(),
        Some(Problem::Mismatch(_)) => MetricCounts { event_mismatch: Some(1), ..MetricCounts::problem() },
        Some(_) => MetricCounts::problem(),
    };
    let mut response = result.unwrap_or_else(|problem| response::from_problem(&problem, request.request_id()));
    if !response.headers().contains_key(CACHE_CONTROL) {
        response = response.no_store();
    }
    let of_route = headers::cors(request.route(), config).chain(headers::rate_limits(&request));
    for (name, value) in headers::security().into_iter().chain(of_route) {
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
        counts,
        ..LogEvent::default()
    };
    answered.write("answered");

    response::into_event(response)
}
