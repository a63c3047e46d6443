//! `docs/openapi.yaml` as data: its operations, and the values at its JSON Pointers with references resolved.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Map, Value};

pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_norway::from_str(include_str!("../../../docs/openapi.yaml")).expect("the OpenAPI document is YAML")
});

/// The methods of a path item.
const METHODS: [&str; 6] = ["get", "put", "post", "patch", "delete", "options"];

/// The principal that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Security {
    /// A user who is signed in.
    User,
    /// An API key.
    Key,
    /// No principal: the operation is public.
    Public,
}

/// An operation: one method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path below the stage, with its parameters as `{name}`.
    pub path: &'static str,
    /// The principal that it needs.
    pub security: Security,
    pub(super) place: Place,
    /// The path item, with what holds for all of its methods.
    item: &'static Value,
}

/// A value of the document with its pointer.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The JSON Pointer.
    pub(crate) pointer: String,
    pub(crate) value: &'static Value,
}

impl Place {
    pub(super) fn at(pointer: String) -> Option<Self> {
        let value = DOCUMENT.pointer(&pointer)?;
        match value["$ref"].as_str() {
            // A schema may have keywords beside its reference; the validator resolves those.
            Some(reference) if value.as_object().is_some_and(|it| it.len() == 1) => {
                Self::at(reference.trim_start_matches('#').to_owned())
            }
            _ => Some(Self { pointer, value }),
        }
    }

    /// The member of this name, with its reference resolved.
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        Self::at(format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")))
    }

    /// The names of the members.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let paths = Place { pointer: "/paths".to_owned(), value: &DOCUMENT["paths"] };
    let mut operations = Vec::new();
    for path in paths.names() {
        let item = paths.child(path).expect("a path");
        for name in METHODS {
            let Some(place) = item.child(name) else { continue };
            let security = match place.value["security"][0].as_object().and_then(|first| first.keys().next()) {
                None => Security::Public,
                Some(name) if name == "user" => Security::User,
                Some(_) => Security::Key,
            };
            let method = name.to_uppercase().parse().expect("a method");
            operations.push(Operation { method, path, security, place, item: item.value });
        }
    }
    operations
}

impl Operation {
    /// The method and the path, such as `GET /keys/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The documented statuses, each with its problem codes.
    pub fn responses(&self) -> Vec<(u16, Vec<&'static str>)> {
        let responses = self.place.child("responses").expect("responses");
        let codes = |status: &str| codes(&responses.child(status).expect("a response"));
        responses.names().map(|status| (status.parse().expect("a status"), codes(status))).collect()
    }

    /// Whether this problem is documented.
    pub fn documents(&self, status: u16, code: &str) -> bool {
        self.responses().iter().any(|(its, codes)| *its == status && codes.contains(&code))
    }

    /// The path with the example of each parameter.
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

    /// The first example of the request body, if there is a body.
    pub fn example_body(&self) -> Option<&'static Value> {
        let examples = &self.place.value["requestBody"]["content"]["application/json"]["examples"];
        Some(&examples.as_object()?.values().next()?["value"])
    }
}

/// The operation that handles this method at this path below the stage. Static segments win over parameters.
pub(super) fn find(method: &Method, path: &str) -> Option<Operation> {
    let operations = operations();
    let best = operations.iter().filter(|operation| matches(operation.path, path)).map(|operation| operation.path);
    let best = best.min_by_key(|path| path.matches('{').count())?;
    operations.into_iter().find(|operation| operation.path == best && operation.method == method)
}

fn matches(template: &str, path: &str) -> bool {
    let (mut segments, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (segments.next(), given.next()) {
            (None, None) => return true,
            (Some(segment), Some(value)) if segment == value || segment.starts_with('{') && !value.is_empty() => {}
            _ => return false,
        }
    }
}

/// The problem codes of a documented response; none if it is a success.
pub(super) fn codes(response: &Place) -> Vec<&'static str> {
    let schema = &response.value["content"]["application/problem+json"]["schema"];
    let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
    codes.into_iter().flatten().map(|code| code.as_str().expect("a code")).collect()
}

/// Every problem code with its status and title.
pub fn problems() -> Vec<(&'static str, u64, &'static str)> {
    let rows = DOCUMENT["components"]["schemas"]["Problem"]["oneOf"].as_array().expect("rows").iter();
    rows.map(|row| {
        let of = |name: &str| &row["properties"][name]["const"];
        let text = |name: &str| of(name).as_str().expect("text");
        (text("code"), of("status").as_u64().expect("a status"), text("title"))
    })
    .collect()
}

/// The responses to a path, or a method of a path, that the API does not have.
pub(super) fn elsewhere() -> Place {
    Place::at("/x-elsewhere".to_owned()).expect("x-elsewhere")
}
