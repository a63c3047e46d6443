//! A validator for CloudWatch's embedded metric format: CloudWatch silently drops what breaks its specification.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// CloudWatch's units for a count.
const UNITS: [&str; 3] = ["Count", "Count/Second", "None"];

/// A metric of a log line.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// The name.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The dimension sets, each as `Name=value` sorted by name.
    pub dimensions: Vec<Vec<String>>,
}

/// The metrics of a log line; none if it is not in the format.
///
/// # Errors
///
/// The rule that a line in the format breaks.
pub fn metrics(line: &Value) -> Result<Vec<Measured>, String> {
    let root = line.as_object().ok_or("the root is an object")?;
    let Some(metadata) = root.get("_aws") else { return Ok(Vec::new()) };
    let metadata = object(metadata, "_aws", &["Timestamp", "CloudWatchMetrics"], &[])?;
    let timestamp = metadata["Timestamp"].as_u64().ok_or("Timestamp is a whole number")?;
    // A timestamp in milliseconds has 13 digits until the year 2286.
    rule(timestamp.to_string().len() == 13, "Timestamp is in milliseconds")?;
    let directives = list(&metadata["CloudWatchMetrics"], 1..=100, "CloudWatchMetrics")?;
    let mut measured = Vec::new();
    for directive in directives {
        let directive = object(directive, "a MetricDirective", &["Namespace", "Dimensions", "Metrics"], &[])?;
        name(&directive["Namespace"], "Namespace")?;
        let sets = list(&directive["Dimensions"], 1..=30, "Dimensions")?;
        let sets = sets.iter().map(|set| dimensions(set, root)).collect::<Result<Vec<_>, _>>()?;
        for metric in list(&directive["Metrics"], 1..=100, "Metrics")? {
            measured.push(definition(metric, root, &sets)?);
        }
    }
    let names: BTreeSet<&str> = measured.iter().map(|metric| metric.name.as_str()).collect();
    rule(names.len() == measured.len(), "no metric occurs twice")?;

    Ok(measured)
}

fn definition(metric: &Value, root: &Map<String, Value>, sets: &[Vec<String>]) -> Result<Measured, String> {
    let definition = object(metric, "a MetricDefinition", &["Name"], &["Unit"])?;
    let target = name(&definition["Name"], "Name")?;
    let unit = definition.get("Unit").and_then(Value::as_str).unwrap_or("None");
    rule(UNITS.contains(&unit), "Unit is one of CloudWatch's")?;
    let value = root.get(target).and_then(Value::as_f64);
    let value = value.ok_or_else(|| format!("the metric {target} is a number on the root"))?;

    Ok(Measured { name: target.to_owned(), value, dimensions: sets.to_vec() })
}

fn dimensions(set: &Value, root: &Map<String, Value>) -> Result<Vec<String>, String> {
    let mut written = Vec::new();
    for dimension in list(set, 0..=30, "a DimensionSet")? {
        let dimension = name(dimension, "a dimension")?;
        let value = root.get(dimension).and_then(Value::as_str);
        let value = value.ok_or_else(|| format!("the dimension {dimension} is a text on the root"))?;
        rule(
            !value.is_empty() && value.len() <= 1024 && value.is_ascii(),
            "a dimension has 1 to 1024 ASCII characters",
        )?;
        written.push(format!("{dimension}={value}"));
    }
    written.sort();
    Ok(written)
}

/// The value as an object with these members and no others.
fn object<'a>(
    value: &'a Value,
    what: &str,
    required: &[&str],
    optional: &[&str],
) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{what} is an object"))?;
    for member in required {
        rule(object.contains_key(*member), &format!("{what} has {member}"))?;
    }
    let known = |member: &String| required.contains(&member.as_str()) || optional.contains(&member.as_str());
    rule(object.keys().all(known), &format!("{what} has no other members"))?;
    Ok(object)
}

fn list<'a>(value: &'a Value, length: std::ops::RangeInclusive<usize>, what: &str) -> Result<&'a [Value], String> {
    let list = value.as_array().ok_or_else(|| format!("{what} is a list"))?;
    rule(length.contains(&list.len()), &format!("{what} has {length:?} items"))?;
    Ok(list)
}

fn name<'a>(value: &'a Value, what: &str) -> Result<&'a str, String> {
    let name = value.as_str().ok_or_else(|| format!("{what} is a text"))?;
    rule((1..=255).contains(&name.chars().count()), &format!("{what} has 1 to 255 characters"))?;
    Ok(name)
}

fn rule(holds: bool, sentence: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(sentence.to_owned()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line() -> Value {
        json!({
            "_aws": { "Timestamp": 1_574_109_732_004_u64, "CloudWatchMetrics": [
                { "Namespace": "N", "Dimensions": [["A"], []], "Metrics": [{ "Name": "m", "Unit": "Count" }] },
            ]},
            "A": "a",
            "m": 3,
        })
    }

    #[test]
    fn a_valid_line_is_parsed() {
        let dimensions = vec![vec!["A=a".to_owned()], vec![]];
        assert_eq!(metrics(&line()), Ok(vec![Measured { name: "m".to_owned(), value: 3.0, dimensions }]));
        assert_eq!(metrics(&json!({ "m": 3 })), Ok(vec![]));
    }

    #[test]
    fn each_broken_rule_is_reported() {
        let directive = "/_aws/CloudWatchMetrics/0";
        let many: Vec<String> = (0..31).map(|index| format!("{index}")).collect();
        for (pointer, value) in [
            ("/_aws", json!([])),
            ("/_aws/Timestamp", json!("1574109732004")),
            ("/_aws/Timestamp", json!(1_574_109_732)),
            ("/_aws/CloudWatchMetrics", json!({})),
            ("/_aws/CloudWatchMetrics", json!([])),
            (&format!("{directive}/Namespace"), json!("")),
            (&format!("{directive}/Dimensions"), json!([])),
            (&format!("{directive}/Dimensions"), json!(["A"])),
            (&format!("{directive}/Dimensions"), json!([["B"]])),
            (&format!("{directive}/Dimensions"), json!([["m"]])),
            (&format!("{directive}/Dimensions"), json!([many])),
            (&format!("{directive}/Metrics"), json!([])),
            (&format!("{directive}/Metrics"), json!([{ "Name": "absent" }])),
            (&format!("{directive}/Metrics"), json!([{ "Name": "A" }])),
            (&format!("{directive}/Metrics"), json!([{ "Name": "m", "Unit": "Counts" }])),
            (&format!("{directive}/Metrics"), json!([{ "Name": "m", "Other": 1 }])),
            (&format!("{directive}/Metrics"), json!([{ "Name": "m" }, { "Name": "m" }])),
            ("/A", json!("")),
            ("/m", json!("3")),
        ] {
            let mut broken = line();
            *broken.pointer_mut(pointer).expect("a value") = value.clone();
            assert!(metrics(&broken).is_err(), "{pointer} = {value}");
        }
        for member in ["Namespace", "Dimensions", "Metrics"] {
            let mut broken = line();
            broken.pointer_mut(directive).and_then(Value::as_object_mut).expect("a directive").remove(member);
            assert!(metrics(&broken).is_err(), "without {member}");
        }
    }
}
