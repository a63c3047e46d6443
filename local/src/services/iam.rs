//! IAM: a request to a service needs the credentials of this start, and each function may do what its role in the template
//! grants. The services check this before they handle a request, as on AWS, so that a missing grant is found on a laptop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header::AUTHORIZATION},
    middleware::Next,
};
use serde_json::Value;

use crate::server::{Bodies, BodyError};
use crate::services::aws_json::{MAX_REQUEST_BYTES, client_error, target};
use crate::services::session_token::SessionToken;
use crate::template::Grant;
use crate::template::values::{ACCOUNT_ID, REGION};

/// The grants of each function, and what it requested.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    grants: BTreeMap<String, BTreeSet<Grant>>,
    calls: Mutex<BTreeMap<String, BTreeSet<Grant>>>,
}

impl Roles {
    /// The grants by the function's logical ID, which is also its access key on this machine.
    pub(crate) fn new(grants: BTreeMap<String, BTreeSet<Grant>>) -> Self {
        Self { grants, calls: Mutex::default() }
    }

    /// What each function has requested so far, granted or not.
    pub(crate) fn calls(&self) -> BTreeMap<String, BTreeSet<Grant>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks a request; the error is the message of an `AccessDeniedException`. An access key of no function has no
    /// restrictions.
    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        let Some((function, grants)) = access_key(headers).and_then(|key| self.grants.get_key_value(key)) else {
            return Ok(());
        };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let required = required_grants(target(headers), &request);
        // Recorded before the check, so that a missing grant is recorded too.
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.entry(function.clone()).or_default().extend(required.iter().cloned());
        if let Some(Grant { action, resource }) = required.iter().find(|grant| !grants.contains(grant)) {
            return Err(format!(
                "User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/{function} is not authorized to perform: {action} on \
                 resource: {resource} because no identity-based policy allows the {action} action"
            ));
        }
        Ok(())
    }
}

/// What the services check.
pub(crate) struct Iam {
    pub(crate) roles: Arc<Roles>,
    pub(crate) session_token: SessionToken,
    pub(crate) bodies: Bodies,
}

/// Middleware that checks each request to a service. Only a request with the credentials has its body read.
pub(crate) async fn check(State(iam): State<Arc<Iam>>, request: Request, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !iam.session_token.is_sent(&parts.headers) {
        let message = "The security token included in the request is invalid.";
        return client_error("com.amazon.coral.service#UnrecognizedClientException", message);
    }
    let body = match iam.bodies.read(body, MAX_REQUEST_BYTES).await {
        Ok(body) => body,
        Err(error) => {
            let mut failed = Response::new(Body::empty());
            *failed.status_mut() = match error {
                BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::TimedOut => StatusCode::REQUEST_TIMEOUT,
                BodyError::Incomplete => StatusCode::BAD_REQUEST,
                BodyError::OutOfBudget => StatusCode::SERVICE_UNAVAILABLE,
            };
            return failed;
        }
    };
    match iam.roles.check(&parts.headers, &body) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body.to_vec()))).await,
        Err(reason) => client_error("com.amazon.coral.service#AccessDeniedException", &reason),
    }
}

/// The access key in a request's signature: `AWS4-HMAC-SHA256 Credential=<access key>/<date>/…`.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let signature = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = signature.split_once("Credential=")?;
    credential.split('/').next()
}

/// The grants that a request requires, one for each resource.
fn required_grants(target: &str, request: &Value) -> BTreeSet<Grant> {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match service {
        "AmazonSQS" => {
            let url = text(&request["QueueUrl"]);
            let queue = url.rsplit('/').next().unwrap_or_default();
            // A batch requires the grant of its single operation.
            let operation = operation.strip_suffix("Batch").unwrap_or(operation);
            BTreeSet::from([grant_on("sqs", operation, queue.to_owned())])
        }
        "secretsmanager" => BTreeSet::from([grant_on("secretsmanager", operation, text(&request["SecretId"]))]),
        _ => {
            let grant = |operation: &str, table: &Value| grant_on("dynamodb", operation, text(table));
            match operation {
                // A transaction requires the grants of its items and none of its own.
                "TransactWriteItems" | "TransactGetItems" => {
                    let items = request["TransactItems"].as_array().into_iter().flatten();
                    let parts = items.filter_map(Value::as_object).flatten();
                    parts.map(|(kind, part)| grant(&format!("{kind}Item"), &part["TableName"])).collect()
                }
                "BatchGetItem" | "BatchWriteItem" => {
                    let tables = request["RequestItems"].as_object().into_iter().flatten();
                    tables.map(|(table, _)| grant(operation, &table.clone().into())).collect()
                }
                _ => BTreeSet::from([grant(operation, &request["TableName"])]),
            }
        }
    }
}

