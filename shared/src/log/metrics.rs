//! Metrics in CloudWatch's embedded metric format: a log line says which of its fields CloudWatch counts. No account and
//! no key is a dimension, so the number of metrics is bounded.

use serde_json::json;

use super::fields::JsonFields;
use crate::domain::time::Timestamp;

/// The namespace of our metrics in CloudWatch.
pub const NAMESPACE: &str = "Pushgate";

/// The fields of an event that are metrics, all of them counts.
pub const METRICS: [&str; 10] = [
    "Authorized",
    "Problems",
    "AuthorizerUnavailable",
    "Ambiguous",
    "EventMismatch",
    "Delivered",
    "Gone",
    "Failed",
    "SignatureRejected",
    "Retried",
];

/// The metric that is also counted by problem code.
const BY_CODE: &str = "Problems";

/// Adds the metadata that CloudWatch reads, if the event counts something. The stack's name is a dimension, so that two
/// stacks of one AWS account have separate metrics.
pub(super) fn embed(fields: &mut JsonFields, stack: Option<&str>, now: Timestamp) {
    let counted = METRICS.into_iter().filter(|metric| fields.get(metric).is_some());
    let (by_code, plain): (Vec<_>, Vec<_>) = counted.partition(|metric| *metric == BY_CODE);
    if plain.is_empty() && by_code.is_empty() {
        return;
    }
    let base = stack.map_or(&[] as &[&str], |_| &["Stack"]);
    let with_code = [base, &["Code"]].concat();
    let directive = |metrics: Vec<&str>, dimensions: &[&[&str]]| {
        let metrics: Vec<_> = metrics.into_iter().map(|metric| json!({ "Name": metric, "Unit": "Count" })).collect();
        json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics })
    };
    let mut directives = Vec::new();
    if !plain.is_empty() {
        directives.push(directive(plain, &[base]));
    }
    if !by_code.is_empty() {
        directives.push(directive(by_code, &[base, &with_code]));
        fields.add("Code", fields.get("outcome").cloned().unwrap_or_default());
    }
    if let Some(stack) = stack {
        fields.add("Stack", stack);
    }
    fields.add("_aws", json!({ "Timestamp": now.millis(), "CloudWatchMetrics": directives }));
}
