//! The API's own properties: authorizers, gateway responses, and the format of the access log.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use serde_json::Value;

use crate::template::declarations::{Authorizer, GatewayResponse};
use crate::template::values::{arn_name, integer, scalar};

/// Reads the API's `Variables`.
pub(super) fn stage_variables(property: &Value) -> Result<BTreeMap<String, String>, String> {
    let variables = property.as_object().into_iter().flatten();
    let variables = variables.map(|(name, value)| {
        let value = scalar(value).map_err(|reason| format!("the stage variable {name}: {reason}"))?;
        Ok((name.clone(), value))
    });
    variables.collect()
}

/// Reads an entry of the API's `Authorizers`. A setting that this gateway does not implement is an error, since
/// ignoring it would allow more than API Gateway does.
pub(super) fn authorizer(name: &str, settings: &Value) -> Result<Authorizer, String> {
    let identity = &settings["Identity"];
    if settings["UserPoolArn"].is_string() || settings["UserPoolArn"].is_array() {
        if settings["AuthorizationScopes"].as_array().is_some_and(|scopes| !scopes.is_empty()) {
            return Err(format!("the authorizer {name} requires scopes, which this gateway does not check"));
        }
        if identity.get("ValidationExpression").is_some() {
            return Err(format!("the authorizer {name} has a ValidationExpression, which this gateway does not check"));
        }
        let header = identity["Header"].as_str().unwrap_or("Authorization").to_owned();
        return Ok(Authorizer::UserPool { header });
    }
    let function = settings["FunctionArn"]
        .as_str()
        .ok_or_else(|| format!("the authorizer {name} has neither a FunctionArn nor a UserPoolArn"))?;
    if settings["FunctionPayloadType"] != "REQUEST" {
        return Err(format!("the authorizer {name} is not of type REQUEST, the only one that this gateway has"));
    }
    if integer(&identity["ReauthorizeEvery"]) != Some(0) {
        return Err(format!(
            "the authorizer {name} is cached (ReauthorizeEvery is not 0), and this gateway has no cache"
        ));
    }
    if ["QueryStrings", "StageVariables", "Context"].iter().any(|source| identity.get(source).is_some()) {
        return Err(format!("the authorizer {name} has an identity source that is not a header"));
    }
    let headers = identity["Headers"].as_array().into_iter().flatten();
    Ok(Authorizer::Function {
        // An alias follows the name: `function:Name:live`.
        function: function
            .split_once(":function:")
            .map_or_else(|| arn_name(function), |(_, name)| name.split(':').next().unwrap_or_default().to_owned()),
        headers: headers.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

/// Reads the API's `GatewayResponses`, by response type.
pub(super) fn gateway_responses(property: &Value) -> Result<BTreeMap<String, GatewayResponse>, String> {
    let mut responses = BTreeMap::new();
    for (response_type, settings) in property.as_object().into_iter().flatten() {
        let mut headers = Vec::new();
        for (name, value) in settings["ResponseParameters"]["Headers"].as_object().into_iter().flatten() {
            let name = name.trim_start_matches("gatewayresponse.header.");
            let invalid = || format!("the gateway response {response_type} has an invalid header {name}");
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            headers.push((header, value.as_str().ok_or_else(invalid)?.to_owned()));
        }
        let body = settings["ResponseTemplates"]["application/json"].as_str().map(str::to_owned);
        let status = integer(&settings["StatusCode"]).and_then(|status| u16::try_from(status).ok());
        responses.insert(response_type.clone(), GatewayResponse { status, headers, body });
    }
    Ok(responses)
}

/// The format in `AccessLogSetting`. A log on this machine costs nothing, so a format under a condition is used whether
/// or not the condition holds.
pub(super) fn access_log_format(setting: &Value) -> Option<&Value> {
    let conditional = || setting["Fn::If"].as_array()?.iter().find_map(access_log_format);
    setting.get("Format").or_else(conditional)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cached_authorizer_is_an_error() {
        let mut settings = json!({"FunctionArn": "arn:aws:lambda:r:a:function:Authorizer:live",
            "FunctionPayloadType": "REQUEST", "Identity": {"ReauthorizeEvery": 0}});
        let expected = Authorizer::Function { function: "Authorizer".into(), headers: Vec::new() };
        assert_eq!(authorizer("ApiKeyAuthorizer", &settings), Ok(expected));
        settings["Identity"] = json!({"ReauthorizeEvery": 300});
        assert!(authorizer("ApiKeyAuthorizer", &settings).is_err());
        settings["Identity"] = Value::Null;
        assert!(authorizer("ApiKeyAuthorizer", &settings).is_err());
    }

    #[test]
    fn a_user_pool_authorizer_with_a_condition_that_is_not_checked_is_an_error() {
        let mut settings = json!({"UserPoolArn": "arn:aws:local:r:a:UserPool"});
        assert_eq!(authorizer("Users", &settings), Ok(Authorizer::UserPool { header: "Authorization".into() }));
        settings["Identity"] = json!({"ValidationExpression": "client"});
        assert!(authorizer("Users", &settings).is_err());
        settings["Identity"] = Value::Null;
        settings["AuthorizationScopes"] = json!(["admin"]);
        assert!(authorizer("Users", &settings).is_err());
    }

    #[test]
    fn the_access_log_format_is_found_under_a_condition() {
        let setting = json!({ "DestinationArn": "a", "Format": "f" });
        assert_eq!(access_log_format(&setting), Some(&json!("f")));
        let conditional = json!({ "Fn::If": ["Logs", setting, { "Ref": "AWS::NoValue" }] });
        assert_eq!(access_log_format(&conditional), Some(&json!("f")));
        assert_eq!(access_log_format(&Value::Null), None);
    }
}
