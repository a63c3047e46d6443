//! Metrics in CloudWatch's embedded metric format: an event's line says which of its members CloudWatch is to count. No
//! account and no key is ever a dimension, so their number is bounded.

use serde_json::json;

use super::lines::Members;
use crate::time::Timestamp;

/// Where CloudWatch keeps our metrics.
pub const NAMESPACE: &str = "Pushgate";

/// The members of an event that are metrics: all of them are counts.
pub const METRICS: [&str; 9] = [
    "Authorized",
    "Problems",
    "AuthorizerUnavailable",
    "Ambiguous",
    "Delivered",
    "Gone",
    "Failed",
    "SignatureRejected",
    "Retried",
];

/// The one that is also counted by its code.
const BY_CODE: &str = "Problems";

/// Adds what CloudWatch reads, if the event counts something: the metrics of this stack, so that two in one account are
/// apart, or of no stack if it has no name.
pub(super) fn embed(members: &mut Members, stack: Option<&str>, now: Timestamp) {
    let counted = METRICS.into_iter().filter(|metric| members.get(metric).is_some());
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
        members.add("Code", members.get("outcome").cloned().unwrap_or_default());
    }
    if let Some(stack) = stack {
        members.add("Stack", stack);
    }
    members.add("_aws", json!({ "Timestamp": now.millis(), "CloudWatchMetrics": directives }));
}
