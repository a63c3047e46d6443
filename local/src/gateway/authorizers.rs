//! The decisions of authorizers: a Lambda authorizer's response, or an ID token of the user pool.

use serde_json::{Map, Value, json};

use crate::gateway::event::GatewayRequest;
use crate::gateway::policy::{self, Effect};
use crate::gateway::responses::GatewayError;
use crate::oidc::IdentityProvider;

/// An authorizer's decision on a request, with the value of `requestContext.authorizer`.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Allowed(Value),
    Denied(GatewayError, Value),
}

impl Decision {
    /// A denial without a context.
    pub(super) fn denied(error: GatewayError) -> Self {
        Self::Denied(error, Value::Null)
    }
}

/// The decision in a Lambda authorizer's response, or in the error with which it failed.
pub(super) fn evaluate_response(response: Result<Value, String>, method_arn: &str) -> Decision {
    let response = match response {
        Ok(response) => response,
        Err(message) if message == "Unauthorized" => return Decision::denied(GatewayError::UNAUTHORIZED),
        Err(_) => return Decision::denied(GatewayError::AUTHORIZER_FAILURE),
    };
    let principal = response["principalId"].as_str();
    let (Some(principal), Some(mut context)) = (principal, string_context(&response["context"])) else {
        return Decision::denied(GatewayError::AUTHORIZER_CONFIGURATION_ERROR);
    };
    context.insert("principalId".into(), principal.into());
    match policy::evaluate(&response["policyDocument"], method_arn) {
        None => Decision::denied(GatewayError::AUTHORIZER_CONFIGURATION_ERROR),
        Some(Effect::Allow) => Decision::Allowed(context.into()),
        Some(Effect::Deny) => Decision::Denied(GatewayError::ACCESS_DENIED, context.into()),
    }
}

/// The context with its values as strings; `None` if it is nested, which API Gateway rejects.
fn string_context(context: &Value) -> Option<Map<String, Value>> {
    let mut strings = Map::new();
    match context {
        Value::Null => {}
        Value::Object(values) => {
            for (name, value) in values {
                let string = match value {
                    Value::String(string) => string.clone(),
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return None,
                };
                strings.insert(name.clone(), string.into());
            }
        }
        _ => return None,
    }
    Some(strings)
}

/// The decision on the ID token in this header, with or without `Bearer`.
pub(super) fn evaluate_token(request: &GatewayRequest, header: &str, provider: &IdentityProvider) -> Decision {
    let token = request.header(header).unwrap_or_default().trim_matches(' ');
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim_matches(' ');
    match provider.claims(token) {
        Some(claims) => Decision::Allowed(json!({ "claims": claims })),
        None => Decision::denied(GatewayError::UNAUTHORIZED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:r:a:local/v1/POST/push";

    fn response(effect: &str, resource: &str, context: &Value) -> Value {
        json!({"principalId": "k", "context": context, "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]}})
    }

    #[test]
    fn a_response_is_evaluated_as_on_api_gateway() {
        let context = json!({"n": 1, "b": true, "s": "x"});
        let strings = json!({"n": "1", "b": "true", "s": "x", "principalId": "k"});
        let none = json!({"principalId": "k"});
        let misconfigured = || Decision::denied(GatewayError::AUTHORIZER_CONFIGURATION_ERROR);
        for (given, expected) in [
            (Ok(response("Allow", ARN, &context)), Decision::Allowed(strings.clone())),
            (Ok(response("Deny", ARN, &context)), Decision::Denied(GatewayError::ACCESS_DENIED, strings)),
            (Ok(response("Allow", "arn:other", &Value::Null)), Decision::Denied(GatewayError::ACCESS_DENIED, none)),
            (Err("Unauthorized".to_owned()), Decision::denied(GatewayError::UNAUTHORIZED)),
            (Err("unauthorized".to_owned()), Decision::denied(GatewayError::AUTHORIZER_FAILURE)),
            (Ok(response("Allow", ARN, &json!({"list": []}))), misconfigured()),
            (Ok(response("Allow", ARN, &json!({"null": null}))), misconfigured()),
            (Ok(response("Allow", ARN, &json!("text"))), misconfigured()),
            (Ok(json!({"policyDocument": {"Statement": []}})), misconfigured()),
            (Ok(json!({"principalId": "k"})), misconfigured()),
            (Ok(Value::Null), misconfigured()),
        ] {
            assert_eq!(evaluate_response(given.clone(), ARN), expected, "{given:?}");
        }
    }
}