/// An action on a resource that a request names by its name or by its ARN.
fn grant_on(service: &str, operation: &str, name: String) -> Grant {
    let action = format!("{service}:{operation}");
    if name.starts_with("arn:") {
        return Grant { action, resource: name };
    }
    let path = match service {
        "dynamodb" => format!("table/{name}"),
        "secretsmanager" => format!("secret:{name}"),
        _ => name,
    };
    Grant { action, resource: format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{path}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/Keys";

    fn roles() -> Roles {
        let get = Grant { action: "dynamodb:GetItem".to_owned(), resource: TABLE.to_owned() };
        Roles::new(BTreeMap::from([("ListKeys".to_owned(), BTreeSet::from([get]))]))
    }

    fn headers(access_key: &str, target: &str) -> HeaderMap {
        let credential =
            format!("AWS4-HMAC-SHA256 Credential={access_key}/20261123/eu-central-1/dynamodb/aws4_request, a=b");
        [("authorization", credential), ("x-amz-target", format!("DynamoDB_20120810.{target}"))]
            .into_iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn a_function_is_denied_what_its_role_does_not_grant() {
        let (roles, body) = (roles(), json!({ "TableName": "Keys" }).to_string().into_bytes());

        assert_eq!(roles.check(&headers("ListKeys", "GetItem"), &body), Ok(()));
        let denial = roles.check(&headers("ListKeys", "Query"), &body).expect_err("a denial");
        assert!(denial.contains("dynamodb:Query on resource: arn:aws:dynamodb"), "{denial}");
        let other = json!({ "TableName": "Channels" }).to_string().into_bytes();
        assert!(roles.check(&headers("ListKeys", "GetItem"), &other).is_err());

        let calls = roles.calls();
        let tables = calls["ListKeys"].iter().map(|call| (call.action.as_str(), call.resource.rsplit('/').next()));
        let (get, query) = ("dynamodb:GetItem", "dynamodb:Query");
        let expected = [(get, Some("Channels")), (get, Some("Keys")), (query, Some("Keys"))];
        assert_eq!(tables.collect::<Vec<_>>(), expected, "denied requests are recorded too");
    }

    #[test]
    fn an_access_key_of_no_function_has_no_restrictions() {
        let roles = roles();
        assert_eq!(roles.check(&headers("tests", "DeleteTable"), b""), Ok(()));
        assert!(roles.calls().is_empty());
    }

    #[test]
    fn a_transaction_and_a_batch_require_the_grants_of_their_items() {
        let transaction = json!({ "TransactItems": [
            { "Put": { "TableName": "Keys" } }, { "ConditionCheck": { "TableName": TABLE } },
        ] });
        let required_for = |operation: &str, request: &Value| -> Vec<String> {
            let required = required_grants(&format!("DynamoDB_20120810.{operation}"), request);
            required
                .iter()
                .map(|it| format!("{} {}", it.action, it.resource.rsplit('/').next().expect("a name")))
                .collect()
        };

        let required = required_for("TransactWriteItems", &transaction);
        assert_eq!(required, ["dynamodb:ConditionCheckItem Keys", "dynamodb:PutItem Keys"]);
        let batch = json!({ "RequestItems": { "Keys": {}, "Channels": {} } });
        let required = required_for("BatchGetItem", &batch);
        assert_eq!(required, ["dynamodb:BatchGetItem Channels", "dynamodb:BatchGetItem Keys"]);
    }
}
