//! Who may pass: what a Lambda authorizer's answer or a token means to the gateway.

use serde_json::{Map, Value, json};

use super::policy::{self, Effect};
use crate::{
    gateway::event::Call,
    gateway::responses::{ACCESS_DENIED, AUTHORIZER_CONFIGURATION_ERROR, AUTHORIZER_FAILURE, Refusal, UNAUTHORIZED},
    oidc::users::People,
    template::{last_part, number},
};

/// An authorizer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorizer {
    /// A function is asked; the headers must be there for it to be asked at all.
    Function { function: String, headers: Vec<String> },
    /// A token of the user pool stands in this header.
    People { header: String },
}

/// What an authorizer decided.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// To the function goes this, under `requestContext.authorizer`.
    Allowed(Value),
    /// The gateway answers, with this for its `$context.authorizer`.
    Refused(Refusal, Value),
}

impl Decision {
    fn refused(refusal: Refusal) -> Self {
        Self::Refused(refusal, Value::Null)
    }
}

impl Authorizer {
    /// Reads an entry of the API's `Authorizers`. What this gateway could only pretend to do is refused.
    pub(crate) fn read(name: &str, settings: &Value) -> Result<Self, String> {
        let identity = &settings["Identity"];
        if settings["UserPoolArn"].is_string() || settings["UserPoolArn"].is_array() {
            if settings["AuthorizationScopes"].as_array().is_some_and(|scopes| !scopes.is_empty()) {
                return Err(format!("the authorizer {name} asks for scopes, which this gateway does not check"));
            }
            // `ValidationExpression` names the one client whose tokens are taken; there is no other here, and none is taken.
            let header = identity["Header"].as_str().unwrap_or("Authorization").to_owned();
            return Ok(Self::People { header });
        }
        let function = settings["FunctionArn"]
            .as_str()
            .ok_or_else(|| format!("the authorizer {name} has neither a FunctionArn nor a UserPoolArn"))?;
        if settings["FunctionPayloadType"] != "REQUEST" {
            return Err(format!("the authorizer {name} is not of type REQUEST, the only one that this gateway has"));
        }
        if number(&identity["ReauthorizeEvery"]) != Some(0) {
            return Err(format!(
                "the authorizer {name} is cached (ReauthorizeEvery is not 0), and this gateway has no cache"
            ));
        }
        if ["QueryStrings", "StageVariables", "Context"].iter().any(|source| identity.get(source).is_some()) {
            return Err(format!("the authorizer {name} has an identity source that is not a header"));
        }
        let headers = identity["Headers"].as_array().into_iter().flatten();
        Ok(Self::Function {
            // An alias comes after the name: `function:Name:live`.
            function: function
                .split_once(":function:")
                .map_or_else(|| last_part(function), |(_, name)| name.split(':').next().unwrap_or_default().to_owned()),
            headers: headers.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

/// What the gateway makes of the answer of a Lambda authorizer.
pub(crate) fn of_function(answer: Result<Value, String>, method_arn: &str) -> Decision {
    let answer = match answer {
        Ok(answer) => answer,
        Err(message) if message == "Unauthorized" => return Decision::refused(UNAUTHORIZED),
        Err(_) => return Decision::refused(AUTHORIZER_FAILURE),
    };
    let principal = answer["principalId"].as_str();
    let (Some(principal), Some(context)) = (principal, flat(&answer["context"])) else {
        return Decision::refused(AUTHORIZER_CONFIGURATION_ERROR);
    };
    let mut context = context;
    context.insert("principalId".into(), principal.into());
    match policy::evaluate(&answer["policyDocument"], method_arn) {
        None => Decision::refused(AUTHORIZER_CONFIGURATION_ERROR),
        Some(Effect::Allow) => Decision::Allowed(context.into()),
        Some(Effect::Deny) => Decision::Refused(ACCESS_DENIED, context.into()),
    }
}

/// The context with its values as strings, if it is flat.
fn flat(context: &Value) -> Option<Map<String, Value>> {
    let mut flat = Map::new();
    match context {
        Value::Null => {}
        Value::Object(values) => {
            for (name, value) in values {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return None,
                };
                flat.insert(name.clone(), text.into());
            }
        }
        _ => return None,
    }
    Some(flat)
}

/// What the gateway makes of the token in this header of the request.
pub(crate) fn of_token(call: &Call, header: &str, people: &People) -> Decision {
    let token = call.header(header).unwrap_or_default().trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    match people.claims(token) {
        Some(claims) => Decision::Allowed(json!({ "claims": claims })),
        None => Decision::refused(UNAUTHORIZED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:execute-api:r:a:local/v1/POST/push";

    fn answer(effect: &str, resource: &str, context: &Value) -> Value {
        json!({"principalId": "k", "context": context, "policyDocument": {"Version": "2012-10-17", "Statement": [
            {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}]}})
    }

    #[test]
    fn an_answer_is_taken_as_api_gateway_takes_it() {
        let context = json!({"n": 1, "b": true, "s": "x"});
        let flat = json!({"n": "1", "b": "true", "s": "x", "principalId": "k"});
        let none = json!({"principalId": "k"});
        let misconfigured = || Decision::refused(AUTHORIZER_CONFIGURATION_ERROR);
        for (given, expected) in [
            (Ok(answer("Allow", ARN, &context)), Decision::Allowed(flat.clone())),
            (Ok(answer("Deny", ARN, &context)), Decision::Refused(ACCESS_DENIED, flat)),
            (Ok(answer("Allow", "arn:other", &Value::Null)), Decision::Refused(ACCESS_DENIED, none)),
            (Err("Unauthorized".to_owned()), Decision::refused(UNAUTHORIZED)),
            (Err("unauthorized".to_owned()), Decision::refused(AUTHORIZER_FAILURE)),
            (Ok(answer("Allow", ARN, &json!({"list": []}))), misconfigured()),
            (Ok(answer("Allow", ARN, &json!({"null": null}))), misconfigured()),
            (Ok(answer("Allow", ARN, &json!("text"))), misconfigured()),
            (Ok(json!({"policyDocument": {"Statement": []}})), misconfigured()),
            (Ok(json!({"principalId": "k"})), misconfigured()),
            (Ok(Value::Null), misconfigured()),
        ] {
            assert_eq!(of_function(given.clone(), ARN), expected, "{given:?}");
        }
    }

    #[test]
    fn a_cached_authorizer_is_refused() {
        let mut settings = json!({"FunctionArn": "arn:aws:lambda:r:a:function:Authorizer:live",
            "FunctionPayloadType": "REQUEST", "Identity": {"ReauthorizeEvery": 0}});
        let expected = Authorizer::Function { function: "Authorizer".into(), headers: Vec::new() };
        assert_eq!(Authorizer::read("Keys", &settings), Ok(expected));
        settings["Identity"] = json!({"ReauthorizeEvery": 300});
        assert!(Authorizer::read("Keys", &settings).is_err());
        settings["Identity"] = Value::Null;
        assert!(Authorizer::read("Keys", &settings).is_err());
    }
}
