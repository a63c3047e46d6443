//! `infra/template.yaml`: the resources that this machine runs, read once at the start.

mod api;
mod declarations;
mod functions;
mod intrinsics;
mod tags;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::start_error::StartError;
pub(crate) use declarations::{
    Authorizer, EventSourceMapping, Function, GatewayResponse, QueueSettings, SecretSettings, Stage, Table,
};
pub use declarations::{Grant, Route};
use intrinsics::Resolver;
use tags::expand_tags;
use values::{arn_name, integer, scalar};

/// The path of the template beside which this program was built.
pub const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");

/// The template's resources in plain values.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) stage: Arc<Stage>,
    pub(crate) routes: Vec<Route>,
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
    /// The gateway responses by response type.
    pub(crate) gateway_responses: BTreeMap<String, GatewayResponse>,
    pub(crate) access_log_format: Option<String>,
    /// The functions by logical ID.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The grants of each function's role, by the function's logical ID.
    pub(crate) grants: BTreeMap<String, BTreeSet<Grant>>,
    pub(crate) tables: Vec<Table>,
    pub(crate) queues: Vec<QueueSettings>,
    pub(crate) event_source_mappings: Vec<EventSourceMapping>,
    pub(crate) secrets: Vec<SecretSettings>,
    /// The addresses to which sign-in may redirect.
    pub(crate) callback_urls: Vec<String>,
    /// The addresses to which sign-out may redirect.
    pub(crate) logout_urls: Vec<String>,
}

impl Template {
    /// Reads a file; `sqs_endpoint` is the address that queue URLs begin with.
    pub(crate) fn read(path: &Path, sqs_endpoint: &str) -> Result<Self, StartError> {
        let yaml = std::fs::read_to_string(path)
            .map_err(|error| StartError::new(format!("The template {} cannot be read: {error}.", path.display())))?;
        Self::parse(&yaml, sqs_endpoint)
            .map_err(|reason| StartError::new(format!("The template {} is invalid: {reason}.", path.display())))
    }

    fn parse(yaml: &str, sqs_endpoint: &str) -> Result<Self, String> {
        let yaml = serde_norway::from_str(yaml).map_err(|error| format!("it is not YAML ({error})"))?;
        let source = expand_tags(yaml)?;
        let resolver = Resolver { template: &source, sqs_endpoint };
        let mut resources = Vec::new();
        for (id, resource) in source["Resources"].as_object().ok_or("it has no Resources")? {
            if resolver.is_created(resource).map_err(|reason| format!("{id}: {reason}"))? {
                resources.push((id.as_str(), resource));
            }
        }
        let template = Resources { resolver, resources }.template()?;
        template.check_references()?;
        Ok(template)
    }

    /// Routes are distinct, and what a route, an authorizer or an event source mapping refers to exists.
    fn check_references(&self) -> Result<(), String> {
        for (index, Route { method, resource, function, authorizer }) in self.routes.iter().enumerate() {
            if self.routes[..index].iter().any(|other| other.method == *method && other.resource == *resource) {
                return Err(format!("{method} {resource} is declared twice"));
            }
            if let Some(name) = authorizer
                && !self.authorizers.contains_key(name)
            {
                return Err(format!("{function} refers to the authorizer {name}, which does not exist"));
            }
        }
        for authorizer in self.authorizers.values() {
            if let Authorizer::Function { function, .. } = authorizer
                && !self.functions.contains_key(function)
            {
                return Err(format!("an authorizer refers to the function {function}, which does not exist"));
            }
        }
        for EventSourceMapping { function, queue, .. } in &self.event_source_mappings {
            if !self.queues.iter().any(|it| it.name == *queue) {
                return Err(format!("{function} receives from the queue {queue}, which does not exist"));
            }
        }
        Ok(())
    }
}

/// The resources that are created, by logical ID.
struct Resources<'a> {
    resolver: Resolver<'a>,
    resources: Vec<(&'a str, &'a Value)>,
}

