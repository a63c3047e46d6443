//! The template language's functions, as far as the template uses them: `Ref`, `Sub`, `GetAtt`, `If` and their kin.

use serde_json::{Map, Value, json};

/// The account that this machine plays.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region that this machine plays.
pub(crate) const REGION: &str = "eu-central-1";

/// YAML with its short tags (`!Ref X`) written in the long form (`{"Ref": "X"}`), so that there is one form to read.
pub(crate) fn long_form(yaml: serde_norway::Value) -> Result<Value, String> {
    use serde_norway::Value as Yaml;
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(it) => it.into(),
        Yaml::Number(it) => serde_json::to_value(it).map_err(|error| error.to_string())?,
        Yaml::String(it) => it.into(),
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect::<Result<Vec<_>, _>>()?.into(),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(key) => key.to_string(),
                    Yaml::Bool(key) => key.to_string(),
                    _ => return Err("a key of a mapping is not a name".into()),
                };
                object.insert(key, long_form(value)?);
            }
            object.into()
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let inner = long_form(tagged.value)?;
            match (tag, &inner) {
                ("Ref" | "Condition", _) => json!({ tag: inner }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                _ => json!({ format!("Fn::{tag}"): inner }),
            }
        }
    })
}

/// What names in a template stand for on this machine.
pub(crate) struct Names<'a> {
    /// The template in its long form.
    pub(crate) template: &'a Value,
    /// Where the queue answers, such as `http://127.0.0.1:4000`.
    pub(crate) queue_endpoint: &'a str,
}

impl Names<'_> {
    /// The value with its functions worked out; null where the template says `AWS::NoValue`.
    pub(crate) fn resolve(&self, value: &Value) -> Result<Value, String> {
        Ok(self.value(value)?.unwrap_or(Value::Null))
    }

    /// Whether a resource exists: it has no condition, or its condition holds.
    pub(crate) fn exists(&self, resource: &Value) -> Result<bool, String> {
        match resource.get("Condition").and_then(Value::as_str) {
            Some(name) => self.named_condition(name, &mut Vec::new()),
            None => Ok(true),
        }
    }

    fn value(&self, value: &Value) -> Result<Option<Value>, String> {
        match value {
            Value::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.value(item)?);
                }
                Ok(Some(list.into()))
            }
            Value::Object(object) => {
                if let Some((name, argument)) = function(object) {
                    return self.call(name, argument);
                }
                let mut resolved = Map::new();
                for (key, item) in object {
                    if let Some(item) = self.value(item)? {
                        resolved.insert(key.clone(), item);
                    }
                }
                Ok(Some(resolved.into()))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>, String> {
        let found = match (name, argument, argument.as_array().map(Vec::as_slice)) {
            ("Ref", Value::String(name), _) => return self.reference(name),
            ("Fn::GetAtt", _, Some([Value::String(resource), Value::String(attribute)])) => {
                self.attribute(resource, attribute)?.into()
            }
            ("Fn::Sub", Value::String(text), _) => self.substitute(text, &Map::new())?.into(),
            ("Fn::Sub", _, Some([Value::String(text), Value::Object(own)])) => self.substitute(text, own)?.into(),
            ("Fn::If", _, Some([Value::String(condition), yes, no])) => {
                let holds = self.named_condition(condition, &mut Vec::new())?;
                return self.value(if holds { yes } else { no });
            }
            ("Fn::Join", _, Some([Value::String(separator), list])) => {
                let list = self.resolve(list)?;
                let parts = list.as_array().ok_or("Fn::Join needs a list")?;
                parts.iter().map(text).collect::<Result<Vec<_>, _>>()?.join(separator).into()
            }
            ("Fn::Split", _, Some([Value::String(separator), whole])) => {
                let whole = text(&self.resolve(whole)?)?;
                whole.split(separator.as_str()).map(Value::from).collect::<Vec<_>>().into()
            }
            ("Fn::Select", _, Some([index, list])) => {
                let index: usize =
                    text(&self.resolve(index)?)?.parse().map_err(|_| "Fn::Select needs a number".to_owned())?;
                let list = self.resolve(list)?;
                list.get(index).cloned().ok_or("Fn::Select looks past the end of its list")?
            }
            _ => return Err(format!("{name} is not understood here: {argument}")),
        };
        Ok(Some(found))
    }

    fn reference(&self, name: &str) -> Result<Option<Value>, String> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("pushgate"),
            "AWS::StackId" => Some("arn:aws:cloudformation:eu-central-1:000000000000:stack/pushgate/local"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(pseudo) = pseudo {
            return Ok(Some(pseudo.into()));
        }
        if let Some(parameter) = self.template["Parameters"].get(name) {
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
        let name_property = match self.kind(name)? {
            "AWS::SQS::Queue" => {
                let queue = self.name(name, "QueueName")?;
                return Ok(Some(format!("{}/{ACCOUNT}/{queue}", self.queue_endpoint).into()));
            }
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::SecretsManager::Secret" => "Name",
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
            _ => return Ok(Some(name.into())),
        };
        Ok(Some(self.name(name, name_property)?.into()))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<String, String> {
        let queue = || self.name(resource, "QueueName");
        Ok(match (self.kind(resource)?, attribute) {
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", queue()?),
            ("AWS::SQS::Queue", "QueueName") => queue()?,
            ("AWS::DynamoDB::Table", "Arn") => {
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}", self.name(resource, "TableName")?)
            }
            ("AWS::SecretsManager::Secret", "Id") => {
                format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{}", self.name(resource, "Name")?)
            }
            // A function's alias, which the transform makes, stands for the function.
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn" | "Alias") => {
                format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{resource}")
            }
            (_, "Arn") => format!("arn:aws:local:{REGION}:{ACCOUNT}:{resource}"),
            _ => format!("{resource}.{attribute}"),
        })
    }

    /// The name that a resource has: the one that the template gives it, or else its logical id.
    pub(crate) fn name(&self, resource: &str, property: &str) -> Result<String, String> {
        match self.template["Resources"][resource]["Properties"].get(property) {
            Some(name) => text(&self.resolve(name)?),
            None => Ok(resource.to_owned()),
        }
    }

    fn kind(&self, resource: &str) -> Result<&str, String> {
        self.template["Resources"]
            .get(resource)
            .and_then(|found| found["Type"].as_str())
            .ok_or_else(|| format!("{resource} is named, but there is no such parameter or resource"))
    }

    fn substitute(&self, pattern: &str, own: &Map<String, Value>) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("Fn::Sub has a ${ without its }")?;
            out.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str("${");
                out.push_str(literal);
                out.push('}');
            } else if let Some(value) = own.get(name) {
                out.push_str(&text(&self.resolve(value)?)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                out.push_str(&self.attribute(resource, attribute)?);
            } else {
                out.push_str(&text(&self.reference(name)?.unwrap_or_default())?);
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn named_condition(&self, name: &str, within: &mut Vec<String>) -> Result<bool, String> {
        if within.iter().any(|outer| outer == name) {
            return Err(format!("the condition {name} refers to itself"));
        }
        let condition = self.template["Conditions"].get(name).ok_or_else(|| format!("there is no condition {name}"))?;
        within.push(name.to_owned());
        let holds = self.condition(condition, within);
        within.pop();
        holds
    }

    fn condition(&self, condition: &Value, within: &mut Vec<String>) -> Result<bool, String> {
        let (name, argument) =
            condition.as_object().and_then(function).ok_or_else(|| format!("this is not a condition: {condition}"))?;
        match (name, argument, argument.as_array().map(Vec::as_slice)) {
            ("Condition", Value::String(name), _) => self.named_condition(name, within),
            ("Fn::Equals", _, Some([left, right])) => Ok(text(&self.resolve(left)?)? == text(&self.resolve(right)?)?),
            ("Fn::Not", _, Some([inner])) => Ok(!self.condition(inner, within)?),
            ("Fn::And", _, Some(all)) => {
                all.iter().try_fold(true, |holds, inner| Ok(self.condition(inner, within)? && holds))
            }
            ("Fn::Or", _, Some(any)) => {
                any.iter().try_fold(false, |holds, inner| Ok(self.condition(inner, within)? || holds))
            }
            _ => Err(format!("{name} is not understood in a condition: {argument}")),
        }
    }
}

/// The function that an object of one entry calls, with its argument.
fn function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next()?;
    let called = object.len() == 1 && (name == "Ref" || name == "Condition" || name.starts_with("Fn::"));
    called.then_some((name, argument))
}

