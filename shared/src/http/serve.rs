//! Runs a handler on a Lambda event: the one place where a refusal becomes an answer, and where what happened is logged.

use std::time::Instant;

use serde_json::{Map, Value};

use super::{Reply, Request, chain, cross_origin, rate_limits};
use crate::config::Config;
use crate::domain::push::PushId;
use crate::http::problem::Problem;
use crate::log::event::{Counts, Event, millis};

/// What refused nothing.
const OK: &str = "ok";

/// Who asks, as far as the authorizer says it: a key or a person of an account.
#[derive(Clone, Copy)]
struct Asking<'a> {
    account: Option<&'a str>,
    key: Option<&'a str>,
    person: Option<&'a str>,
}

impl<'a> Asking<'a> {
    fn of(authorizer: &'a Map<String, Value>) -> Self {
        let text = |map: &'a Map<String, Value>, name: &str| map.get(name).and_then(Value::as_str);
        match authorizer.get("claims") {
            Some(Value::Object(claims)) => {
                Self { account: text(claims, "custom:account"), key: None, person: text(claims, "sub") }
            }
            _ => Self { account: text(authorizer, "account"), key: text(authorizer, "key_id"), person: None },
        }
    }
}

/// Answers an event with what the handler says, and writes one line of it into the log.
pub async fn serve<F>(event: Value, config: &Config, handler: impl FnOnce(Request) -> F) -> Value
where
    F: Future<Output = Result<Reply, Problem>>,
{
    let started = Instant::now();
    let request = Request::from_event(event);
    let (id, resource, authorizer) = (request.id.clone(), request.resource.clone(), request.authorizer.clone());
    let rate_limits = rate_limits(&request);

    // Boxed, or the compiler gives up on the layout of so many nested futures.
    let result = Box::pin(handler(request)).await;

    let refusal = result.as_ref().err();
    let outcome = refusal.map_or(OK, |problem| problem.row().code);
    let cause = refusal.and_then(Problem::cause).map(|cause| chain(cause));
    let mut reply = result.unwrap_or_else(|problem| Reply::refusal(&problem, &id));
    for (name, value) in cross_origin(&resource, config).into_iter().chain(rate_limits) {
        reply = reply.header(name, value);
    }
    let asking = Asking::of(&authorizer);
    let answered = Event {
        request_id: Some(&id),
        account: asking.account,
        key_id: asking.key,
        person: asking.person,
        resource: Some(&resource),
        push: reply.push.as_ref().map(PushId::as_str),
        status: Some(reply.status),
        outcome,
        cause,
        millis: millis(started.elapsed()),
        counts: if outcome == OK { Counts::default() } else { Counts::refused() },
        ..Event::default()
    };
    answered.write("answered");

    reply.into_event()
}
