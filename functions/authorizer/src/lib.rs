//! Decides whether a request with a key may pass, and counts it if so: one write to the store, and none for a string
//! that is not a key. Nothing is cached, so what an admin changed holds for the next request.

mod credentials;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use shared::caller::Caller;
use shared::channel::Slug;
use shared::event::{Counts, Event, millis};
use shared::http::chain;
use shared::key::{Ask, AskedReach, Refusal};
use shared::permission::Permission;
use shared::problem::Problem;
use shared::scope;
use shared::secret::Secret;
use shared::store::{self, Store, Verdict};
use shared::time::Timestamp;

/// Why no policy is answered. API Gateway tells them apart by their words.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No key, or none that we know: 401.
    #[error("Unauthorized")]
    Unauthorized,
    /// The store does not answer: 503, and never an allow.
    #[error("Unavailable")]
    Unavailable(#[source] store::Error),
    /// A route that this authorizer does not know was given to it.
    #[error("Unknown route")]
    UnknownRoute,
}

/// What API Gateway is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
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

/// What is decided of a request.
enum Judgement {
    /// It passes as far as the handler.
    Through(Caller),
    /// The key is known and refuses it.
    Denied(Problem),
}

/// Judges the request of an authorizer event, and writes one line of it into the log.
pub async fn handle(store: &Store, event: Value) -> Result<Answer, Failure> {
    let (now, started) = (Timestamp::now(), Instant::now());
    let secret = credentials::presented(&event).and_then(|text| Secret::parse(&text));

    let judged = Box::pin(judge(store, secret.as_ref(), &event, now)).await;

    let line = Event {
        request_id: event["requestContext"]["requestId"].as_str(),
        account: secret.as_ref().map(|secret| secret.account().as_str()),
        key_id: secret.as_ref().map(|secret| secret.key().as_str()),
        millis: millis(started.elapsed()),
        ..outcome(&judged)
    };
    line.write("judged");
    let method_arn = event["methodArn"].as_str().unwrap_or_default();
    match (judged?, secret) {
        (Judgement::Through(caller), Some(secret)) => Ok(answer("Allow", &secret, method_arn, caller.context())),
        (Judgement::Denied(problem), Some(secret)) => Ok(answer("Deny", &secret, method_arn, why(&problem))),
        (_, None) => Err(Failure::Unauthorized),
    }
}

async fn judge(store: &Store, secret: Option<&Secret>, event: &Value, now: Timestamp) -> Result<Judgement, Failure> {
    let secret = secret.ok_or(Failure::Unauthorized)?;
    let ask = ask(event).ok_or(Failure::UnknownRoute)?;

    match store.authorize(secret, &ask, now).await.map_err(Failure::Unavailable)? {
        Verdict::Through(caller) => Ok(Judgement::Through(caller)),
        Verdict::Refused(refusal) => problem(refusal).map(Judgement::Denied),
        Verdict::Unknown => Err(Failure::Unauthorized),
    }
}

/// How it ended, and what that counts. Who is over a limit is refused by the handler, which counts it.
fn outcome(judged: &Result<Judgement, Failure>) -> Event<'static> {
    let authorised = Counts { authorised: Some(1), ..Counts::default() };
    let (outcome, counts) = match judged {
        Ok(Judgement::Through(Caller { retry_after: Some(_), .. })) => ("rate_limited", Counts::default()),
        Ok(Judgement::Through(_)) => ("authorized", authorised),
        Ok(Judgement::Denied(problem)) => (problem.row().code, Counts::refused()),
        Err(Failure::Unauthorized) => ("unauthenticated", Counts::refused()),
        Err(Failure::UnknownRoute) => ("unknown_route", Counts::refused()),
        Err(Failure::Unavailable(error)) => {
            let ambiguous = matches!(error, store::Error::Ambiguous(_)).then_some(1);
            ("unavailable", Counts { undecided: Some(1), ambiguous, ..Counts::refused() })
        }
    };
    let cause = match judged {
        Err(Failure::Unavailable(error)) => Some(chain(error)),
        _ => None,
    };
    Event { outcome, counts, cause, ..Event::default() }
}

/// What the route asks of a key. A path's channel that is not a slug is left to the handler, which says so.
fn ask(event: &Value) -> Option<Ask> {
    let channel = event["pathParameters"]["channel"].as_str().unwrap_or_default();
    let (permission, reach) = match (event["httpMethod"].as_str()?, event["resource"].as_str()?) {
        ("POST", "/push") => (Permission::Send, AskedReach::InBody),
        ("POST", "/channels/{channel}/push") => {
            let slug = Slug::try_from(channel.to_owned());
            (Permission::Send, slug.map_or(AskedReach::Nobody, AskedReach::Channel))
        }
        ("GET", "/push/{id}") => (Permission::Send, AskedReach::Nobody),
        ("PUT", "/subscriptions") | ("DELETE", "/subscriptions/{id}") | ("GET", "/subscriptions/config") => {
            (Permission::Subscribe, AskedReach::Nobody)
        }
        _ => return None,
    };
    Some(Ask { permission, reach })
}

/// A refusal in the words of the handlers' own problems.
fn problem(refusal: Refusal) -> Result<Problem, Failure> {
    match refusal {
        Refusal::WrongSecret | Refusal::RateLimited { .. } => Err(Failure::Unauthorized),
        Refusal::Inactive => Ok(Problem::KeyInactive),
        Refusal::Expired => Ok(Problem::KeyExpired),
        Refusal::PermissionDenied(permission) => Ok(Problem::PermissionDenied(permission)),
        Refusal::Scope(refusal) => Ok(Problem::Scope(refusal)),
    }
}

/// A problem, for the gateway's answer to fill in.
fn why(problem: &Problem) -> BTreeMap<&'static str, String> {
    let (refused, allowed) = match problem {
        Problem::Scope(refusal @ scope::Refusal::Violation { .. }) => (refusal.refused(), refusal.allowed()),
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

/// The API's stage, whatever the route: the answer is for this one request, and a stranger's path has characters that
/// mean something in a policy.
fn every_route(method_arn: &str) -> String {
    let api_and_stage: Vec<&str> = method_arn.splitn(3, '/').take(2).collect();
    format!("{}/*", api_and_stage.join("/"))
}

fn answer(effect: &'static str, secret: &Secret, method_arn: &str, context: BTreeMap<&'static str, String>) -> Answer {
    let statement = Statement { action: "execute-api:Invoke", effect, resource: every_route(method_arn) };
    Answer {
        principal_id: secret.key().to_string(),
        policy_document: Policy { version: "2012-10-17", statement: [statement] },
        context,
    }
}
