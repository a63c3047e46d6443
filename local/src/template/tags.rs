//! YAML tags, the short form of intrinsic functions, expanded to the full form so that there is one form to read.

use serde_json::{Map, Value, json};
use serde_norway::Value as Yaml;

/// Expands `!Ref X` to `{"Ref": "X"}`.
pub(super) fn expand_tags(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(it) => it.into(),
        Yaml::Number(it) => serde_json::to_value(it).map_err(|error| error.to_string())?,
        Yaml::String(it) => it.into(),
        Yaml::Sequence(items) => items.into_iter().map(expand_tags).collect::<Result<Vec<_>, _>>()?.into(),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Number(key) => key.to_string(),
                    Yaml::Bool(key) => key.to_string(),
                    _ => return Err("a key of a mapping is not a scalar".into()),
                };
                object.insert(key, expand_tags(value)?);
            }
            object.into()
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let tag = tag.trim_start_matches('!');
            let inner = expand_tags(tagged.value)?;
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
