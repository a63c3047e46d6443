//! What each function may do: the grants of its role in the template. The tables, the queue and the secrets ask here before
//! they answer a function, as AWS does, so that a missing grant is found on a laptop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header::AUTHORIZATION},
    middleware::Next,
};
use serde_json::Value;

use crate::{
    services::aws_json::{error, target},
    template::intrinsics::{ACCOUNT, REGION},
};

/// The largest request that a service takes: a batch of DynamoDB.
pub(crate) const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `dynamodb:GetItem` and the like.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
}

/// What functions may do, and what they did.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    grants: BTreeMap<String, BTreeSet<Grant>>,
    calls: Mutex<BTreeMap<String, BTreeSet<Grant>>>,
}

impl Roles {
    /// The roles of these functions, by logical id. A function's id is also the access key that it signs with here.
    pub(crate) fn new(grants: BTreeMap<String, BTreeSet<Grant>>) -> Self {
        Self { grants, calls: Mutex::default() }
    }

    /// What each function has asked for so far, granted or not.
    pub(crate) fn calls(&self) -> BTreeMap<String, BTreeSet<Grant>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets a call through, or answers what its role lacks. Whoever is no function owns this machine.
    fn admit(&self, headers: &HeaderMap, body: &Bytes) -> Result<(), String> {
        let Some((function, grants)) = access_key(headers).and_then(|key| self.grants.get_key_value(key)) else {
            return Ok(());
        };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let needed = needed(target(headers), &request);
        // Before it is judged: what a function asks for in vain is what its role lacks.
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.entry(function.clone()).or_default().extend(needed.iter().cloned());
        if let Some(Grant { action, resource }) = needed.iter().find(|needed| !grants.contains(needed)) {
            return Err(format!(
                "User: arn:aws:sts::{ACCOUNT}:assumed-role/{function} is not authorized to perform: {action} on \
                 resource: {resource} because no identity-based policy allows the {action} action"
            ));
        }
        Ok(())
    }
}

/// Stands before a service.
pub(crate) async fn admit(State(roles): State<Arc<Roles>>, request: Request, next: Next) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return refused;
    };
    match roles.admit(&parts.headers, &body) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(reason) => error("com.amazon.coral.service#AccessDeniedException", &reason),
    }
}

/// Whose signature a request bears: `AWS4-HMAC-SHA256 Credential=<access key>/<date>/…`.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let signature = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = signature.split_once("Credential=")?;
    credential.split('/').next()
}

/// The grants that a call needs, one for each thing that it touches.
fn needed(target: &str, request: &Value) -> BTreeSet<Grant> {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match service {
        "AmazonSQS" => {
            let url = text(&request["QueueUrl"]);
            let queue = url.rsplit('/').next().unwrap_or_default();
            BTreeSet::from([Grant::new("sqs", operation, queue.to_owned())])
        }
        "secretsmanager" => BTreeSet::from([Grant::new("secretsmanager", operation, text(&request["SecretId"]))]),
        _ => {
            let grant = |operation: &str, table: &Value| Grant::new("dynamodb", operation, text(table));
            match operation {
                // A transaction needs what its parts need, and nothing of its own.
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

impl Grant {
    /// An action of a service on what its request names, which may be a name or an ARN.
    fn new(service: &str, operation: &str, name: String) -> Self {
        let action = format!("{service}:{operation}");
        if name.starts_with("arn:") {
            return Self { action, resource: name };
        }
        let path = match service {
            "dynamodb" => format!("table/{name}"),
            "secretsmanager" => format!("secret:{name}"),
            _ => name,
        };
        Self { action, resource: format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{path}") }
    }
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

    fn call(who: &str, target: &str) -> HeaderMap {
        let credential = format!("AWS4-HMAC-SHA256 Credential={who}/20261123/eu-central-1/dynamodb/aws4_request, a=b");
        [("authorization", credential), ("x-amz-target", format!("DynamoDB_20120810.{target}"))]
            .into_iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    #[test]
    fn a_function_does_what_its_role_grants_and_nothing_else() {
        let (roles, body) = (roles(), Bytes::from(json!({ "TableName": "Keys" }).to_string()));

        assert_eq!(roles.admit(&call("ListKeys", "GetItem"), &body), Ok(()));
        let refusal = roles.admit(&call("ListKeys", "Query"), &body).expect_err("a refusal");
        assert!(refusal.contains("dynamodb:Query on resource: arn:aws:dynamodb"), "{refusal}");
        let other = Bytes::from(json!({ "TableName": "Channels" }).to_string());
        assert!(roles.admit(&call("ListKeys", "GetItem"), &other).is_err());

        let calls = roles.calls();
        let tables = calls["ListKeys"].iter().map(|call| (call.action.as_str(), call.resource.rsplit('/').next()));
        let (get, query) = ("dynamodb:GetItem", "dynamodb:Query");
        let expected = [(get, Some("Channels")), (get, Some("Keys")), (query, Some("Keys"))];
        assert_eq!(tables.collect::<Vec<_>>(), expected, "what was refused, too");
    }

    #[test]
    fn who_is_no_function_owns_the_machine() {
        let roles = roles();
        assert_eq!(roles.admit(&call("tests", "DeleteTable"), &Bytes::new()), Ok(()));
        assert!(roles.calls().is_empty());
    }

    #[test]
    fn a_transaction_and_a_batch_need_what_their_parts_need() {
        let transaction = json!({ "TransactItems": [
            { "Put": { "TableName": "Keys" } }, { "ConditionCheck": { "TableName": TABLE } },
        ] });
        let needed_for = |operation: &str, request: &Value| -> Vec<String> {
            let needed = needed(&format!("DynamoDB_20120810.{operation}"), request);
            needed
                .iter()
                .map(|it| format!("{} {}", it.action, it.resource.rsplit('/').next().expect("a name")))
                .collect()
        };

        let parts = needed_for("TransactWriteItems", &transaction);
        assert_eq!(parts, ["dynamodb:ConditionCheckItem Keys", "dynamodb:PutItem Keys"]);
        let batch = json!({ "RequestItems": { "Keys": {}, "Channels": {} } });
        let parts = needed_for("BatchGetItem", &batch);
        assert_eq!(parts, ["dynamodb:BatchGetItem Channels", "dynamodb:BatchGetItem Keys"]);
    }
}
