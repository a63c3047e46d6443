//! The access log, as API Gateway writes it: the template's own format with its `$context` names filled in.

use serde_json::Value;

use crate::gateway::responses::substitute;

/// The target of its lines, which are written as they stand.
pub(crate) const TARGET: &str = "access";

/// The format of a line.
#[derive(Debug)]
pub(crate) struct AccessLog(String);

impl AccessLog {
    /// Reads `AccessLogSetting`, if the template has one. On a laptop it costs nothing, so one that hangs on a condition is
    /// written in any case.
    pub(crate) fn find(setting: &Value) -> Option<&Value> {
        let under_condition = || setting["Fn::If"].as_array()?.iter().find_map(Self::find);
        setting.get("Format").or_else(under_condition)
    }

    pub(crate) fn new(format: &str) -> Self {
        Self(format.to_owned())
    }

    /// Writes the line of a request. What has no value is a dash, as on AWS.
    pub(crate) fn write(&self, context: &dyn Fn(&str) -> Option<String>) {
        let value = |name: &str| context(name).filter(|value| !value.is_empty()).or_else(|| Some("-".to_owned()));
        let line = substitute(&self.0, &value);
        tracing::info!(target: TARGET, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_format_is_found_under_a_condition_too() {
        let setting = json!({ "DestinationArn": "a", "Format": "f" });
        assert_eq!(AccessLog::find(&setting), Some(&json!("f")));
        let conditional = json!({ "Fn::If": ["Logs", setting, { "Ref": "AWS::NoValue" }] });
        assert_eq!(AccessLog::find(&conditional), Some(&json!("f")));
        assert_eq!(AccessLog::find(&Value::Null), None);
    }
}
