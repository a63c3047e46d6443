//! `infra/template.yaml` as this machine reads it: routes, authorizers, functions, tables, the queue, secrets.

pub(crate) mod intrinsics;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use crate::{
    StartError, gateway::access_log::AccessLog, gateway::authorizers::Authorizer, gateway::responses::GatewayResponses,
    gateway::route::Routes, services::iam::Grant, services::sqs::QueueSettings,
};
use intrinsics::{Names, long_form, text};

/// A function as the template declares it.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The crate that holds it.
    pub(crate) name: String,
    pub(crate) timeout: Duration,
    pub(crate) environment: BTreeMap<String, String>,
}

/// A queue whose messages a function takes.
#[derive(Debug, Clone)]
pub(crate) struct EventSource {
    pub(crate) function: String,
    pub(crate) queue: String,
    pub(crate) queue_arn: String,
    pub(crate) batch_size: usize,
    pub(crate) concurrency: usize,
    /// Whether the function may name the messages that failed; otherwise its answer is not looked at.
    pub(crate) reports_failures: bool,
}

/// A secret and how its first value is made.
#[derive(Debug, Clone)]
pub(crate) struct SecretSettings {
    pub(crate) name: String,
    pub(crate) generate: Value,
}

/// All that this machine runs, in plain values.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) stage: String,
    pub(crate) routes: Routes,
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
    pub(crate) responses: GatewayResponses,
    /// How each request is logged.
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) functions: BTreeMap<String, Function>,
    /// What the role of each function grants, by the function's logical id.
    pub(crate) roles: BTreeMap<String, BTreeSet<Grant>>,
    /// `CreateTable`'s input for each table, and the attribute that ends an item's life.
    pub(crate) tables: Vec<(Value, Option<String>)>,
    pub(crate) queues: Vec<QueueSettings>,
    pub(crate) event_sources: Vec<EventSource>,
    pub(crate) secrets: Vec<SecretSettings>,
}

impl Template {
    /// Reads the file; `queue_endpoint` is where the queue answers on this machine.
    pub(crate) fn read(path: &Path, queue_endpoint: &str) -> Result<Self, StartError> {
        let yaml = std::fs::read_to_string(path)
            .map_err(|error| StartError::new(format!("The template {} cannot be read: {error}.", path.display())))?;
        Self::parse(&yaml, queue_endpoint)
            .map_err(|reason| StartError::new(format!("The template {} is broken: {reason}.", path.display())))
    }

    pub(crate) fn parse(yaml: &str, queue_endpoint: &str) -> Result<Self, String> {
        let yaml = serde_norway::from_str(yaml).map_err(|error| format!("it is not YAML ({error})"))?;
        let source = long_form(yaml)?;
        let names = Names { template: &source, queue_endpoint };
        let mut resources = Vec::new();
        for (id, resource) in source["Resources"].as_object().ok_or("it has no Resources")? {
            if names.exists(resource).map_err(|reason| format!("{id}: {reason}"))? {
                resources.push((id.as_str(), resource));
            }
        }
        Reader { names, resources }.template()
    }
}

struct Reader<'a> {
    names: Names<'a>,
    resources: Vec<(&'a str, &'a Value)>,
}

