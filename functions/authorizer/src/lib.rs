//! Decides whether a key allows a request, and counts it if so: one write to the store, and none for a string that is not a
//! key. Nothing is cached, so a change by an admin is effective for the next request.

mod credentials;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use shared::domain::access::{AccessRequest, RequestedTarget};
use shared::domain::caller::Caller;
use shared::domain::channel::Slug;
use shared::domain::permission::Permission;
use shared::domain::scope::ScopeError;
use shared::domain::secret::{Secret, TagKey};
use shared::domain::time::Timestamp;
use shared::error::error_chain;
use shared::http::Problem;
use shared::log::event::{LogEvent, MetricCounts, millis};
use shared::store::{self, Store, Verdict};

/// Why there is no policy. API Gateway tells the cases apart by their text.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No key, or an unknown one: 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// The store does not respond: 503, and never an allow.
    #[error("Unavailable")]
    Unavailable(#[source] store::Error),
    /// The template gives this authorizer a route that it does not know.
    #[error("Unknown route")]
    UnknownRoute,
}

/// The output of a Lambda authorizer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerResponse {
    principal_id: String,
    policy_document: Policy,
    context: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

/// The decision on a request with an existing key.
enum Decision {
    /// The handler is invoked.
    Allowed(Caller),
    /// The key denies the request.
    Denied(Problem),
}

/// Evaluates the request of an authorizer event, and writes one line to the log.
pub async fn handle(store: &Store, tag_key: &TagKey, event: Value) -> Result<AuthorizerResponse, Failure> {
    let (now, started) = (Timestamp::now(), Instant::now());
    let secret = credentials::presented(&event).and_then(|text| Secret::parse(&text, tag_key));

    let decision = Box::pin(decide(store, secret.as_ref(), &event, now)).await;

    let line = LogEvent {
        request_id: event["requestContext"]["requestId"].as_str(),
        account: secret.as_ref().map(|secret| secret.account().as_str()),
        key_id: secret.as_ref().map(|secret| secret.key().as_str()),
        millis: millis(started.elapsed()),
        ..outcome(&decision)
    };
    line.write("evaluated");
    let method_arn = event["methodArn"].as_str().unwrap_or_default();
    match (decision?, secret) {
        (Decision::Allowed(caller), Some(secret)) => {
            let request_id = event["requestContext"]["requestId"].as_str().unwrap_or_default();
            Ok(response("Allow", &secret, method_arn, caller.context(request_id)))
        }
        (Decision::Denied(problem), Some(secret)) => {
            Ok(response("Deny", &secret, method_arn, denial_context(&problem)))
        }
        (_, None) => Err(Failure::Unauthorized),
    }
}

async fn decide(store: &Store, secret: Option<&Secret>, event: &Value, now: Timestamp) -> Result<Decision, Failure> {
    let secret = secret.ok_or(Failure::Unauthorized)?;
    let request = access_request(event).ok_or(Failure::UnknownRoute)?;

    match store.authorize(secret, &request, now).await.map_err(Failure::Unavailable)? {
        Verdict::Allowed(caller) => Ok(Decision::Allowed(caller)),
        Verdict::Denied(denial) => Problem::from_denial(denial).map(Decision::Denied).ok_or(Failure::Unauthorized),
        Verdict::Unknown => Err(Failure::Unauthorized),
    }
}

/// The outcome and its metrics. A rate-limited request is denied and counted by the handler.
fn outcome(decision: &Result<Decision, Failure>) -> LogEvent<'static> {
    let authorized = MetricCounts { authorized: Some(1), ..MetricCounts::default() };
    let (outcome, counts) = match decision {
        Ok(Decision::Allowed(Caller { retry_after: Some(_), .. })) => ("rate_limited", MetricCounts::default()),
        Ok(Decision::Allowed(_)) => ("authorized", authorized),
        Ok(Decision::Denied(problem)) => (problem.row().code, MetricCounts::problem()),
        Err(Failure::Unauthorized) => ("unauthenticated", MetricCounts::problem()),
        Err(Failure::UnknownRoute) => ("unknown_route", MetricCounts::problem()),
        Err(Failure::Unavailable(error)) => {
            let ambiguous = matches!(error, store::Error::Ambiguous(_)).then_some(1);
            ("unavailable", MetricCounts { authorizer_unavailable: Some(1), ambiguous, ..MetricCounts::problem() })
        }
    };
    let cause = match decision {
        Err(Failure::Unavailable(error)) => Some(error_chain(error)),
        _ => None,
    };
    LogEvent { outcome, counts, cause, ..LogEvent::default() }
}

/// What the route asks of a key. A channel in the path that is not a slug is left to the handler, which reports it.
fn access_request(event: &Value) -> Option<AccessRequest> {
    let channel = event["pathParameters"]["channel"].as_str().unwrap_or_default();
    let (permission, target) = match (event["httpMethod"].as_str()?, event["resource"].as_str()?) {
        ("POST", "/push") => (Permission::SendPush, RequestedTarget::InBody),
        ("POST", "/channels/{channel}/push") => {
            let slug = Slug::try_from(channel.to_owned());
            (Permission::SendPush, slug.map_or(RequestedTarget::None, RequestedTarget::Channel))
        }
        ("GET", "/push/{id}") => (Permission::SendPush, RequestedTarget::None),
        ("PUT", "/subscriptions") | ("DELETE", "/subscriptions/{id}") | ("GET", "/subscriptions/config") => {
            (Permission::WriteSubscriptions, RequestedTarget::None)
        }
        _ => return None,
    };
    Some(AccessRequest { permission, target })
}

/// The context of a deny, which the gateway response substitutes.
fn denial_context(problem: &Problem) -> BTreeMap<&'static str, String> {
    let (refused, allowed) = match problem {
        Problem::Scope(error @ ScopeError::OutOfScope { .. }) => (error.refused(), error.allowed()),
        _ => (String::new(), String::new()),
    };

    BTreeMap::from([
        ("code", problem.row().code.to_owned()),
        ("title", problem.row().title.to_owned()),
        ("detail", problem.detail()),
        ("refused", refused),
        ("allowed", allowed),
    ])
}

/// The ARN of the API's stage, with any route: the response is for this one request, and a client's path may contain
/// characters that have a meaning in a policy.
fn stage_arn(method_arn: &str) -> String {
    let api_and_stage: Vec<&str> = method_arn.splitn(3, '/').take(2).collect();
    format!("{}/*", api_and_stage.join("/"))
}

fn response(
    effect: &'static str,
    secret: &Secret,
    method_arn: &str,
    context: BTreeMap<&'static str, String>,
) -> AuthorizerResponse {
    let statement = Statement { action: "execute-api:Invoke", effect, resource: stage_arn(method_arn) };
    AuthorizerResponse {
        principal_id: secret.key().to_string(),
        policy_document: Policy { version: "2012-10-17", statement: [statement] },
        context,
    }
}
