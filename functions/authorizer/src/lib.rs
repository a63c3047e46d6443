//! Decides whether a request with a key may pass, and counts it if so: one write to the store, and none for a string
//! that is not a key. Nothing is cached, so what an admin changed holds for the next request.

mod credentials;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use shared::channel::Slug;
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

/// Judges the request of an authorizer event, and writes one line of it into the log.
pub async fn handle(store: &Store, event: Value) -> Result<Answer, Failure> {
    let now = Timestamp::now();
    let request_id = event["requestContext"]["requestId"].as_str().unwrap_or_default().to_owned();

    let judged = Box::pin(judge(store, &event, now)).await;

    let millis = Timestamp::now().millis() - now.millis();
    match &judged {
        Ok(answer) => {
            let outcome = answer.context.get("code").map_or("authorised", String::as_str);
            tracing::info!(request_id, key_id = answer.principal_id, outcome, millis, "judged");
        }
        Err(Failure::Unavailable(cause)) => {
            tracing::error!(request_id, cause = chain(cause), millis, "not judged: the write may have been applied");
        }
        Err(failure) => tracing::info!(request_id, outcome = %failure, millis, "judged"),
    }
    judged
}

async fn judge(store: &Store, event: &Value, now: Timestamp) -> Result<Answer, Failure> {
    let secret = credentials::presented(event).and_then(|text| Secret::parse(&text)).ok_or(Failure::Unauthorized)?;
    let ask = ask(event).ok_or(Failure::UnknownRoute)?;
    let method_arn = event["methodArn"].as_str().unwrap_or_default();

    match store.authorize(&secret, &ask, now).await.map_err(Failure::Unavailable)? {
        Verdict::Through(caller) => Ok(answer("Allow", &secret, method_arn, caller.context())),
        Verdict::Refused(refusal) => Ok(answer("Deny", &secret, method_arn, why(refusal)?)),
        Verdict::Unknown => Err(Failure::Unauthorized),
    }
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

/// A refusal in the words of the handlers' own problems, for the gateway's answer to fill in.
fn why(refusal: Refusal) -> Result<BTreeMap<&'static str, String>, Failure> {
    let problem = match refusal {
        Refusal::WrongSecret | Refusal::RateLimited { .. } => return Err(Failure::Unauthorized),
        Refusal::Inactive => Problem::KeyInactive,
        Refusal::Expired => Problem::KeyExpired,
        Refusal::PermissionDenied(permission) => Problem::PermissionDenied(permission),
        Refusal::Scope(refusal) => Problem::Scope(refusal),
    };
    let (refused, allowed) = match &problem {
        Problem::Scope(refusal @ scope::Refusal::Violation { .. }) => (refusal.refused(), refusal.allowed()),
        _ => (String::new(), String::new()),
    };

    Ok(BTreeMap::from([
        ("code", problem.row().code.to_owned()),
        ("title", problem.row().title.to_owned()),
        ("detail", problem.detail()),
        ("refused", refused),
        ("allowed", allowed),
    ]))
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