impl<'a> Reader<'a> {
    fn template(&self) -> Result<Template, String> {
        let mut apis = self.of("AWS::Serverless::Api");
        let (Some((api, properties)), None) = (apis.next(), apis.next()) else {
            return Err("it needs exactly one AWS::Serverless::Api".into());
        };
        let property = |path: &str| {
            let value = properties.pointer(path).unwrap_or(&Value::Null);
            self.names.resolve(value).map_err(|reason| format!("{api}: {reason}"))
        };
        let auth = property("/Auth")?;
        let access_log = AccessLog::find(&properties["AccessLogSetting"]).unwrap_or(&Value::Null);
        let access_log = self.names.resolve(access_log)?;
        let authorizers = auth["Authorizers"].as_object().into_iter().flatten();
        let authorizers: BTreeMap<_, _> = authorizers
            .map(|(name, settings)| Ok((name.clone(), Authorizer::read(name, settings)?)))
            .collect::<Result<_, String>>()?;

        let mut template = Template {
            stage: text(&property("/StageName")?).map_err(|_| format!("{api} has no StageName"))?,
            routes: Routes::default(),
            authorizers,
            responses: GatewayResponses::read(&property("/GatewayResponses")?)?,
            access_log: access_log.as_str().map(AccessLog::new),
            functions: BTreeMap::new(),
            roles: BTreeMap::new(),
            tables: Vec::new(),
            queues: Vec::new(),
            event_sources: Vec::new(),
            secrets: Vec::new(),
        };
        for (id, properties) in self.of("AWS::Serverless::Function") {
            self.function(id, properties, &auth, &mut template).map_err(|reason| format!("{id}: {reason}"))?;
            let grants = self.grants(properties).map_err(|reason| format!("{id}: {reason}"))?;
            template.roles.insert(id.to_owned(), grants);
        }
        for (id, properties) in self.of("AWS::DynamoDB::Table") {
            template.tables.push(self.table(id, properties).map_err(|reason| format!("{id}: {reason}"))?);
        }
        for (id, properties) in self.of("AWS::SQS::Queue") {
            template.queues.push(self.queue(id, properties).map_err(|reason| format!("{id}: {reason}"))?);
        }
        for (id, properties) in self.of("AWS::SecretsManager::Secret") {
            let generate = self.names.resolve(&properties["GenerateSecretString"])?;
            template.secrets.push(SecretSettings { name: self.names.name(id, "Name")?, generate });
        }
        for authorizer in template.authorizers.values() {
            if let Authorizer::Function { function, .. } = authorizer
                && !template.functions.contains_key(function)
            {
                return Err(format!("an authorizer names the function {function}, which does not exist"));
            }
        }
        for source in &template.event_sources {
            if !template.queues.iter().any(|queue| queue.name == source.queue) {
                return Err(format!("{} takes from the queue {}, which does not exist", source.function, source.queue));
            }
        }
        Ok(template)
    }

