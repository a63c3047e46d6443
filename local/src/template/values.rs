//! Scalars, lists and ARNs, as YAML and the AWS JSON protocol write them.

use serde_json::Value;

/// The account ID of every ARN on this machine.
pub(crate) const ACCOUNT_ID: &str = "000000000000";
/// The region of every ARN on this machine.
pub(crate) const REGION: &str = "eu-central-1";
/// The parameters whose value on this machine is not their default: another console, as a page in development, may be tried.
pub(super) const PARAMETERS: [(&str, &str); 1] = [("ConsoleOrigin", "http://localhost:3000")];
/// The ID of the API.
pub(crate) const API_ID: &str = "local";
/// The ID of the user pool's app client.
pub(crate) const APP_CLIENT_ID: &str = "pushgate-local";

/// A scalar as a string.
pub(crate) fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(it) => Ok(it.clone()),
        Value::Number(it) => Ok(it.to_string()),
        Value::Bool(it) => Ok(it.to_string()),
        other => Err(format!("a scalar is needed instead of {other}")),
    }
}

/// An unsigned integer, which may be quoted.
pub(crate) fn integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The items of a list; a single value counts as a list of one, as in an IAM policy.
pub(crate) fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// The last part of an ARN, which is the name of a queue or a function.
pub(crate) fn arn_name(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or_default().to_owned()
}