impl<'a> Resources<'a> {
    fn template(&self) -> Result<Template, String> {
        let mut apis = self.of_type("AWS::Serverless::Api");
        let (Some((api, properties)), None) = (apis.next(), apis.next()) else {
            return Err("it needs exactly one AWS::Serverless::Api".into());
        };
        let in_resource = |id: &str, reason: String| format!("{id}: {reason}");
        let property = |path: &str| {
            let value = properties.pointer(path).unwrap_or(&Value::Null);
            self.resolver.resolve(value).map_err(|reason| in_resource(api, reason))
        };
        let auth = property("/Auth")?;
        let access_log_format = api::access_log_format(&properties["AccessLogSetting"]).unwrap_or(&Value::Null);
        let authorizers = auth["Authorizers"].as_object().into_iter().flatten();
        let authorizers = authorizers.map(|(name, settings)| Ok((name.clone(), api::authorizer(name, settings)?)));

        let mut template = Template {
            stage: Arc::new(Stage {
                name: scalar(&property("/StageName")?).map_err(|_| format!("{api} has no StageName"))?,
                variables: api::stage_variables(&property("/Variables")?)?,
            }),
            routes: Vec::new(),
            authorizers: authorizers.collect::<Result<_, String>>()?,
            gateway_responses: api::gateway_responses(&property("/GatewayResponses")?)?,
            access_log_format: self.resolver.resolve(access_log_format)?.as_str().map(str::to_owned),
            functions: BTreeMap::new(),
            grants: BTreeMap::new(),
            tables: Vec::new(),
            queues: Vec::new(),
            event_source_mappings: Vec::new(),
            secrets: Vec::new(),
            callback_urls: Vec::new(),
            logout_urls: Vec::new(),
        };
        let default_authorizer = auth["DefaultAuthorizer"].as_str();
        for (id, properties) in self.of_type("AWS::Serverless::Function") {
            let failed = |reason| in_resource(id, reason);
            let function = functions::function(&self.resolver, id, properties).map_err(failed)?;
            template.functions.insert(id.to_owned(), function);
            let events = functions::events(&self.resolver, id, properties, default_authorizer).map_err(failed)?;
            template.routes.extend(events.routes);
            template.event_source_mappings.extend(events.mappings);
            let grants = functions::grants(&self.resolver, properties).map_err(failed)?;
            template.grants.insert(id.to_owned(), grants);
        }
        for (id, properties) in self.of_type("AWS::DynamoDB::Table") {
            template.tables.push(self.table(id, properties).map_err(|reason| in_resource(id, reason))?);
        }
        for (id, properties) in self.of_type("AWS::SQS::Queue") {
            template.queues.push(self.queue(id, properties).map_err(|reason| in_resource(id, reason))?);
        }
        for (id, properties) in self.of_type("AWS::SecretsManager::Secret") {
            let generate = self.resolver.resolve(&properties["GenerateSecretString"])?;
            template.secrets.push(SecretSettings { name: self.resolver.physical_name(id, "Name")?, generate });
        }
        for (_, properties) in self.of_type("AWS::Cognito::UserPoolClient") {
            template.callback_urls.extend(self.texts(&properties["CallbackURLs"])?);
            template.logout_urls.extend(self.texts(&properties["LogoutURLs"])?);
        }
        Ok(template)
    }

    /// The strings of a list.
    fn texts(&self, list: &Value) -> Result<Vec<String>, String> {
        let list = self.resolver.resolve(list)?;
        Ok(list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The resources of one type, each with its properties.
    fn of_type(&self, resource_type: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.resources
            .iter()
            .filter(move |(_, resource)| resource["Type"] == resource_type)
            .map(|(id, resource)| (*id, &resource["Properties"]))
    }

    fn table(&self, id: &str, properties: &Value) -> Result<Table, String> {
        let mut input = serde_json::Map::new();
        for key in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            if let Some(value) = properties.get(key) {
                input.insert(key.to_owned(), self.resolver.resolve(value)?);
            }
        }
        input.insert("BillingMode".to_owned(), "PAY_PER_REQUEST".into());
        input.insert("TableName".to_owned(), self.resolver.physical_name(id, "TableName")?.into());
        let ttl_attribute = self.resolver.resolve(&properties["TimeToLiveSpecification"]["AttributeName"])?;
        Ok(Table { input: input.into(), ttl_attribute: ttl_attribute.as_str().map(str::to_owned) })
    }

    fn queue(&self, id: &str, properties: &Value) -> Result<QueueSettings, String> {
        let properties = self.resolver.resolve(properties)?;
        if properties["FifoQueue"] == true {
            return Err("FIFO queues are not supported on this machine".into());
        }
        let seconds = |key: &str, default| Duration::from_secs(integer(&properties[key]).unwrap_or(default));
        let redrive = &properties["RedrivePolicy"];
        Ok(QueueSettings {
            name: self.resolver.physical_name(id, "QueueName")?,
            visibility_timeout: seconds("VisibilityTimeout", 30),
            retention: seconds("MessageRetentionPeriod", 345_600),
            delay: seconds("DelaySeconds", 0),
            dead_letter_queue: redrive["deadLetterTargetArn"].as_str().map(arn_name),
            max_receive_count: integer(&redrive["maxReceiveCount"]).and_then(|count| u32::try_from(count).ok()),
        })
    }
}