/// A scalar as it is written into a string.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(it) => Ok(it.clone()),
        Value::Number(it) => Ok(it.to_string()),
        Value::Bool(it) => Ok(it.to_string()),
        other => Err(format!("a plain value is needed instead of {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r"
Parameters:
  Protect: {Type: String, Default: 'false'}
  Hosts: {Type: CommaDelimitedList, Default: 'a.example, b.example'}
  Open: {Type: String}
Conditions:
  Protected: !Equals [!Ref Protect, 'true']
  Loose: !Not [!Condition Protected]
  Endless: !Not [!Condition Endless]
Resources:
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Sub '${AWS::StackName}-table'}}
  Work: {Type: AWS::SQS::Queue}
  Send: {Type: AWS::Serverless::Function}
";

    fn resolve(expression: &str) -> Result<Value, String> {
        let template = long_form(serde_norway::from_str(TEMPLATE).expect("yaml")).expect("long form");
        let expression = long_form(serde_norway::from_str(expression).expect("yaml")).expect("long form");
        Names { template: &template, queue_endpoint: "http://q" }.resolve(&expression)
    }

    #[test]
    fn each_function_gives_its_value() {
        for (expression, expected) in [
            ("!Ref Table", json!("pushgate-table")),
            ("!Ref Work", json!("http://q/000000000000/Work")),
            ("!GetAtt Work.Arn", json!("arn:aws:sqs:eu-central-1:000000000000:Work")),
            ("!Ref Send.Alias", json!("arn:aws:lambda:eu-central-1:000000000000:function:Send")),
            ("!Sub '${Send.Alias}'", json!("arn:aws:lambda:eu-central-1:000000000000:function:Send")),
            ("!Sub 'x-${Table}-${Work.QueueName}-${!Table}'", json!("x-pushgate-table-Work-${Table}")),
            ("!Sub ['${A}', {A: !Ref Protect}]", json!("false")),
            ("!If [Protected, 1, 2]", json!(2)),
            ("!If [Loose, 1, 2]", json!(1)),
            ("{a: !If [Protected, 1, !Ref AWS::NoValue], b: 1}", json!({"b": 1})),
            ("!Join [',', !Ref Hosts]", json!("a.example,b.example")),
            ("!Select [1, !Split ['.', 'a.b.c']]", json!("b")),
            ("{Fn::If: [Loose, {Ref: Protect}, 2]}", json!("false")),
        ] {
            assert_eq!(resolve(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn a_name_that_is_nowhere_is_an_error() {
        for expression in
            ["!Ref Nobody", "!GetAtt Nobody.Arn", "!Ref Open", "!If [Nobody, 1, 2]", "!If [Endless, 1, 2]"]
        {
            assert!(resolve(expression).is_err(), "{expression}");
        }
    }
}
