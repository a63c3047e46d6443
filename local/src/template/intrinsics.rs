//! `CloudFormation`'s intrinsic functions, as far as the template uses them: `Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::If`
//! and others.

use serde_json::{Map, Value};

use crate::template::values::{ACCOUNT_ID, API_ID, APP_CLIENT_ID, PARAMETERS, REGION, scalar};

/// Evaluates intrinsic functions with the values that they have on this machine.
pub(super) struct Resolver<'a> {
    /// The template with its tags expanded.
    pub(super) template: &'a Value,
    /// The address of SQS, such as `http://127.0.0.1:4000`.
    pub(super) sqs_endpoint: &'a str,
}

impl Resolver<'_> {
    /// The value with its functions evaluated; null for `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(self.evaluate(value)?.unwrap_or(Value::Null))
    }

    /// Whether a resource is created: it has no condition, or its condition holds.
    pub(super) fn is_created(&self, resource: &Value) -> Result<bool, String> {
        match resource.get("Condition").and_then(Value::as_str) {
            Some(name) => self.named_condition(name, &mut Vec::new()),
            None => Ok(true),
        }
    }

    fn evaluate(&self, value: &Value) -> Result<Option<Value>, String> {
        match value {
            Value::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.evaluate(item)?);
                }
                Ok(Some(list.into()))
            }
            Value::Object(object) => {
                if let Some((name, argument)) = intrinsic(object) {
                    return self.call(name, argument);
                }
                let mut resolved = Map::new();
                for (key, item) in object {
                    if let Some(item) = self.evaluate(item)? {
                        resolved.insert(key.clone(), item);
                    }
                }
                Ok(Some(resolved.into()))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        let value = match (name, argument, argument.as_array().map(Vec::as_slice)) {
            ("Ref", Value::String(name), _) => return self.reference(name),
            ("Fn::GetAtt", _, Some([Value::String(resource), Value::String(attribute)])) => {
                self.attribute(resource, attribute)?.into()
            }
            ("Fn::Sub", Value::String(text), _) => self.substitute(text, &Map::new())?.into(),
            ("Fn::Sub", _, Some([Value::String(text), Value::Object(variables)])) => {
                self.substitute(text, variables)?.into()
            }
            ("Fn::If", _, Some([Value::String(condition), yes, no])) => {
                let holds = self.named_condition(condition, &mut Vec::new())?;
                return self.evaluate(if holds { yes } else { no });
            }
            ("Fn::Join", _, Some([Value::String(separator), list])) => {
                let list = self.resolve(list)?;
                let parts = list.as_array().ok_or("Fn::Join needs a list")?;
                parts.iter().map(scalar).collect::<Result<Vec<_>, _>>()?.join(separator).into()
            }
            ("Fn::Split", _, Some([Value::String(separator), whole])) => {
                let whole = scalar(&self.resolve(whole)?)?;
                whole.split(separator.as_str()).map(Value::from).collect::<Vec<_>>().into()
            }
            ("Fn::Select", _, Some([index, list])) => {
                let index: usize =
                    scalar(&self.resolve(index)?)?.parse().map_err(|_| "Fn::Select needs a number".to_owned())?;
                let list = self.resolve(list)?;
                list.get(index).cloned().ok_or("Fn::Select has an index past the end of its list")?
            }
            _ => return Err(format!("{name} is not supported here: {argument}")),
        };
        Ok(Some(value))
    }

    fn reference(&self, name: &str) -> Result<Option<Value>, String> {
        let pseudo_parameter = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT_ID),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("pushgate"),
            "AWS::StackId" => Some("arn:aws:cloudformation:eu-central-1:000000000000:stack/pushgate/local"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(value) = pseudo_parameter {
            return Ok(Some(value.into()));
        }
        if let Some(parameter) = self.template["Parameters"].get(name) {
            if let Some((_, value)) = PARAMETERS.iter().find(|(own, _)| *own == name) {
                return Ok(Some((*value).into()));
            }
            let default =
                parameter.get("Default").ok_or_else(|| format!("the parameter {name} has no default value"))?;
            return Ok(Some(match (parameter["Type"].as_str(), default) {
                (Some("CommaDelimitedList"), Value::String(list)) => {
                    list.split(',').map(str::trim).map(Value::from).collect::<Vec<_>>().into()
                }
                _ => default.clone(),
            }));
        }
        if let Some(function) = name.strip_suffix(".Alias") {
            return self.attribute(function, "Alias").map(|arn| Some(arn.into()));
        }
        let property = match self.resource_type(name)? {
            "AWS::SQS::Queue" => {
                let queue = self.physical_name(name, "QueueName")?;
                return Ok(Some(format!("{}/{ACCOUNT_ID}/{queue}", self.sqs_endpoint).into()));
            }
            "AWS::Serverless::Api" => return Ok(Some(API_ID.into())),
            "AWS::Cognito::UserPoolClient" => return Ok(Some(APP_CLIENT_ID.into())),
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::SecretsManager::Secret" => "Name",
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
            _ => return Ok(Some(name.into())),
        };
        Ok(Some(self.physical_name(name, property)?.into()))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String, String> {
        let queue = || self.physical_name(resource, "QueueName");
        Ok(match (self.resource_type(resource)?, attribute) {
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{}", queue()?),
            ("AWS::SQS::Queue", "QueueName") => queue()?,
            ("AWS::DynamoDB::Table", "Arn") => {
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{}", self.physical_name(resource, "TableName")?)
            }
            ("AWS::SecretsManager::Secret", "Id") => {
                format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{}", self.physical_name(resource, "Name")?)
            }
            // The SAM transform creates the alias; here it is the function itself.
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn" | "Alias") => {
                format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{resource}")
            }
            (_, "Arn") => format!("arn:aws:local:{REGION}:{ACCOUNT_ID}:{resource}"),
            _ => format!("{resource}.{attribute}"),
        })
    }

    /// The physical name of a resource: the value of its name property, or else its logical ID.
    pub(super) fn physical_name(&self, resource: &str, property: &str) -> Result<String, String> {
        match self.template["Resources"][resource]["Properties"].get(property) {
            Some(name) => scalar(&self.resolve(name)?),
            None => Ok(resource.to_owned()),
        }
    }

    fn resource_type(&self, resource: &str) -> Result<&str, String> {
        self.template["Resources"]
            .get(resource)
            .and_then(|found| found["Type"].as_str())
            .ok_or_else(|| format!("{resource} is neither a parameter nor a resource"))
    }

    fn substitute(&self, pattern: &str, variables: &Map<String, Value>) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("Fn::Sub has a ${ without a }")?;
            out.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
            } else if let Some(value) = variables.get(name) {
                out.push_str(&scalar(&self.resolve(value)?)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                out.push_str(&self.attribute(resource, attribute)?);
            } else {
                out.push_str(&scalar(&self.reference(name)?.unwrap_or_default())?);
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn named_condition(&self, name: &str, path: &mut Vec<String>) -> Result<bool, String> {
        if path.iter().any(|outer| outer == name) {
            return Err(format!("the condition {name} refers to itself"));
        }
        let condition =
            self.template["Conditions"].get(name).ok_or_else(|| format!("the condition {name} does not exist"))?;
        path.push(name.to_owned());
        let holds = self.condition(condition, path);
        path.pop();
        holds
    }

    fn condition(&self, condition: &Value, path: &mut Vec<String>) -> Result<bool, String> {
        let (name, argument) =
            condition.as_object().and_then(intrinsic).ok_or_else(|| format!("this is not a condition: {condition}"))?;
        match (name, argument, argument.as_array().map(Vec::as_slice)) {
            ("Condition", Value::String(name), _) => self.named_condition(name, path),
            ("Fn::Equals", _, Some([left, right])) => {
                Ok(scalar(&self.resolve(left)?)? == scalar(&self.resolve(right)?)?)
            }
            ("Fn::Not", _, Some([inner])) => Ok(!self.condition(inner, path)?),
            ("Fn::And", _, Some(all)) => {
                all.iter().try_fold(true, |holds, inner| Ok(self.condition(inner, path)? && holds))
            }
            ("Fn::Or", _, Some(any)) => {
                any.iter().try_fold(false, |holds, inner| Ok(self.condition(inner, path)? || holds))
            }
            _ => Err(format!("{name} is not supported in a condition: {argument}")),
        }
    }
}

/// The intrinsic function that an object with one entry calls, and its argument.
fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next()?;
    let called = object.len() == 1 && (name == "Ref" || name == "Condition" || name.starts_with("Fn::"));
    called.then_some((name, argument))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::tags::expand_tags;

    const TEMPLATE: &str = r"
Parameters:
  Retain: {Type: String, Default: 'false'}
  Hosts: {Type: CommaDelimitedList, Default: 'a.example, b.example'}
  NoDefault: {Type: String}
Conditions:
  Retained: !Equals [!Ref Retain, 'true']
  Deletable: !Not [!Condition Retained]
  Recursive: !Not [!Condition Recursive]
Resources:
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub '${AWS::StackName}-table'}}
  Work: {Type: AWS::SQS::Queue}
  Send: {Type: AWS::Serverless::Function}
