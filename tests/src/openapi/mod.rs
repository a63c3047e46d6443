//! `docs/openapi.yaml` as the tests read it: its operations, and what stands at each place of it, references followed.

pub mod coverage;
#[cfg(test)]
mod examples;
mod parts;
mod validate;

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Map, Value};

pub(crate) use validate::judge;
pub use validate::judge_request;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_norway::from_str(include_str!("../../../docs/openapi.yaml")).expect("the contract is YAML"));

/// The methods that a path can have.
const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "options"];

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// Somebody who is signed in.
    Person,
    /// A key.
    Key,
    /// Everybody.
    Nobody,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path below the stage, with its parameters as `{name}`.
    pub path: &'static str,
    /// Who may call it.
    pub security: Security,
    place: Place,
    /// What stands at the path, for all of its methods.
    item: &'static Value,
}

/// A place in the document and what stands there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// As a JSON Pointer.
    pub(crate) pointer: String,
    pub(crate) value: &'static Value,
}

impl Place {
    fn at(pointer: String) -> Option<Self> {
        let value = DOCUMENT.pointer(&pointer)?;
        match value["$ref"].as_str() {
            // A schema may say more beside its reference, and is read by whoever validates.
            Some(reference) if value.as_object().is_some_and(|it| it.len() == 1) => {
                Self::at(reference.trim_start_matches('#').to_owned())
            }
            _ => Some(Self { pointer, value }),
        }
    }

    /// What is called this here.
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        Self::at(format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }
}

/// Every operation.
pub fn operations() -> Vec<Operation> {
    let paths = Place { pointer: "/paths".to_owned(), value: &DOCUMENT["paths"] };
    let mut operations = Vec::new();
    for path in paths.names() {
        let item = paths.child(path).expect("a path");
        for name in METHODS {
            let Some(place) = item.child(name) else { continue };
            let security = match place.value["security"][0].as_object().and_then(|first| first.keys().next()) {
                None => Security::Nobody,
                Some(name) if name == "person" => Security::Person,
                Some(_) => Security::Key,
            };
            let method = name.to_uppercase().parse().expect("a method");
            operations.push(Operation { method, path, security, place, item: item.value });
        }
    }
    operations
}

impl Operation {
    /// `GET /keys/{id}` and the like.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The statuses that it answers, each with the codes of that refusal.
    pub fn answers(&self) -> Vec<(u16, Vec<&'static str>)> {
        let responses = self.place.child("responses").expect("responses");
        let codes = |status: &str| codes(&responses.child(status).expect("a response"));
        responses.names().map(|status| (status.parse().expect("a status"), codes(status))).collect()
    }

    /// Whether it answers this refusal.
    pub fn refuses(&self, status: u16, code: &str) -> bool {
        self.answers().iter().any(|(its, codes)| *its == status && codes.contains(&code))
    }

    /// Its path with an example in the place of each parameter.
    pub fn example_path(&self) -> String {
        let mut path = self.path.to_owned();
        for list in [&self.item["parameters"], &self.place.value["parameters"]] {
            for parameter in list.as_array().into_iter().flatten() {
                let reference = parameter["$ref"].as_str().expect("a reference").trim_start_matches('#');
                let parameter = DOCUMENT.pointer(reference).expect("a parameter");
                let name = format!("{{{}}}", parameter["name"].as_str().expect("a name"));
                path = path.replace(&name, parameter["example"].as_str().unwrap_or_default());
            }
        }
        path
    }

    /// The first example of its body, if it takes one.
    pub fn example_body(&self) -> Option<&'static Value> {
        let examples = &self.place.value["requestBody"]["content"]["application/json"]["examples"];
        Some(&examples.as_object()?.values().next()?["value"])
    }
}

/// The operation that answers this method at this path below the stage: fixed words win over parameters.
pub(crate) fn find(method: &Method, path: &str) -> Option<Operation> {
    let operations = operations();
    let best = operations.iter().filter(|operation| matches(operation.path, path)).map(|operation| operation.path);
    let best = best.min_by_key(|path| path.matches('{').count())?;
    operations.into_iter().find(|operation| operation.path == best && operation.method == method)
}

fn matches(template: &str, path: &str) -> bool {
    let (mut words, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (words.next(), given.next()) {
            (None, None) => return true,
            (Some(word), Some(value)) if word == value || word.starts_with('{') && !value.is_empty() => {}
            _ => return false,
        }
    }
}

/// The codes of a response; none if it is no refusal.
fn codes(response: &Place) -> Vec<&'static str> {
    let schema = &response.value["content"]["application/problem+json"]["schema"];
    let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
    codes.into_iter().flatten().map(|code| code.as_str().expect("a code")).collect()
}

/// Every code of a problem, with its status and title.
pub fn problems() -> Vec<(&'static str, u64, &'static str)> {
    let rows = DOCUMENT["components"]["schemas"]["Problem"]["oneOf"].as_array().expect("rows").iter();
    rows.map(|row| {
        let of = |name: &str| &row["properties"][name]["const"];
        let text = |name: &str| of(name).as_str().expect("text");
        (text("code"), of("status").as_u64().expect("a status"), text("title"))
    })
    .collect()
}

/// What is answered at a path that is not here, or to a method that a path does not have.
fn elsewhere() -> Place {
    Place::at("/x-elsewhere".to_owned()).expect("what is answered elsewhere")
}
