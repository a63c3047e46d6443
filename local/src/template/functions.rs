//! The template's functions, each with its routes, its event source mappings and the grants of its role.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::template::declarations::{EventSourceMapping, Function, Grant, Route};
use crate::template::intrinsics::Resolver;
use crate::template::values::{arn_name, integer, one_or_many, scalar};

/// Lambda's default, in seconds.
const DEFAULT_TIMEOUT: u64 = 3;

/// A function as the template declares it.
pub(super) fn function(resolver: &Resolver<'_>, id: &str, properties: &Value) -> Result<Function, String> {
    let globals = &resolver.template["Globals"]["Function"];
    let mut environment = BTreeMap::new();
    for source in [globals, properties] {
        let variables = resolver.resolve(&source["Environment"]["Variables"])?;
        for (name, value) in variables.as_object().into_iter().flatten() {
            environment.insert(name.clone(), scalar(value)?);
        }
    }
    let timeout = properties.get("Timeout").unwrap_or(&globals["Timeout"]);
    let timeout = integer(&resolver.resolve(timeout)?).unwrap_or(DEFAULT_TIMEOUT);
    let binary = &resolver.template["Resources"][id]["Metadata"]["BuildProperties"]["Binary"];
    let name = binary.as_str().map_or_else(|| kebab_case(id), str::to_owned);
    Ok(Function { name, timeout: Duration::from_secs(timeout), environment })
}

/// What invokes a function.
#[derive(Default)]
pub(super) struct Events {
    pub(super) routes: Vec<Route>,
    pub(super) mappings: Vec<EventSourceMapping>,
}

/// The events of a function; `default_authorizer` is the API's.
pub(super) fn events(
    resolver: &Resolver<'_>,
    function: &str,
    properties: &Value,
    default_authorizer: Option<&str>,
) -> Result<Events, String> {
    let mut found = Events::default();
    let events = resolver.resolve(&properties["Events"])?;
    for (event, settings) in events.as_object().into_iter().flatten() {
        let details = &settings["Properties"];
        match settings["Type"].as_str() {
            Some("Api") => {
                let required = |key: &str| details[key].as_str().ok_or_else(|| format!("{event} has no {key}"));
                let authorizer = details["Auth"]["Authorizer"].as_str().or(default_authorizer);
                found.routes.push(Route {
                    method: required("Method")?.to_ascii_uppercase(),
                    resource: required("Path")?.to_owned(),
                    function: function.to_owned(),
                    authorizer: authorizer.filter(|name| *name != "NONE").map(str::to_owned),
                });
            }
            Some("SQS") => found.mappings.push(event_source_mapping(function, details)?),
            other => return Err(format!("{event} is of an unsupported type: {}", other.unwrap_or("none"))),
        }
    }
    Ok(found)
}

fn event_source_mapping(function: &str, details: &Value) -> Result<EventSourceMapping, String> {
    let arn = details["Queue"].as_str().ok_or("an SQS event has no Queue")?;
    let size = |value: &Value, default| integer(value).and_then(|it| usize::try_from(it).ok()).unwrap_or(default);
    let response_types = details["FunctionResponseTypes"].as_array();
    Ok(EventSourceMapping {
        function: function.to_owned(),
        queue: arn_name(arn),
        queue_arn: arn.to_owned(),
        batch_size: size(&details["BatchSize"], 10).clamp(1, 10),
        max_concurrency: size(&details["ScalingConfig"]["MaximumConcurrency"], 5).max(1),
        reports_failures: response_types.is_some_and(|all| all.iter().any(|it| it == "ReportBatchItemFailures")),
    })
}

/// The grants of a function's role. The role is a resource of the template; without one a function has no grants.
pub(super) fn grants(resolver: &Resolver<'_>, function: &Value) -> Result<BTreeSet<Grant>, String> {
    let Some(role) = function["Role"]["Fn::GetAtt"][0].as_str() else { return Ok(BTreeSet::new()) };
    let policies = resolver.resolve(&resolver.template["Resources"][role]["Properties"]["Policies"])?;
    let policies = policies.as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| one_or_many(&policy["PolicyDocument"]["Statement"]));
    let mut grants = BTreeSet::new();
    for statement in statements {
        if statement["Effect"] != "Allow" || !statement["Condition"].is_null() {
            return Err(format!("{role} has a statement that this machine cannot evaluate: {statement}"));
        }
        for action in one_or_many(&statement["Action"]) {
            for resource in one_or_many(&statement["Resource"]) {
                grants.insert(Grant { action: scalar(action)?, resource: scalar(resource)? });
            }
        }
    }
    Ok(grants)
}

/// `CreateKey` as `create-key`.
fn kebab_case(id: &str) -> String {
    let mut out = String::new();
    for letter in id.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