";

    fn resolve(expression: &str) -> Result<Value, String> {
        let template = expand_tags(serde_norway::from_str(TEMPLATE).expect("yaml")).expect("a template");
        let expression = expand_tags(serde_norway::from_str(expression).expect("yaml")).expect("a template");
        Resolver { template: &template, sqs_endpoint: "http://q" }.resolve(&expression)
    }

    #[test]
    fn intrinsic_functions_are_evaluated() {
        for (expression, expected) in [
            ("!Ref Table", json!("pushgate-table")),
            ("!Ref Work", json!("http://q/000000000000/Work")),
            ("!GetAtt Work.Arn", json!("arn:aws:sqs:eu-central-1:000000000000:Work")),
            ("!Ref Send.Alias", json!("arn:aws:lambda:eu-central-1:000000000000:function:Send")),
            ("!Sub '${Send.Alias}'", json!("arn:aws:lambda:eu-central-1:000000000000:function:Send")),
            ("!Sub 'x-${Table}-${Work.QueueName}-${!Table}'", json!("x-pushgate-table-Work-${Table}")),
            ("!Sub ['${A}', {A: !Ref Retain}]", json!("false")),
            ("!If [Retained, 1, 2]", json!(2)),
            ("!If [Deletable, 1, 2]", json!(1)),
            ("{a: !If [Retained, 1, !Ref AWS::NoValue], b: 1}", json!({"b": 1})),
            ("!Join [',', !Ref Hosts]", json!("a.example,b.example")),
            ("!Select [1, !Split ['.', 'a.b.c']]", json!("b")),
            ("{Fn::If: [Deletable, {Ref: Retain}, 2]}", json!("false")),
        ] {
            assert_eq!(resolve(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        for expression in
            ["!Ref Missing", "!GetAtt Missing.Arn", "!Ref NoDefault", "!If [Missing, 1, 2]", "!If [Recursive, 1, 2]"]
        {
            assert!(resolve(expression).is_err(), "{expression}");
        }
    }
}