    /// The resources of one type, each with its properties.
    fn of(&self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (*id, &resource["Properties"]))
    }

    fn function(&self, id: &str, properties: &Value, auth: &Value, template: &mut Template) -> Result<(), String> {
        let globals = &self.names.template["Globals"]["Function"];
        let mut environment = BTreeMap::new();
        for source in [globals, properties] {
            let variables = self.names.resolve(&source["Environment"]["Variables"])?;
            for (name, value) in variables.as_object().into_iter().flatten() {
                environment.insert(name.clone(), text(value)?);
            }
        }
        let timeout = properties.get("Timeout").unwrap_or(&globals["Timeout"]);
        // Lambda's own default is 3 s.
        let timeout = number(&self.names.resolve(timeout)?).unwrap_or(3);
        let binary = &self.names.template["Resources"][id]["Metadata"]["BuildProperties"]["Binary"];
        let name = binary.as_str().map_or_else(|| kebab(id), str::to_owned);

        let events = self.names.resolve(&properties["Events"])?;
        for (event, settings) in events.as_object().into_iter().flatten() {
            let details = &settings["Properties"];
            match settings["Type"].as_str() {
                Some("Api") => {
                    let need = |key: &str| details[key].as_str().ok_or_else(|| format!("{event} has no {key}"));
                    let own = details["Auth"]["Authorizer"].as_str();
                    let authorizer = own.or(auth["DefaultAuthorizer"].as_str()).filter(|name| *name != "NONE");
                    if let Some(name) = authorizer
                        && !template.authorizers.contains_key(name)
                    {
                        return Err(format!("{event} names the authorizer {name}, which does not exist"));
                    }
                    template.routes.add(need("Method")?, need("Path")?, id, authorizer)?;
                }
                Some("SQS") => template.event_sources.push(event_source(id, details)?),
                other => {
                    return Err(format!("{event} is of a type that this gateway lacks: {}", other.unwrap_or("none")));
                }
            }
        }
        template.functions.insert(id.to_owned(), Function { name, timeout: Duration::from_secs(timeout), environment });
        Ok(())
    }

    /// What a function's role grants. A function has a role of its own in the template; one without may do nothing.
    fn grants(&self, function: &Value) -> Result<BTreeSet<Grant>, String> {
        let Some(role) = function["Role"]["Fn::GetAtt"][0].as_str() else { return Ok(BTreeSet::new()) };
        let policies = self.names.resolve(&self.names.template["Resources"][role]["Properties"]["Policies"])?;
        let statements = policies.as_array().into_iter().flatten();
        let statements = statements.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        let mut grants = BTreeSet::new();
        for statement in statements {
            if statement["Effect"] != "Allow" || !statement["Condition"].is_null() {
                return Err(format!("{role} has a statement that this machine cannot judge: {statement}"));
            }
            for action in list(&statement["Action"]) {
                for resource in list(&statement["Resource"]) {
                    grants.insert(Grant { action: text(action)?, resource: text(resource)? });
                }
            }
        }
        Ok(grants)
    }

    fn table(&self, id: &str, properties: &Value) -> Result<(Value, Option<String>), String> {
        let mut input = serde_json::Map::new();
        for key in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            if let Some(value) = properties.get(key) {
                input.insert(key.to_owned(), self.names.resolve(value)?);
            }
        }
        input.insert("BillingMode".to_owned(), "PAY_PER_REQUEST".into());
        input.insert("TableName".to_owned(), self.names.name(id, "TableName")?.into());
        let expires = self.names.resolve(&properties["TimeToLiveSpecification"]["AttributeName"])?;
        Ok((input.into(), expires.as_str().map(str::to_owned)))
    }

    fn queue(&self, id: &str, properties: &Value) -> Result<QueueSettings, String> {
        let properties = self.names.resolve(properties)?;
        if properties["FifoQueue"] == true {
            return Err("a FIFO queue is not something that this machine has".into());
        }
        let seconds = |key: &str, default| Duration::from_secs(number(&properties[key]).unwrap_or(default));
        let redrive = &properties["RedrivePolicy"];
        let dead_letters = redrive["deadLetterTargetArn"].as_str().map(last_part);
        Ok(QueueSettings {
            name: self.names.name(id, "QueueName")?,
            visibility_timeout: seconds("VisibilityTimeout", 30),
            retention: seconds("MessageRetentionPeriod", 345_600),
            delay: seconds("DelaySeconds", 0),
            dead_letters,
            max_receives: number(&redrive["maxReceiveCount"]).and_then(|count| u32::try_from(count).ok()),
        })
    }
}

fn event_source(function: &str, details: &Value) -> Result<EventSource, String> {
    let arn = details["Queue"].as_str().ok_or("an SQS event names no Queue")?;
    let size = |value: &Value, default| number(value).and_then(|it| usize::try_from(it).ok()).unwrap_or(default);
    let responses = details["FunctionResponseTypes"].as_array();
    Ok(EventSource {
        function: function.to_owned(),
        queue: last_part(arn),
        queue_arn: arn.to_owned(),
        batch_size: size(&details["BatchSize"], 10).clamp(1, 10),
        concurrency: size(&details["ScalingConfig"]["MaximumConcurrency"], 5).max(1),
        reports_failures: responses.is_some_and(|all| all.iter().any(|it| it == "ReportBatchItemFailures")),
    })
}

/// The items of a list, or the one thing that stands in its place.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A whole number, which YAML may have quoted.
pub(crate) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The name at the end of an ARN.
pub(crate) fn last_part(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or_default().to_owned()
}

/// `CreateKey` as `create-key`.
fn kebab(id: &str) -> String {
    let mut out = String::new();
    for letter in id.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests;
